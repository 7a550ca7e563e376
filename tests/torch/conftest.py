"""The models that the torch-free runtimes are held to sentence-transformers with."""

from __future__ import annotations

from pathlib import Path

import pytest

from turnout.cli.settings import from_environment
from turnout.embedding.prepare import minilm_source, prepare

pytest.importorskip("torch", reason="run `make test-torch`")


@pytest.fixture(scope="session")
def store() -> Path:
    """The store that the demo and other tests use too: preparing takes seconds."""
    return from_environment().models


@pytest.fixture(scope="session")
def minilm(store: Path) -> Path:
    """all-MiniLM-L6-v2, prepared."""
    return prepare(minilm_source(), store)
