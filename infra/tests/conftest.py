"""Fixtures: each stack rendered once, under mocks."""

from pathlib import Path

import pytest

from bootstrap.render import Recorder, objects, recorded

INFRA = Path(__file__).resolve().parents[1]
STACKS = ("development", "staging", "production")


@pytest.fixture(scope="session", params=STACKS)
def stack(request) -> str:
    return request.param


@pytest.fixture(scope="session")
def recorder(stack) -> Recorder:
    return recorded(stack)


@pytest.fixture(scope="session")
def rendered(recorder) -> list[dict]:
    return objects(recorder)
