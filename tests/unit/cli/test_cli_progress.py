"""What is told of an apply: to a person without broken names, and to a file as JSON lines."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from turnout.apply import Ended, Event, Started, Waiting
from turnout.cli.progress import Teller, as_json_lines
from turnout.follow import Counts, Progress
from turnout.plan import Backfill, CatchUp, ChangeMapping, CreateView, Flip, KeepFollowing, Stage, Verify
from turnout.verify import Check

STAGES: tuple[Stage, ...] = (
    CreateView(index_fingerprint="i-1"),
    Backfill(view=None, mode="embed", source_view=None, documents=3),
    CatchUp(view=None),
    Verify(view=None),
    Flip(view=None, from_view=None),
    KeepFollowing(view="v"),
    ChangeMapping(view="v", index_fingerprint="i-1", mappings={}, settings={}),
)
REASON = "the view " + "a-very-long-name-of-an-index." * 8 + "1 is whole"
EVENTS: tuple[Event, ...] = (
    Started(STAGES[1], 2, 5),
    Progress(counts=Counts(documents=2, live=2, embedded=3), total=4, seconds=0.5, round=1),
    Ended(STAGES[1], 1.25),
    Waiting("waiting for the view, which shard 0 makes", 10.0),
    Check(name="parity", verdict="pass", reason=REASON, evidence={"documents": 3}, seconds=0.1),
)


class Watched(io.StringIO):
    """Counts how often it was flushed."""

    flushed = 0

    def flush(self) -> None:
        self.flushed += 1


def test_every_event_is_one_line_written_at_once_and_passed_on() -> None:
    file, heard = Watched(), list[Event]()
    listen = as_json_lines(file, heard.append)
    for number, event in enumerate(EVENTS, start=1):
        listen(event)
        assert (len(file.getvalue().splitlines()), file.flushed) == (number, number)
    assert tuple(heard) == EVENTS
    lines = [json.loads(line) for line in file.getvalue().splitlines()]
    assert all(line.pop("at").endswith("+00:00") for line in lines)
    assert lines[0] == {"event": "started", "stage": "backfill", "number": 2, "of": 5}
    assert lines[1] | {"documents": 2, "embedded": 3, "total": 4, "eta_s": 0.5, "round": 1} == lines[1]
    assert lines[2] == {"event": "ended", "stage": "backfill", "seconds": 1.25}
    assert lines[3] == {"event": "waiting", "what": "waiting for the view, which shard 0 makes", "seconds": 10.0}
    assert lines[4]["evidence"] == {"documents": 3}
    assert (lines[4]["event"], lines[4]["name"], lines[4]["verdict"]) == ("check", "parity", "pass")


def test_stages_have_the_names_that_are_documented() -> None:
    file = io.StringIO()
    listen = as_json_lines(file, lambda event: None)
    for stage in STAGES:
        listen(Started(stage, 1, 1))
    names = [json.loads(line)["stage"] for line in file.getvalue().splitlines()]
    assert names == ["create-view", "backfill", "catch-up", "verify", "flip", "keep-following", "change-mapping"]


@pytest.mark.parametrize("terminal", [True, False])
def test_long_names_are_not_broken_however_narrow_it_is(terminal: bool) -> None:
    out = io.StringIO()
    console = Console(file=out, width=30, force_terminal=terminal, soft_wrap=True)
    with Teller(console) as teller:
        for event in EVENTS:
            teller(event)
    assert REASON in out.getvalue()
    assert "backfill" in out.getvalue()
