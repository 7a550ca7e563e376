"""Dispersion is near 1 for independent events, the bursts' own for bursts, and never below 1."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from support.canary_counts import each, trial
from turnout.canary.course import course
from turnout.canary.dispersion import PRIOR, dispersion
from turnout.release.artifacts import CanaryGates

RNG_SEED = 23


def bursts(rng: np.random.Generator, shape: tuple[int, ...], expected: float, size: float) -> np.ndarray:
    """Errors that come in groups of geometric size, whose variance is 2 * size - 1 times their mean."""
    groups = rng.poisson(expected / size, shape)
    return (groups + rng.negative_binomial(np.maximum(groups, 1), 1 / size) * (groups > 0)).astype(float)


@pytest.mark.parametrize("pods", [True, False])
@pytest.mark.parametrize("per_window", [0.5, 8.0, 800.0])
def test_independent_events_have_a_dispersion_near_one(pods: bool, per_window: float) -> None:
    shape = (500, 3, 120) if pods else (500, 120)
    events = np.random.default_rng(RNG_SEED).poisson(per_window, shape).astype(float)
    found = dispersion(events, np.full(shape, 1e4), pods=pods)
    assert np.median(found) < 1.08
    assert found.mean() < 1.25


@pytest.mark.parametrize("pods", [True, False])
def test_bursts_are_not_underestimated(pods: bool) -> None:
    shape = (500, 3, 120) if pods else (500, 120)
    events = bursts(np.random.default_rng(RNG_SEED), shape, 3.0, 5.0)
    found = dispersion(events, np.full(shape, 500.0), pods=pods)
    assert np.median(found) > 9
    assert np.quantile(found, 0.05) > 6


def test_bursts_longer_than_a_window_count_as_a_whole() -> None:
    rng = np.random.default_rng(RNG_SEED)
    whole = bursts(rng, (500, 3, 30), 12.0, 9.0)
    spread = rng.multinomial(whole.astype(int), [0.25] * 4).reshape(500, 3, 120).astype(float)
    assert np.median(dispersion(spread, np.full(spread.shape, 500.0), pods=True)) > 14


def test_what_hits_all_pods_at_once_is_no_burst_between_pods() -> None:
    rng = np.random.default_rng(RNG_SEED)
    rate = np.where((np.arange(120) > 40) & (np.arange(120) < 60), 100.0, 2.0)
    events = rng.poisson(rate, (300, 3, 120)).astype(float)
    assert dispersion(events, np.full(events.shape, 1000.0), pods=True).mean() < 1.2


@pytest.mark.parametrize(("windows", "at_once"), [(20, True), (20, False), (1, True)])
def test_an_incident_in_the_history_costs_little_over_time(windows: int, at_once: bool) -> None:
    rng = np.random.default_rng(RNG_SEED)
    rate = np.where((np.arange(120) >= 40) & (np.arange(120) < 40 + windows), 100.0, 2.0)
    if not at_once:
        rate[[39, 40 + windows]] = 50.0
    events = rng.poisson(rate, (300, 120)).astype(float)
    assert np.median(dispersion(events, np.full(events.shape, 1000.0), pods=False)) < 1.6


@pytest.mark.parametrize("metric", ["errors", "degraded", "empty"])
def test_bursts_that_lie_over_all_pods_are_seen(metric: str) -> None:
    samples = trial(1, (50,))
    assert samples.history_pods is not None
    rng = np.random.default_rng(RNG_SEED)
    whole = bursts(rng, (50, 120), 9.0, 5.0)
    pods = np.moveaxis(rng.multinomial(whole.astype(int), [1 / 3] * 3), -1, -2).astype(float)
    samples = replace(
        samples,
        history=replace(samples.history, **{metric: whole}),
        history_pods=replace(samples.history_pods, **{metric: pods}),
    )
    found = {each.metric: each.dispersion for each in course(samples, CanaryGates()).metrics}
    assert np.median(found[metric]) > 5


def test_pods_that_get_unequal_load_are_no_burst() -> None:
    rng = np.random.default_rng(RNG_SEED)
    requests = rng.poisson(np.array([100.0, 1000.0, 3000.0])[:, None], (200, 3, 120)).astype(float)
    assert dispersion(rng.poisson(requests * 0.01).astype(float), requests, pods=True).mean() < 1.2


def test_without_history_it_is_the_prior() -> None:
    nothing = np.zeros((2, 3, 0))
    np.testing.assert_allclose(dispersion(nothing, nothing, pods=True), PRIOR)
    one = np.ones((2, 1))
    np.testing.assert_allclose(dispersion(one, one * 100, pods=False), PRIOR)
    quiet = np.zeros((2, 50))
    np.testing.assert_allclose(dispersion(quiet, quiet + 100, pods=False, prior=2.5), 2.5)


@settings(max_examples=60, deadline=None)
@given(arrays(float, (2, 3, 9), elements=st.floats(0, 1e9)), st.booleans())
def test_any_counts_give_a_number_of_at_least_one(counts: np.ndarray, pods: bool) -> None:
    found = dispersion(counts, counts[::-1] + 1, pods=pods)
    assert np.isfinite(found).all()
    assert (found >= 1).all()


def test_a_history_by_pod_says_more_than_the_sum() -> None:
    """A third of the pods fails in each window, always another one: in the sum it can't be seen."""
    samples = trial(2)
    assert samples.history_pods is not None
    failing = (np.arange(120)[None, :] % 3 == np.arange(3)[:, None]) * 30.0
    pods = replace(samples.history_pods, errors=failing)
    samples = replace(samples, history_pods=pods, history=replace(samples.history, errors=failing.sum(axis=0)))
    alone = replace(samples, history_pods=None)
    by_pod, by_sum = (float(course(part, CanaryGates()).metrics[0].dispersion) for part in (samples, alone))
    assert by_pod > 20 > 2 > by_sum


def test_one_pod_is_compared_with_itself_over_time() -> None:
    samples = trial(3)
    assert samples.history_pods is not None
    single = each(samples.history, lambda counts, of_bounds: counts[None])
    one, none = replace(samples, history_pods=single), replace(samples, history_pods=None)
    first, second = (course(part, CanaryGates()).metrics for part in (one, none))
    for left, right in zip(first, second, strict=True):
        np.testing.assert_array_equal(left.dispersion, right.dispersion)
