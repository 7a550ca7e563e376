"""For any two releases: what only tightens is let through, and a single loosening among it never is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from support.releases import make_release, merged
from turnout.plan.policy import breaches
from turnout.plan.weakened import GATES
from turnout.release.artifacts import Policy, Release

WATCHED = {"gates-weakened", "rate-limit-raised", "budget-raised"}
SHARE = (0.02, 0.98)
COUNT = (2, 5000)


@dataclass(frozen=True)
class Knob:
    """A setting: where it is, between what it lies, which way is looser, which rule says so."""

    path: str
    low: float
    high: float
    looser: int
    rule: str


def _gate(path: str, low: float, high: float) -> Knob:
    return Knob(f"gates.{path}", low, high, 1 if GATES[path] == "higher" else -1, "gates-weakened")


KNOBS = [
    _gate("verify.attestation.min_cosine", *SHARE),
    _gate("verify.placeholders.max_share", *SHARE),
    _gate("verify.ann_recall.k", *COUNT),
    _gate("verify.ann_recall.min", *SHARE),
    _gate("verify.ann_recall.queries", *COUNT),
    _gate("verify.quality.max_loss", *SHARE),
    _gate("verify.quality.min_queries", *COUNT),
    _gate("rehearsal.min_judged", *SHARE),
    _gate("rehearsal.max_latency_ratio", 1.02, 10.0),
    _gate("rehearsal.unnoticed_ms", 1.0, 1000.0),
    _gate("rehearsal.slices.max_loss", *SHARE),
    _gate("rehearsal.slices.min_queries", *COUNT),
    _gate("canary.alpha", 0.001, 0.2),
    _gate("canary.beta", 0.001, 0.2),
    _gate("slo.availability", 0.51, 0.9999),
    _gate("slo.latency.within_ms", 1.0, 10_000.0),
    _gate("slo.latency.share", 0.51, 0.9999),
    Knob("pipeline.embed.rate_limit.requests_per_minute", 2, 10**6, 1, "rate-limit-raised"),
    Knob("pipeline.embed.rate_limit.tokens_per_minute", 2, 10**9, 1, "rate-limit-raised"),
    Knob("pipeline.budget.per_month", 0.1, 1e6, 1, "budget-raised"),
    Knob("pipeline.budget.per_backfill", 0.1, 1e6, 1, "budget-raised"),
]
PRICED = {"model": {"price": {"per_million_tokens": 0.1}}}
Values = dict[str, float]


def _inside(knob: Knob) -> st.SearchStrategy[float]:
    """Strictly between the ends, so that there is always room to either side."""
    if isinstance(knob.low, int):
        return st.integers(int(knob.low) + 1, int(knob.high) - 1)
    return st.floats(knob.low * 1.01, knob.high * 0.99)


def _towards(knob: Knob, value: float, *, looser: bool) -> st.SearchStrategy[float]:
    """Values on one side: tighter may stay as it is, looser is really looser."""
    up = (knob.looser > 0) is looser
    if isinstance(knob.low, int):
        step = int(looser)
        return st.integers(int(value) + step, int(knob.high)) if up else st.integers(int(knob.low), int(value) - step)
    gap = 1e-6 if looser else 0.0
    return st.floats(value + gap, knob.high) if up else st.floats(knob.low, value - gap)


BASES = st.fixed_dictionaries({knob.path: _inside(knob) for knob in KNOBS})
TIGHTER: Callable[[Values], st.SearchStrategy[Values]] = lambda values: st.fixed_dictionaries(  # noqa: E731
    {knob.path: _towards(knob, values[knob.path], looser=False) for knob in KNOBS}
)


def _release(values: Values) -> Release:
    changes: dict[str, Any] = PRICED
    for path, value in values.items():
        nested: Any = value
        for part in reversed(path.split(".")):
            nested = {part: nested}
        changes = merged(changes, nested)
    return make_release(**changes)


def _broken(base: Values, head: Values) -> set[str]:
    return {refusal.rule for refusal in breaches(Policy(), _release(base), _release(head))} & WATCHED


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.data())
def test_a_change_that_only_tightens_is_never_refused_for_loosening(data: st.DataObject) -> None:
    base = data.draw(BASES)
    assert _broken(base, data.draw(TIGHTER(base))) == set()


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.data())
def test_one_loosening_among_any_tightenings_is_always_refused_by_its_rule(data: st.DataObject) -> None:
    base = data.draw(BASES)
    knob = data.draw(st.sampled_from(KNOBS))
    loosened = data.draw(_towards(knob, base[knob.path], looser=True))
    assert _broken(base, data.draw(TIGHTER(base)) | {knob.path: loosened}) == {knob.rule}
