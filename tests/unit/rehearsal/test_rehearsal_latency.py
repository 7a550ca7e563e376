"""The latency of two releases: interleaved, warmed up, and a ratio with bounds that noise can't fool."""

from __future__ import annotations

import numpy as np
import pytest

from support.releases import make_release
from turnout.evaluation import JudgedQuery
from turnout.rehearsal.latency import QUERIES, ROUNDS, latency
from turnout.rehearsal.reasons import of_latency
from turnout.rehearsal.result import Latency
from turnout.release.artifacts import RehearsalGates

MANY = [JudgedQuery(id=f"q{n}", text=f"query {n}") for n in range(60)]


class Machine:
    """Two searches whose durations move a clock of their own."""

    def __init__(self, base_ms: float, head_ms: float, *, noise: float = 0.3, seed: int = 1) -> None:
        self._rng = np.random.default_rng(seed)
        self._noise = noise
        self._ms = {"base": base_ms, "head": head_ms}
        self.now = 0.0
        self.asked: list[tuple[str, str]] = []

    def measure(self, queries: list[JudgedQuery] = MANY) -> Latency | None:
        return latency(self._side("base"), self._side("head"), queries, seed=5, clock=lambda: self.now)

    def _side(self, name: str):  # type: ignore[no-untyped-def]
        def ask(query: JudgedQuery) -> None:
            self.asked.append((name, query.id))
            self.now += self._ms[name] * float(self._rng.lognormal(0, self._noise)) / 1000

        return ask


def test_equal_releases_have_a_ratio_around_one() -> None:
    found = Machine(20, 20).measure()
    assert found is not None
    assert found.ratio_low < 1 < found.ratio_high
    assert found.base_p50_ms == pytest.approx(20, rel=0.15)
    assert len(found.base_ms) == len(found.head_ms) == QUERIES * ROUNDS


def test_a_head_that_takes_three_times_as_long_is_surely_slower() -> None:
    found = Machine(20, 60).measure()
    assert found is not None
    assert found.ratio == pytest.approx(3, rel=0.15)
    assert 2 < found.ratio_low <= found.ratio <= found.ratio_high


def test_the_sides_take_turns_in_going_first() -> None:
    machine = Machine(1, 1)
    machine.measure()
    pairs = list(zip(machine.asked[10::2], machine.asked[11::2], strict=True))
    assert all(one[1] == other[1] and one[0] != other[0] for one, other in pairs)
    firsts = [one[0] for one, _ in pairs]
    assert firsts.count("base") == firsts.count("head")


def test_the_same_queries_are_asked_each_time() -> None:
    one, other = Machine(1, 1), Machine(2, 2, seed=9)
    one.measure(), other.measure()
    assert one.asked == other.asked


def test_without_queries_nothing_is_measured() -> None:
    assert Machine(1, 1).measure([]) is None


@pytest.mark.parametrize(
    ("low", "ms", "fails"), [(1.9, 80.0, False), (2.0, 80.0, False), (2.1, 80.0, True), (2.1, 49.0, False)]
)
def test_only_a_ratio_that_is_surely_above_the_gate_fails_and_only_where_somebody_waits(
    low: float, ms: float, fails: bool
) -> None:
    found = Latency(
        **dict.fromkeys(("base_p50_ms", "base_p95_ms", "head_p50_ms", "head_p95_ms"), ms),
        queries=1,
        rounds=1,
        ratio=2.5,
        ratio_low=low,
        ratio_high=3.0,
        base_ms=(),
        head_ms=(),
    )
    gates = make_release().gates
    assert gates.rehearsed == RehearsalGates()
    assert [reason.rule for reason in of_latency(found, gates)] == (["latency"] if fails else [])
