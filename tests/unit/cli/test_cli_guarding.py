"""Who may change what belongs to an environment: its own processes, and whoever says its name."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest

import turnout.cli
from turnout.cli.guarding import guard
from turnout.cli.main import VERBS, root
from turnout.elastic.names import Names
from turnout.errors import BadInput, Unavailable

NAMES = Names(collection="toys", prefix="p-")
FOLDER = Path(turnout.cli.__file__).parent
WRITES = re.compile(r"settings\.writer\(\)|settings\.write_key|cli\.applying import .*\bcontext\b")
# Makes what the others use; works under names of its own; guards itself in every round.
NOT_VERBS = {"settings", "applying", "walking", "controlling", "judging"}


def settings(recorded: str, own: str = "") -> Any:
    return SimpleNamespace(environment=own, reader=lambda: SimpleNamespace(environment=lambda names: recorded))


@pytest.mark.parametrize(
    ("recorded", "own", "confirmed"),
    [
        ("", "", None),
        ("", "production", None),
        ("", "", "production"),
        ("production", "production", None),
        ("production", "", "production"),
        ("production", "staging", "production"),
    ],
)
def test_what_belongs_to_nobody_to_oneself_or_to_the_named_environment_may_be_changed(
    recorded: str, own: str, confirmed: str | None
) -> None:
    guard(settings(recorded, own), NAMES, confirmed)


@pytest.mark.parametrize(
    ("own", "confirmed"),
    [("", None), ("staging", None), ("", "staging"), ("", "Production"), ("", ""), ("production", "staging")],
)
def test_another_environment_is_refused_with_its_name_and_the_way_to_mean_it(own: str, confirmed: str | None) -> None:
    with pytest.raises(BadInput) as raised:
        guard(settings("production", own), NAMES, confirmed)
    assert "belongs to the environment 'production'" in raised.value.what
    assert raised.value.remedy.endswith("--environment production")


def test_nothing_is_allowed_where_nobody_can_say_whose_it_is() -> None:
    def away(names: Names) -> str:
        raise Unavailable("refused")

    asked: Any = SimpleNamespace(environment="", reader=lambda: SimpleNamespace(environment=away))
    with pytest.raises(Unavailable):
        guard(asked, NAMES, "production")


def test_every_verb_that_writes_asks_the_guard_and_can_be_confirmed() -> None:
    writing = {path.stem for path in FOLDER.glob("*.py") if WRITES.search(path.read_text())} - NOT_VERBS
    assert {"freeze", "retire", "ingest", "adopt", "plan", "follow", "revert"} <= writing
    for module in sorted(writing | {"apply"}):
        assert "guard" in (FOLDER / f"{module}.py").read_text(), module
        if module in VERBS:
            assert _has_option(module), module


def _has_option(verb: str) -> bool:
    command = root.get_command(click.Context(root), verb)
    commands = command.commands.values() if isinstance(command, click.Group) else [command]
    return any("--environment" in parameter.opts for each in commands if each for parameter in each.params)
