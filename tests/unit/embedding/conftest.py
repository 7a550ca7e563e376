"""A store of its own for each module's tests."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store of prepared models."""
    return tmp_path_factory.mktemp("models")
