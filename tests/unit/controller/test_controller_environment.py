"""A controller says whose the indexes are, and does nothing to those of another environment."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from support.fake_cluster import FakeMemory
from turnout.controller.environment import claim
from turnout.controller.tools import Deposed
from turnout.elastic.names import Names
from turnout.elastic.state import ENVIRONMENT_KEY, Environment
from turnout.errors import Refused

NAMES = Names("toys")


def tools(memory: FakeMemory, environment: str, check: Callable[[], None] = lambda: None) -> Any:
    return SimpleNamespace(
        elastic=memory, elastic_writer=memory, names=NAMES, environment=environment, check=check, now=lambda: "now"
    )


def test_the_environment_is_recorded_once_for_all_collections() -> None:
    memory = FakeMemory()
    claim(tools(memory, "staging"))
    claim(tools(memory, "staging"))
    assert memory.records == {ENVIRONMENT_KEY: Environment(collection="", at="now", name="staging")}
    assert memory.writes == 1


@pytest.mark.parametrize("own", ["staging", ""])
def test_the_indexes_of_another_environment_are_refused_and_stay_its_own(own: str) -> None:
    memory = FakeMemory()
    claim(tools(memory, "production"))
    with pytest.raises(Refused, match="belong to the environment 'production'"):
        claim(tools(memory, own))
    assert memory.environment(NAMES) == "production"


def test_of_two_environments_that_claim_at_once_one_is_refused() -> None:
    memory = FakeMemory()

    def overtaken() -> None:
        memory.records[ENVIRONMENT_KEY] = Environment(collection="", at="now", name="production")

    with pytest.raises(Refused):
        claim(tools(memory, "staging", overtaken))


def test_who_has_no_environment_records_none() -> None:
    memory = FakeMemory()
    claim(tools(memory, ""))
    assert memory.writes == 0


def test_who_may_not_act_records_nothing() -> None:
    def deposed() -> None:
        raise Deposed

    memory = FakeMemory()
    with pytest.raises(Deposed):
        claim(tools(memory, "staging", deposed))
    assert memory.writes == 0
