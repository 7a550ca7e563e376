"""How large things are and where requests go, for Prometheus: as long as the last look, and nobody's round waits."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from prometheus_client import CollectorRegistry

from support.fake_cluster import FakeMemory
from support.observing import COLLECTION, FIRST, MODEL, healthy, record, revision, rollout, trial, view, view_name
from turnout.controller.actions import Decision
from turnout.controller.board import STALE_S, Board
from turnout.controller.observed import Observed
from turnout.controller.retiring import to_retire
from turnout.controller.sizes import EVERY_S, Scale
from turnout.controller.sizes_board import SizeBoard
from turnout.elastic.names import Names
from turnout.errors import Unavailable

NOTHING = Decision(actions=(), standings=(), problems={})
INDEX = view_name(FIRST)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Counting(FakeMemory):
    """Counts what it was asked."""

    asked = 0

    def count(self, index: str, query: Any = None) -> int:
        self.asked += 1
        return super().count(index, query)


def scale(memory: FakeMemory, board: SizeBoard, clock: Clock) -> Scale:
    tools: Any = SimpleNamespace(elastic=memory, names=Names(COLLECTION))
    return Scale(tools, board, clock=clock)


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(f"turnout_{name}", {"collection": COLLECTION, **labels})


def shown(observed: Observed) -> tuple[CollectorRegistry, Board, Clock]:
    clock, registry = Clock(), CollectorRegistry()
    board = Board(lambda: True, clock=clock)
    registry.register(board)
    board.show(observed, NOTHING)
    return registry, board, clock


def test_a_view_has_what_it_should_hold_beside_what_it_lacks() -> None:
    registry, _, _ = shown(healthy(operations=42))
    assert value(registry, "view_target_operations", view=INDEX) == 42.0
    assert value(registry, "view_behind_operations", view=INDEX) == 0.0


def test_the_share_of_requests_is_shown_for_stable_and_canary() -> None:
    observed = healthy(
        rollout=rollout(shares={"s": 0.75, "c": 0.25, "old": 0.0}),
        revisions=(revision(MODEL, "canary", hash="c"), revision(FIRST, "stable", hash="s")),
    )
    registry, _, _ = shown(observed)
    labels = ("release", "rollouts_pod_template_hash")
    found = [value(registry, "rollout_weight", **dict(zip(labels, each, strict=True))) for each in (
        (FIRST.id, "s"), (MODEL.id, "c"), ("", "old"))]  # fmt: skip
    assert found == [0.75, 0.25, None]
    registry, _, _ = shown(trial(MODEL))
    assert value(registry, "rollout_weight", release=MODEL.id, rollouts_pod_template_hash=MODEL.id) == 0.0


def test_indexes_are_measured_once_a_minute() -> None:
    memory, clock = Counting(), Clock()
    registry, board, _ = shown(healthy())
    measuring = scale(memory, board.sizes, clock)
    measuring.round(healthy())
    first = memory.asked
    clock.now += EVERY_S - 1
    measuring.round(healthy())
    assert (first, memory.asked) == (3, 3)  # the view, documents and dead letters
    clock.now += 1
    measuring.round(healthy())
    assert memory.asked == 6
    assert value(registry, "index_documents", index=INDEX) == 7.0
    assert value(registry, "index_documents", index=f"{COLLECTION}.documents") == 7.0
    assert value(registry, "index_bytes", index=INDEX) == 1000.0
    assert value(registry, "dead_letters") == 7.0


def test_a_view_that_waits_for_its_deletion_is_not_counted_for_a_count_is_a_search() -> None:
    registry, board, _ = shown(healthy())
    spare = view(MODEL, name="spare")
    observed = healthy(views=(view(FIRST), spare), records=(record(FIRST, "live"), record(MODEL, "failed", of="spare")))
    assert to_retire(observed) == ("spare",)
    scale(FakeMemory(), board.sizes, Clock()).round(observed)
    assert value(registry, "index_documents", index="spare") is None
    assert value(registry, "index_bytes", index="spare") == 1000.0


def test_what_cant_be_measured_holds_up_nothing_and_old_figures_end_with_the_look() -> None:
    memory, clock = FakeMemory(), Clock()
    registry, board, seen = shown(healthy())
    measuring = scale(memory, board.sizes, clock)
    measuring.round(healthy())
    memory.down = True
    clock.now += EVERY_S
    measuring.round(healthy())
    assert value(registry, "dead_letters") == 7.0
    seen.now += STALE_S + 1
    assert value(registry, "dead_letters") is None
    assert value(registry, "view_target_operations", view=INDEX) is None


def test_a_view_whose_shards_are_down_hides_nothing_else() -> None:
    class Red(FakeMemory):
        def count(self, index: str, query: Any = None) -> int:
            if index == view_name(MODEL):
                raise Unavailable("no shard of it is up")
            return super().count(index, query)

    registry, board, _ = shown(healthy())
    observed = trial(MODEL, views=(view(FIRST), view(MODEL)))
    assert not to_retire(observed)
    scale(Red(), board.sizes, Clock()).round(observed)
    assert value(registry, "index_documents", index=INDEX) == 7.0
    assert value(registry, "index_documents", index=view_name(MODEL)) is None
    assert value(registry, "index_bytes", index=view_name(MODEL)) == 1000.0
    assert value(registry, "dead_letters") == 7.0
