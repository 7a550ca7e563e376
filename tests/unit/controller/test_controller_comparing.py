"""Comparing followed views now and then: never in a round's way, once for all replicas, and told when they differ."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from msgspec.structs import replace

from support.fake_cluster import FakeMemory
from support.observing import COLLECTION, FIRST, MODEL, follower, healthy, record, trial, view, view_name
from turnout.controller.comparing import ParityWatch
from turnout.controller.comparing_board import ParityBoard
from turnout.controller.comparing_due import AGAIN_S, broken, compared_views, due
from turnout.controller.comparing_work import AT_ONCE
from turnout.controller.observed import Observed
from turnout.controller.tools import Deposed, Tools
from turnout.elastic.names import Names
from turnout.elastic.state import ParityRecord
from turnout.elastic.views import View
from turnout.errors import Refused, Unavailable
from turnout.verify.report import Check

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)
SIX_HOURS = 21_600.0
INDEX = view_name(FIRST)
EQUAL = Check(name="parity", verdict="pass", reason="equal", evidence={"differences": {}})
DIFFERENT = Check(
    name="parity",
    verdict="fail",
    reason="1 missing (for example secret-id)",
    evidence={"differences": {"missing": {"count": 3, "examples": ["secret-id"]}, "stale": {"count": 1}}},
)


def known(index: str = INDEX, *, ago_s: float = 0.0, uuid: str = "", **more: Any) -> dict[str, ParityRecord]:
    at = (NOW - timedelta(seconds=ago_s)).isoformat()
    found = ParityRecord(
        collection=COLLECTION, at=at, view=index, view_uuid=uuid or index, **{"compared_at": at, **more}
    )
    return {found.key: found}


class World:
    """A leader whose comparisons end when the test says so."""

    def __init__(self) -> None:
        self.memory, self.board = FakeMemory(), ParityBoard()
        self.leads = True
        self.result: Check | Exception = EQUAL
        self.begun: list[str] = []
        self.go_on = threading.Event()
        self.watch = self.restarted()

    def restarted(self, every_s: float = SIX_HOURS) -> ParityWatch:
        nothing, memory = cast(Any, None), cast(Any, self.memory)
        tools = Tools(
            kube=nothing, kube_writer=nothing, elastic=memory, elastic_writer=memory, names=Names(COLLECTION),
            host=nothing, check=self.check, now=lambda: datetime.now(UTC).isoformat(), parity_every_s=every_s,
        )  # fmt: skip
        return ParityWatch(tools, self.board, compare=self.compare)

    def check(self) -> None:
        if not self.leads:
            raise Deposed

    def compare(self, view: View, tools: Tools, check: Callable[[], None]) -> Check:
        self.begun.append(view.index)
        while not self.go_on.wait(0.005):
            check()
        if isinstance(self.result, Exception):
            raise self.result
        return self.result

    def settle(self, observed: Observed, watch: ParityWatch | None = None) -> dict[str, str]:
        """Let what is compared come to its end, and write it down; what is wrong then."""
        (watch or self.watch).round(observed)
        self.go_on.set()
        ended()
        return (watch or self.watch).round(observed)

    def known(self) -> ParityRecord:
        found = self.memory.records[f"parity:{INDEX}"]
        assert isinstance(found, ParityRecord)
        return found

    def series(self) -> dict[tuple[str, ...], float]:
        return {
            (sample.name.removeprefix("turnout_view_parity_"), *list(sample.labels.values())[1:]): sample.value
            for family in self.board.collect()
            for sample in family.samples
        }


def ended() -> None:
    for thread in threading.enumerate():
        if thread.name == "parity":
            thread.join(5)


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.leads = False
    made.go_on.set()
    ended()


def test_a_round_doesnt_wait_for_a_comparison_and_begins_no_second_one(world: World) -> None:
    for _ in range(3):
        assert world.watch.round(healthy()) == {}
    assert (world.begun, world.memory.writes) == ([INDEX], 0)


def test_a_view_that_is_equal_is_written_down_and_not_compared_again_after_a_restart(world: World) -> None:
    assert world.settle(healthy()) == {}
    world.restarted().round(healthy())
    ended()
    assert (world.begun, world.memory.writes) == ([INDEX], 1)
    shown = world.series()
    assert shown.pop(("turnout_view_searched", INDEX)) == 1.0
    assert shown.pop(("timestamp_seconds", INDEX)) == pytest.approx(datetime.now(UTC).timestamp(), abs=60)
    assert shown == {("differences", INDEX, kind): 0.0 for kind in ("missing", "stale", "ahead", "unknown", "resurrected")}  # fmt: skip  # noqa: E501


def test_a_difference_is_a_problem_with_counts_and_without_ids_until_it_is_over(world: World) -> None:
    world.result = DIFFERENT
    (sentence,) = world.settle(healthy()).values()
    assert sentence == (
        f"{INDEX}, which is searched, differs from documents: 3 missing (live in documents, not searchable in the "
        "view), 1 stale (older in the view than in documents)"
    )
    assert "secret-id" not in str(world.memory.records)
    assert world.restarted().round(healthy()) == {"parity-broken": sentence}
    assert world.series()["differences", INDEX, "missing"] == 3.0
    world.result = EQUAL
    assert world.settle(healthy(), world.restarted(every_s=1e-9)) == {}
    assert world.series()["differences", INDEX, "missing"] == 0.0


def test_where_nothing_is_compared_nothing_is_said(world: World) -> None:
    world.result = DIFFERENT
    world.settle(healthy())
    assert world.restarted(every_s=0.0).round(healthy()) == {}
    assert (world.begun, world.series()) == ([INDEX], {})


def test_a_view_that_was_never_compared_gets_old_all_the_same(world: World) -> None:
    world.result = Refused("the follower doesn't come up")
    began = datetime.now(UTC).timestamp()
    world.settle(healthy())
    first = world.series()
    assert first.pop(("turnout_view_searched", INDEX)) == 1.0
    world.watch.round(healthy())
    assert first.items() < world.series().items()
    assert first.keys() == {("timestamp_seconds", INDEX)}
    assert began <= first["timestamp_seconds", INDEX] <= datetime.now(UTC).timestamp()
    world.watch.round(healthy(views=()))
    assert world.series() == {}


@pytest.mark.parametrize("error", [Refused("the follower doesn't come up"), Unavailable("away"), KeyError("a bug")])
def test_what_couldnt_be_compared_leaves_what_was_known_and_ends_no_problem(world: World, error: Exception) -> None:
    world.result = DIFFERENT
    before = world.settle(healthy())
    compared_at = world.known().compared_at
    world.result = error
    assert world.settle(healthy(), world.restarted(every_s=1e-9)) == before
    after = world.known()
    assert (after.compared_at, after.differences, bool(after.reason)) == (compared_at, {"missing": 3, "stale": 1}, True)


def test_who_is_deposed_or_nobody_follows_any_more_stops_and_writes_nothing(world: World) -> None:
    world.watch.round(healthy())
    world.watch.round(healthy(views=()))
    ended()
    world.watch.round(healthy())
    world.leads = False
    ended()
    assert (world.begun, world.memory.writes) == ([INDEX, INDEX], 0)


def test_a_comparison_of_a_view_that_nobody_follows_any_more_leaves_no_record(world: World) -> None:
    world.result = KeyError("its index is gone")
    world.watch.round(healthy())
    world.go_on.set()
    ended()
    world.watch.round(healthy(views=()))
    assert (world.begun, world.memory.writes) == ([INDEX], 0)


def test_a_thread_that_cant_be_started_is_tried_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", full)
        assert world.watch.round(healthy()) == {}
    world.settle(healthy())
    assert (world.begun, world.memory.writes) == ([INDEX], 1)


def test_a_result_is_kept_until_it_can_be_written(world: World) -> None:
    world.watch.round(healthy())
    world.go_on.set()
    ended()
    world.memory.down = True
    assert world.watch.round(healthy()) == {}
    world.memory.down = False
    world.watch.round(healthy())
    assert (world.begun, world.memory.writes) == ([INDEX], 1)


def test_of_many_collections_a_few_are_compared_at_once_and_the_others_wait_and_can_be_stopped(world: World) -> None:
    watches = [world.restarted() for _ in range(6)]
    for watch in watches:
        watch.round(healthy())
    until = time.monotonic() + 5
    while len(world.begun) < AT_ONCE and time.monotonic() < until:
        time.sleep(0.005)
    time.sleep(0.05)
    assert len(world.begun) == AT_ONCE
    world.leads = False
    ended()
    assert len(world.begun) == AT_ONCE
    world.leads = True
    world.settle(healthy())
    assert world.memory.writes == 1


def test_every_followed_view_is_compared_the_searched_one_first(world: World) -> None:
    both = replace(trial(MODEL), views=(view(MODEL), view(FIRST)), work=(follower(INDEX, FIRST),))
    both = replace(both, records=(record(FIRST, "live"), record(MODEL, "ready")))
    for _ in range(2):
        world.settle(both)
    assert world.begun == [INDEX, view_name(MODEL)]


def test_the_views_of_stable_and_canary_and_where_the_alias_is_are_told_as_searched(world: World) -> None:
    other = view_name(MODEL)
    both = replace(trial(MODEL), views=(view(MODEL), view(FIRST)))
    for observed, expected in (
        # Not verified yet: its pods aren't ready.
        (replace(both, records=(record(FIRST, "live"), record(MODEL, "building"))), {INDEX: 1.0, other: 0.0}),
        (replace(both, records=(record(FIRST, "live"), record(MODEL, "ready"))), {INDEX: 1.0, other: 1.0}),
        (replace(both, records=(record(FIRST, "live"),), targets=frozenset({other})), {INDEX: 1.0, other: 1.0}),
        (healthy(), {INDEX: 1.0}),
    ):
        world.watch.round(observed)
        told = {key[1]: value for key, value in world.series().items() if key[0] == "turnout_view_searched"}
        assert told == expected


def test_a_view_is_compared_when_it_never_was_and_again_after_a_while() -> None:
    views = compared_views(healthy())

    def index(records: dict[str, ParityRecord], every_s: float = SIX_HOURS) -> str | None:
        chosen = due(views, records, now=NOW, every_s=every_s)
        return chosen.view.index if chosen is not None else None

    assert index({}) == INDEX
    assert index(known(ago_s=SIX_HOURS - 1)) is None
    assert index(known(ago_s=SIX_HOURS)) == INDEX
    assert index(known(ago_s=AGAIN_S, differences={"missing": 1})) == INDEX
    assert index(known(ago_s=AGAIN_S, reason="its follower was away")) == INDEX
    assert index(known(ago_s=AGAIN_S - 1, differences={"missing": 1})) is None
    assert index(known(uuid="an index of that name that is gone")) == INDEX


@pytest.mark.parametrize("changes", [{"behind": None}, {"behind": 1001}, {"filled": False}])
def test_a_view_that_is_being_filled_or_far_behind_is_not_compared(changes: dict[str, Any]) -> None:
    views = compared_views(healthy(views=(view(FIRST, **changes),)))
    assert due(views, {}, now=NOW, every_s=SIX_HOURS) is None


def test_a_view_that_was_made_anew_or_isnt_followed_is_no_problem() -> None:
    differs = known(differences={"missing": 1})
    views = compared_views(healthy())
    assert broken(views, differs, frozenset())["parity-broken"].startswith(f"{INDEX} differs")
    assert broken(views, known(uuid="another", differences={"missing": 1}), frozenset()) == {}
    assert broken({}, differs, frozenset()) == {}
