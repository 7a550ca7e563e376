"""The whole test over time: what fails, what passes, and that it is fair, whatever the traffic."""

from __future__ import annotations

import math
import time
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from support.canary_counts import BOUNDS, each, first_windows, one_of, trial
from turnout.canary import latency
from turnout.canary.course import METRICS, Course, course
from turnout.canary.samples import Counts, Samples, Side
from turnout.release.artifacts import CanaryGates

GATES = CanaryGates()


def failed(samples: Samples, gates: CanaryGates = GATES) -> Counts:
    return course(samples, gates).failed_at


def metric(found: Course, name: str):
    return found.metrics[METRICS.index(name)]


def test_a_healthy_canary_is_hardly_ever_stopped_and_mostly_passes() -> None:
    found = course(trial(1, (200,), windows=60), GATES)
    assert (found.failed_at >= 0).mean() <= 0.02
    assert (found.passed_at >= 0).mean() > 0.95


@pytest.mark.parametrize(
    ("guilty", "canary", "windows"),
    [
        ("errors", {"errors": 0.02}, 8),
        ("errors", {"errors": 0.2}, 2),
        ("latency", {"median_s": 0.096}, 4),
        ("empty", {"empty": 0.06}, 8),
    ],
)
def test_a_worse_canary_is_stopped_soon_for_what_is_worse(guilty: str, canary: dict[str, float], windows: int) -> None:
    found = course(trial(2, (100,), **canary), GATES)
    assert (found.failed_at >= 0).all()
    assert np.median(found.failed_at) < windows
    np.testing.assert_array_equal(metric(found, guilty).failed_at, found.failed_at)


def test_a_canary_beyond_its_margin_is_hardly_ever_promoted() -> None:
    found = course(trial(3, (300,), errors=0.0101), GATES)
    assert ((found.passed_at >= 0) & (found.failed_at < 0)).mean() <= GATES.beta


def test_an_incident_that_hits_both_sides_blames_nobody() -> None:
    samples = trial(4, (200,))
    rng = np.random.default_rng(4)

    def hit(of):
        extra = rng.binomial(of.answered[..., 10:20].astype(int), 0.2)
        errors = of.errors.copy()
        errors[..., 10:20] += extra
        return replace(of, errors=errors)

    found = failed(replace(samples, canary=hit(samples.canary), stable=hit(samples.stable)))
    assert (found >= 0).mean() <= 0.02


def test_an_incident_that_the_canary_is_scraped_into_first_blames_nobody() -> None:
    """Half of one window is already of the incident on the canary's side and not yet on stable's."""
    samples = trial(9, (50,))

    def errs(side: Side, begin: int, part: float) -> Side:
        errors = side.errors.copy()
        errors[..., begin] = np.round(side.requests[..., begin] * part)
        errors[..., begin + 1 : 20] = side.requests[..., begin + 1 : 20]
        return replace(side, errors=errors)

    out_of_phase = replace(samples, canary=errs(samples.canary, 10, 0.5), stable=errs(samples.stable, 10, 0.0))
    assert (failed(out_of_phase) < 0).all()


def test_alpha_is_split_over_the_metrics_as_gates_say() -> None:
    found = course(trial(5), GATES)
    spent = [math.exp(-each.harm_needed) for each in found.metrics]
    assert spent == pytest.approx([GATES.alpha * share for share in (0.4, 0.4, 0.1, 0.1)])
    assert {each.safe_needed for each in found.metrics} == {-math.log(GATES.beta)}


def test_without_searches_nothing_passes_or_fails() -> None:
    samples = trial(6, per_window=0.0)
    found = course(samples, GATES)
    assert (int(found.failed_at), int(found.passed_at)) == (-1, -1)
    assert all(np.isfinite(each.harm).all() and np.isfinite(each.safe).all() for each in found.metrics)


def test_a_canary_that_only_errs_never_passes_on_latency() -> None:
    samples = trial(7)
    errs = each(samples.canary, lambda counts, _: counts * 0)
    errs = replace(errs, requests=samples.canary.requests, errors=samples.canary.requests)
    found = course(replace(samples, canary=errs), GATES)
    assert int(found.failed_at) == 1
    assert int(metric(found, "latency").passed_at) == -1


def test_what_is_decided_stays_decided_as_windows_are_added() -> None:
    samples = trial(8, (20,), errors=0.012)
    whole = course(samples, GATES)
    for count in (5, 17, 33):
        part = course(first_windows(samples, count), GATES)
        for early, late in zip(part.metrics, whole.metrics, strict=True):
            np.testing.assert_allclose(early.harm, late.harm[..., :count], rtol=1e-9, atol=1e-9)
            np.testing.assert_allclose(early.safe, late.safe[..., :count], rtol=1e-9, atol=1e-9)
        known = (whole.failed_at >= 0) & (whole.failed_at < count)
        np.testing.assert_array_equal(part.failed_at, np.where(known, whole.failed_at, -1))


def test_leading_axes_give_the_same_as_one_at_a_time() -> None:
    many = trial(9, (6,), windows=15)
    together = course(many, GATES)
    for at in range(6):
        alone = course(one_of(many, at), GATES)
        assert int(together.failed_at[at]) == int(alone.failed_at)
        for left, right in zip(together.metrics, alone.metrics, strict=True):
            np.testing.assert_allclose(left.harm[at], right.harm, rtol=1e-9, atol=1e-9)
            np.testing.assert_allclose(left.safe[at], right.safe, rtol=1e-9, atol=1e-9)
            np.testing.assert_allclose(left.dispersion[at], right.dispersion, rtol=1e-9)


def test_a_slowness_that_nobody_notices_is_no_harm() -> None:
    samples = trial(10, (50,), median_s=0.1)
    strict, blind = msgspec.structs.replace(GATES, unnoticed_ms=10.0), msgspec.structs.replace(GATES, unnoticed_ms=1e3)
    assert (failed(samples, strict) >= 0).all()
    assert (failed(samples, blind) < 0).all()


def test_latency_passes_with_the_first_answer_where_no_bound_is_noticed() -> None:
    gates = msgspec.structs.replace(GATES, unnoticed_ms=1e6)
    assert int(metric(course(trial(11), gates), "latency").passed_at) == 0
    assert int(metric(course(trial(11, per_window=0.0), gates), "latency").passed_at) == -1


def test_latency_without_a_histogram_never_passes() -> None:
    samples = trial(12)

    def cut(of):
        return replace(of, slow=of.slow[..., :0, :])

    assert samples.history_pods is not None
    samples = replace(
        samples,
        bounds=(),
        canary=cut(samples.canary),
        stable=cut(samples.stable),
        history=cut(samples.history),
        history_pods=cut(samples.history_pods),
    )
    found = metric(course(samples, GATES), "latency")
    assert (int(found.failed_at), int(found.passed_at)) == (-1, -1)


def test_a_bound_that_nearly_all_searches_exceed_holds_up_nothing() -> None:
    """No share is greater than 1, so that it can't be beyond the margin and need not be shown to be within."""
    samples, index = trial(13, per_window=30_000.0), BOUNDS.index(0.05)
    margin = 1.002 * float(samples.stable.answered.sum() / samples.stable.slow[index].sum())
    gates = msgspec.structs.replace(GATES, latency=msgspec.structs.replace(GATES.latency, margin=margin))
    slow = samples.canary.slow.copy()
    slow[index] = samples.canary.answered
    found = metric(course(replace(samples, canary=replace(samples.canary, slow=slow)), gates), "latency")
    usual = metric(course(samples, gates), "latency")
    assert int(found.passed_at) == int(usual.passed_at) >= 0


def test_a_bet_on_a_window_is_made_before_it() -> None:
    samples = trial(17, windows=6)
    usual = latency.usual(samples)
    slow = samples.stable.slow.copy()
    slow[:, 3] = samples.stable.answered[3]
    changed = latency.usual(replace(samples, stable=replace(samples.stable, slow=slow)))
    np.testing.assert_array_equal(changed[:, :4], usual[:, :4])
    assert (changed[-1, 4:] > usual[-1, 4:]).all()


def test_a_tolerance_above_one_leaves_room_at_every_bound_and_in_the_whole() -> None:
    samples = trial(14, (50,), median_s=0.088)
    latency = msgspec.structs.replace(GATES.latency, tolerance=1.6, margin=3.0)
    assert (failed(samples) >= 0).mean() > 0.9
    assert (failed(samples, msgspec.structs.replace(GATES, latency=latency)) >= 0).mean() <= 0.02


def test_huge_counts_stay_numbers() -> None:
    samples = trial(15, windows=10)

    def many(counts: Counts, _: bool) -> Counts:
        return counts * 1e7

    samples = replace(samples, canary=each(samples.canary, many), stable=each(samples.stable, many))
    for found in course(samples, GATES).metrics:
        assert np.isfinite(found.harm).all()
        assert np.isfinite(found.safe).all()


def test_two_hours_are_weighed_in_little_time() -> None:
    samples = trial(16, windows=240)
    course(samples, GATES)
    start = time.process_time()
    for _ in range(5):
        course(samples, GATES)
    assert (time.process_time() - start) / 5 < 0.5  # hundredths of a second, in arrays
