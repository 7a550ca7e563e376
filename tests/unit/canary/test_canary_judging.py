"""A judgment says what it found in words, and how much more it takes; with a problem it never decides."""

from __future__ import annotations

import itertools
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.canary_counts import SINCE, WINDOW_S, each, first_windows, trial
from turnout.canary.judging import judge
from turnout.canary.judgment import Judgment
from turnout.canary.samples import Counts, Samples
from turnout.canary.words import duration, undecided
from turnout.release.artifacts import CanaryGates

GATES = CanaryGates()
HEALTHY, FAILING, SLOW = (trial(1, **canary) for canary in ({}, {"errors": 0.03}, {"median_s": 0.1}))


def test_a_failing_canary_is_named_with_both_shares_and_the_time() -> None:
    found = judge(FAILING, GATES)
    assert found.verdict == "fail"
    errors = found.evidence[0]
    assert errors.failed_at is not None
    windows = round((errors.failed_at - SINCE) / WINDOW_S)
    canary, stable = (float(side.requests[:windows].sum()) for side in (FAILING.canary, FAILING.stable))
    assert found.reason.startswith("errors: ")
    assert f"of the canary's {canary:,.0f} searches against" in found.reason
    assert f"of stable's {stable:,.0f}; this sure after {windows * 30} s" in found.reason
    assert (found.needed_requests, found.needed_seconds) == (None, None)


def test_a_slow_canary_is_named_with_the_bound() -> None:
    found = judge(SLOW, GATES)
    assert found.verdict == "fail"
    latency = found.evidence[1]
    assert latency.bound is not None
    assert f"searches took longer than {duration(latency.bound)} against" in found.reason
    assert latency.canary_events / latency.canary_requests > latency.stable_events / latency.stable_requests
    assert latency.harm >= latency.harm_needed


def test_a_reason_does_not_change_as_time_goes_on() -> None:
    assert judge(first_windows(FAILING, 10), GATES).reason == judge(FAILING, GATES).reason


def test_a_healthy_canary_passes_when_all_metrics_have() -> None:
    found = judge(HEALTHY, GATES)
    assert found.verdict == "pass"
    last = max(each.passed_at or 0.0 for each in found.evidence)
    searches = float(HEALTHY.canary.requests[: round((last - SINCE) / WINDOW_S)].sum())
    assert found.reason.endswith(f"and {searches:,.0f} of the canary's searches")
    assert all(each.safe >= each.safe_needed for each in found.evidence)


def test_too_little_traffic_is_inconclusive_with_how_much_more_it_takes() -> None:
    found = judge(first_windows(HEALTHY, 3), GATES)
    assert found.verdict == "inconclusive"
    assert found.needed_requests is not None
    assert found.needed_seconds is not None
    rate = float(HEALTHY.canary.requests[:3].sum()) / (3 * WINDOW_S)
    assert found.needed_seconds == pytest.approx(found.needed_requests / rate)
    assert "not enough evidence yet: about " in found.reason
    assert "more searches" in found.reason


def test_as_many_more_searches_are_about_what_it_takes() -> None:
    """Half of healthy canaries pass sooner and half later, within a factor of two."""
    early = [judge(first_windows(trial(seed, windows=90), 4), GATES).needed_requests for seed in range(20)]
    took = []
    for seed in range(20):
        samples = trial(seed, windows=90)
        passed = [each.passed_at for each in judge(samples, GATES).evidence]
        windows = round((max(at if at is not None else samples.ends[-1] for at in passed) - SINCE) / WINDOW_S)
        took.append(float(samples.canary.requests[4:windows].sum()))
    assert all(each is not None for each in early)
    assert 0.5 < np.median([float(each or 0) for each in early]) / np.median(took) < 2


def test_a_canary_without_searches_is_told_what_it_needs() -> None:
    silent = replace(HEALTHY, canary=each(HEALTHY.canary, lambda counts, _: counts * 0))
    found = judge(silent, GATES)
    assert found.verdict == "inconclusive"
    assert found.reason.startswith("the canary has answered no search yet: about ")
    assert found.needed_requests
    assert found.needed_seconds is None


def test_nothing_counted_at_all_is_inconclusive() -> None:
    for nothing in (trial(2, per_window=0.0), trial(2, windows=0), trial(2, windows=0, history=0)):
        found = judge(nothing, GATES)
        assert found.verdict == "inconclusive"
        assert found.needed_requests
        assert finite(found)


@pytest.mark.parametrize("samples", [HEALTHY, FAILING])
def test_with_a_problem_it_never_decides(samples: Samples) -> None:
    found = judge(replace(samples, problems=("Prometheus answered only in part", "clocks differ")), GATES)
    assert found.verdict == "inconclusive"
    assert found.reason == "Prometheus answered only in part; clocks differ"
    assert found.evidence


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -1.0])
@pytest.mark.parametrize("side", ["canary", "stable", "history", "history_pods"])
def test_what_is_no_count_is_a_problem(wrong: float, side: str) -> None:
    counts = getattr(HEALTHY, side).errors.copy()
    counts[..., 2] = wrong
    found = judge(replace(HEALTHY, **{side: replace(getattr(HEALTHY, side), errors=counts)}), GATES)
    assert found.verdict == "inconclusive"
    assert "numbers that can't be counts" in found.reason
    assert not found.evidence


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 6), st.sampled_from([0.0, 0.4, 20.0, 1e9]), st.floats(0, 1))
def test_any_counts_give_a_judgment_of_finite_numbers(seed: int, windows: int, scale: float, sparse: float) -> None:
    rng = np.random.default_rng(seed)

    def any_counts(counts: Counts, _: bool) -> Counts:
        return np.where(rng.random(counts.shape) < sparse, 0.0, np.round(rng.random(counts.shape) * scale))

    samples = trial(3, windows=windows, history=4)
    strange = replace(samples, canary=each(samples.canary, any_counts), stable=each(samples.stable, any_counts))
    found = judge(strange, GATES)
    assert finite(found)
    assert msgspec.json.decode(msgspec.json.encode(found), type=Judgment) == found


def finite(found: Judgment) -> bool:
    figures = [value for each in found.evidence for value in msgspec.structs.astuple(each) if isinstance(value, float)]
    return bool(np.isfinite([*figures, found.needed_seconds or 0.0]).all())


def test_evidence_never_falls_and_starts_at_none() -> None:
    found = [judge(first_windows(FAILING, count), GATES).evidence for count in (0, 1, 2, 5, 20)]
    assert all(each.harm == each.safe == 0 for each in found[0])
    for early, late in itertools.pairwise(found):
        assert all(before.harm <= after.harm for before, after in zip(early, late, strict=True))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.025, "25 ms"),
        (0.25, "250 ms"),
        (2.5, "2.5 s"),
        (90, "90 s"),
        (600, "10 min"),
        (9000, "2.5 h"),
        (7e8, "194,444.4 h"),
    ],
)
def test_a_duration_is_short(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_unknown_need_is_said() -> None:
    assert "too little is known" in undecided(["errors"], searches=5.0, needed=None, needed_s=None)
    assert undecided(["errors", "empty"], searches=5.0, needed=1234, needed_s=86.0) == (
        "not enough evidence yet: about 1,300 more searches, 86 s at this rate, if it behaves as stable does; "
        "waiting for errors and empty answers"
    )
