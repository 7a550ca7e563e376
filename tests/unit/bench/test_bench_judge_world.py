"""The simulated rollouts have the truth that their scenario says."""

from dataclasses import replace

import numpy as np
import pytest
from judge_scenarios import BOUNDS, ERRORS, HISTORY, LOOKS, PODS, SCENARIOS, WINDOW_S, Scenario, slower
from judge_world import draw, in_incident
from scipy.stats import lognorm

from turnout.canary.samples import Side
from turnout.release.artifacts import CanaryGates

RUNS = 40
NAMED = {scenario.name: scenario for scenario in SCENARIOS}


def drawn(scenario: Scenario, rps: float = 50.0, seed: int = 1):
    return draw(scenario, rps, RUNS, rng=np.random.default_rng(seed))


def error_share(side: Side) -> float:
    return side.errors.sum() / side.requests.sum()


def test_the_same_seed_gives_the_same_counts() -> None:
    scenario = NAMED["healthy, bursts"]
    assert np.array_equal(drawn(scenario).canary.slow, drawn(scenario).canary.slow)
    assert not np.array_equal(drawn(scenario).canary.slow, drawn(scenario, seed=2).canary.slow)


def test_shapes_are_those_of_samples() -> None:
    samples = drawn(NAMED["healthy"])
    assert samples.canary.slow.shape == (RUNS, len(BOUNDS), LOOKS)
    assert samples.history.errors.shape == (RUNS, HISTORY)
    assert samples.history_pods is not None
    assert samples.history_pods.slow.shape == (RUNS, PODS, len(BOUNDS), HISTORY)
    assert np.array_equal(samples.history_pods.errors.sum(axis=1), samples.history.errors)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_counts_are_possible(scenario: Scenario) -> None:
    samples = drawn(scenario, rps=5.0)
    for side in (samples.canary, samples.stable, samples.history):
        assert np.array_equal(side.requests, side.answered + side.errors)
        assert (np.diff(side.slow, axis=-2) <= 0).all()
        assert (side.slow <= side.answered[..., None, :]).all()
        assert (side.degraded <= side.answered).all()


@pytest.mark.parametrize("name", ["errors x1.5", "errors x2", "errors x4", "errors 20 %"])
def test_a_canary_fails_as_often_as_its_scenario_says(name: str) -> None:
    samples = drawn(NAMED[name], rps=500.0)
    assert error_share(samples.canary) == pytest.approx(NAMED[name].errors, rel=0.02)
    assert error_share(samples.stable) == pytest.approx(ERRORS, rel=0.02)
    assert error_share(samples.history) == pytest.approx(ERRORS, rel=0.02)


def test_latency_is_lognormal_and_a_slower_canary_takes_that_much_longer() -> None:
    samples = drawn(NAMED["latency +20 %"], rps=500.0)
    for side, median in ((samples.stable, 0.08), (samples.canary, 0.096)):
        share = side.slow.sum(axis=(0, 2)) / side.answered.sum()
        assert share == pytest.approx(lognorm(0.5, scale=median).sf(BOUNDS), abs=0.003)


def test_a_slow_tail_takes_ten_times_as_long() -> None:
    expected = 0.98 * lognorm(0.5, scale=0.08).sf(BOUNDS) + 0.02 * lognorm(0.5, scale=0.8).sf(BOUNDS)
    assert NAMED["slow tail 2 %"].slower() == pytest.approx(expected)


@pytest.mark.parametrize(("name", "load", "shares"), [("incident", 1.0, (0.1,)), ("outage", 2.0, (0.5, 1.0))])
def test_an_incident_hits_both_sides_alike_for_five_minutes(name: str, load: float, shares: tuple[float]) -> None:
    samples = drawn(NAMED[f"healthy, {name}"], rps=500.0)
    for side, part in ((samples.canary, 0.1), (samples.stable, 0.9)):
        worst = np.sort(side.errors / side.requests)[:, -9:]
        apart = np.abs(np.median(worst, axis=1)[:, None] - shares)
        assert set(apart.argmin(axis=1)) == set(range(len(shares)))
        assert apart.min(axis=1).max() < 0.02
        requests = side.requests.sum(axis=1) / (500.0 * WINDOW_S * part)
        assert requests.mean() == pytest.approx(LOOKS + 10 * (load - 1), rel=0.01)
    assert error_share(samples.history) == pytest.approx(ERRORS, rel=0.05)


def test_a_pod_that_is_scraped_earlier_has_later_windows_in_the_incident() -> None:
    parts = in_incident(np.array([[70.0]]), np.array([[0.0, 15.0]]))[0]
    assert parts[0, :4] == pytest.approx([0, 0, 20 / 30, 1])
    assert parts[1, :4] == pytest.approx([0, 0, 5 / 30, 1])
    assert parts[:, 10:14] == pytest.approx(np.array([[1, 1, 10 / 30, 0], [1, 1, 25 / 30, 0]]))
    assert parts.sum(axis=1) == pytest.approx([10, 10])


def test_one_side_is_in_an_incident_before_the_other() -> None:
    samples = drawn(NAMED["healthy, outage"], rps=500.0)
    apart = samples.canary.errors / samples.canary.requests - samples.stable.errors / samples.stable.requests
    at_edges = np.sort(np.abs(apart))
    assert np.median(at_edges[:, -1]) > 0.05
    assert at_edges[:, -1].max() > 0.25
    assert at_edges[:, -5].max() < 0.05


def test_searches_within_an_incident_are_slow_by_the_part_of_the_window_that_lies_in_it() -> None:
    samples = drawn(NAMED["healthy, incident"], rps=500.0)
    side, bound = samples.stable, BOUNDS.index(0.1)
    hit = (side.errors / side.requests - ERRORS) / (0.1 - ERRORS)
    usual, slow = slower(1.0)[bound], slower(3.0)[bound]
    found = (side.slow[:, bound] / side.answered - usual) / (slow - usual)
    assert np.abs(found - hit).max() < 0.15
    assert np.corrcoef(found.ravel(), hit.ravel())[0, 1] > 0.99


@pytest.mark.parametrize("name", ["healthy, bursts", "healthy, bursts in pod"])
def test_bursts_have_the_variance_of_geometric_sizes(name: str) -> None:
    samples = drawn(NAMED[name], rps=500.0)
    for errors in (samples.history.errors, samples.stable.errors, samples.canary.errors):
        assert errors.var() / errors.mean() == pytest.approx(9.0, rel=0.1)
    assert error_share(samples.canary) == pytest.approx(ERRORS, rel=0.05)


@pytest.mark.parametrize(("name", "variance"), [("healthy, bursts", 1.0), ("healthy, bursts in pod", 9.0)])
def test_bursts_lie_within_a_pod_or_are_spread_over_all(name: str, variance: float) -> None:
    pods = drawn(NAMED[name], rps=500.0).history_pods
    assert pods is not None
    apart = pods.errors[:, 0] - pods.errors[:, 1]
    assert apart.var() / (2 * pods.errors.mean()) == pytest.approx(variance, rel=0.1)


def test_the_load_swings_by_three_times() -> None:
    requests = drawn(NAMED["healthy, diurnal"], rps=500.0).stable.requests
    assert np.median(requests.max(axis=1) / requests.min(axis=1)) == pytest.approx(3.0, rel=0.05)


def test_the_weight_changes_in_the_middle() -> None:
    samples = drawn(NAMED["healthy, weight changes"])
    share = samples.canary.requests.sum(axis=0) / (samples.canary.requests + samples.stable.requests).sum(axis=0)
    assert share[:30].mean() == pytest.approx(0.1, rel=0.05)
    assert share[30:].mean() == pytest.approx(0.5, rel=0.05)


def test_whether_a_canary_is_beyond_its_margin_follows_from_its_true_shares() -> None:
    gates = CanaryGates()
    assert not any(scenario.beyond_margin(gates) for scenario in SCENARIOS if not scenario.harm)
    worst = Scenario("worst", harm=True, errors=gates.errors.margin * ERRORS)
    assert worst.beyond_margin(gates) == (worst.errors >= gates.errors.floor)
    assert not replace(worst, errors=worst.errors * 0.99).beyond_margin(gates)
    noticed = np.asarray(BOUNDS) * 1000 >= gates.unnoticed_ms
    ratios = (slower(1.2) / slower(1.0))[noticed & (slower(1.2) >= gates.latency.floor)]
    assert NAMED["latency +20 %"].beyond_margin(gates) == (ratios.max() >= gates.latency.margin)
