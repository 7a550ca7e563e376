"""An e-value is at most 1 on average when the canary is tolerable, and grows when it isn't."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import ville
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from turnout.canary.evidence import (
    FLOOR_RATIOS,
    FLOOR_WEIGHTS,
    HARM_RATIOS,
    HARM_WEIGHTS,
    LEAN_WEIGHTS,
    SAFE_RATIOS,
    SAFE_WEIGHTS,
    harm,
    safe,
    slower,
)

ROUNDING = 1e-9
REQUESTS = st.integers(1, 25)
SHARES = st.floats(0.0, 1.0)
BURSTS = st.sampled_from([1.0, 1.7, 6.0])


def every_outcome(canary_requests: int, stable_requests: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """All pairs of counts that one window can show, with a windows' axis."""
    canary, stable = np.meshgrid(np.arange(canary_requests + 1.0), np.arange(stable_requests + 1.0), indexing="ij")
    full = np.ones_like(canary)[..., None]
    return canary[..., None], full * canary_requests, stable[..., None], full * stable_requests


def mean(log_e: np.ndarray, canary_share: float, stable_share: float) -> float:
    """Mean over all outcomes of one window, for independent requests."""
    chance = np.multiply.outer(
        chances(log_e.shape[0] - 1, canary_share),
        chances(log_e.shape[1] - 1, stable_share),
    )
    return float((np.exp(log_e[..., 0]) * chance).sum())


def chances(requests: int, share: float) -> np.ndarray:
    """Of each number of events among independent requests; also for shares too small for scipy's."""
    return np.array([math.comb(requests, n) * share**n * (1 - share) ** (requests - n) for n in range(requests + 1)])


def of_histogram(counts: tuple[int, int, int], shares: np.ndarray) -> float:
    """Chance of a histogram of independent requests."""
    ways = math.comb(sum(counts), counts[0]) * math.comb(counts[1] + counts[2], counts[1])
    return float(ways * np.prod(np.clip(shares, 0, 1) ** np.array(counts)))


@pytest.mark.parametrize("weights", [HARM_WEIGHTS, SAFE_WEIGHTS, FLOOR_WEIGHTS, LEAN_WEIGHTS])
def test_the_parts_of_a_bet_are_one(weights: tuple[float, ...]) -> None:
    assert sum(weights) == pytest.approx(1.0)


@settings(max_examples=80, deadline=None)
@given(REQUESTS, REQUESTS, SHARES, SHARES, st.floats(1.0, 3.0), BURSTS)
def test_harm_is_at_most_one_on_average_for_any_tolerable_canary(
    canary: int, stable: int, share: float, part: float, tolerance: float, bursts: float
) -> None:
    log_e = harm(*every_outcome(canary, stable), tolerance=tolerance, dispersion=bursts)
    assert mean(log_e, min(part * tolerance * share, 1.0), share) <= 1 + ROUNDING


def test_harm_loses_nothing_where_events_are_rare() -> None:
    log_e = harm(*every_outcome(40, 60), tolerance=1.0)
    assert mean(log_e, 1e-4, 1e-4) == pytest.approx(1.0, abs=1e-3)


@settings(max_examples=80, deadline=None)
@given(REQUESTS, REQUESTS, SHARES, SHARES, st.floats(1.0, 3.0), st.floats(0.0, 0.5), BURSTS)
def test_safe_is_at_most_one_on_average_for_any_canary_beyond_its_margin(
    canary: int, stable: int, share: float, more: float, margin: float, floor: float, bursts: float
) -> None:
    share = share / margin
    least = max(margin * share, floor)
    log_e = safe(*every_outcome(canary, stable), margin=margin, floor=floor, dispersion=bursts)
    assert mean(log_e, min(least + more * (1 - least), 1.0), share) <= 1 + ROUNDING


@settings(max_examples=40, deadline=None)
@given(
    st.tuples(st.integers(1, 5), st.integers(1, 6)),
    st.lists(st.floats(0.02, 1.0), min_size=3, max_size=3),
    st.lists(st.floats(0.02, 1.0), min_size=3, max_size=3),
    st.tuples(st.floats(0.0, 3.0), st.floats(0.0, 3.0)),
    st.tuples(SHARES, SHARES),
)
def test_slower_is_at_most_one_on_average_for_any_canary_that_is_nowhere_slower(
    requests: tuple[int, int],
    truth: list[float],
    guess: list[float],
    steps: tuple[float, float],
    faster: tuple[float, float],
) -> None:
    stable_share, usual = (np.array(part) / sum(part) for part in (truth, guess))
    moved = stable_share[1:] * np.array(faster)
    canary_share = stable_share + np.array([moved[0], moved[1] - moved[0], -moved[1]])
    scores = np.cumsum([-1.0, *steps])[:, None]
    total = 0.0
    for canary, stable in itertools.product(every_histogram(requests[0]), every_histogram(requests[1])):
        chance = of_histogram(canary, canary_share) * of_histogram(stable, stable_share)
        log_e = slower(
            np.array(canary, float)[:, None], np.array(stable, float)[:, None], scores=scores, usual=usual[:, None]
        )
        total += chance * math.exp(log_e[-1])
    assert total <= 1 + 1e-7


def every_histogram(requests: int) -> list[tuple[int, int, int]]:
    return [(a, b, requests - a - b) for a in range(requests + 1) for b in range(requests + 1 - a)]


def test_looking_after_every_window_does_not_raise_the_error() -> None:
    rng = np.random.default_rng(11)
    shape, load = (4000, 80), rng.uniform(20, 200, (4000, 80))
    # A share that moves with the hour and an incident that hits both are no harm.
    share = 0.01 + 0.01 * np.sin(np.arange(80) / 9) + np.where((np.arange(80) > 30) & (np.arange(80) < 40), 0.2, 0.0)
    canary, stable = rng.poisson(load * 0.2), rng.poisson(load)
    counts = rng.binomial(canary, share), canary, rng.binomial(stable, share), stable
    assert counts[0].shape == shape
    ever = harm(*(part.astype(float) for part in counts), tolerance=1.0).max(axis=-1)
    assert (ever >= math.log(1 / 0.1)).mean() <= 0.1
    assert (ever >= math.log(1 / 0.01)).mean() <= 0.01
    assert (ever >= math.log(1 / 0.1)).mean() >= 0.02, "a test that never errs would hide a broken one"


def test_harm_is_the_mixture_of_binomial_likelihood_ratios() -> None:
    rng = np.random.default_rng(3)
    canary, stable = rng.integers(50, 300, 20), rng.integers(500, 3000, 20)
    xc, xs = rng.binomial(canary, 0.03), rng.binomial(stable, 0.01)

    def log_likelihood(ratio: float) -> np.ndarray:
        return np.cumsum(binom.logpmf(xc, xc + xs, ratio * canary / (ratio * canary + stable)))

    expected = sum(
        weight * np.exp(log_likelihood(1.3 * ratio) - log_likelihood(1.3))
        for ratio, weight in zip(HARM_RATIOS, HARM_WEIGHTS, strict=True)
    )
    found = harm(*(part.astype(float) for part in (xc, canary, xs, stable)), tolerance=1.3)
    np.testing.assert_allclose(found, np.log(expected), rtol=1e-9)


def test_both_questions_agree_with_ville() -> None:
    """With a prior that is all but a point, its Bernoulli e-process is a likelihood ratio against one alternative."""
    rng = np.random.default_rng(5)
    windows, canary, stable = 12, 100.0, 400.0
    of_canary = [rng.permutation(np.repeat([1.0, 0.0], [rng.poisson(4), rng.poisson(6)])) for _ in range(windows)]
    xc, x = np.array([part.sum() for part in of_canary]), np.array([part.size for part in of_canary])

    def bet(data: list[np.ndarray], null: float, share: float) -> float:
        test = ville.BernoulliTest(null, prior=(1e9 * share, 1e9 * (1 - share)))
        return float(np.exp(test.update(np.concatenate(data)).log_e_values_[-1]))

    def part_of(ratio: float) -> float:
        return ratio * canary / (ratio * canary + stable)

    each = [bet(of_canary, part_of(1.0), part_of(ratio)) for ratio in HARM_RATIOS]
    expected = ville.evalues.combine(each, weights=HARM_WEIGHTS)
    full = np.ones(windows)
    found = harm(xc, full * canary, x - xc, full * stable, tolerance=1.0)
    assert math.exp(found[-1]) == pytest.approx(expected, rel=1e-3)

    ratios = [bet(of_canary, part_of(2.0), part_of(2.0 * ratio)) for ratio in SAFE_RATIOS]
    outcomes = [np.repeat([1.0, 0.0], [1, 99])] * windows
    shares = [bet(outcomes, 0.04, 0.04 * ratio) for ratio in FLOOR_RATIOS]
    found = safe(full, full * canary, full * 0, full * 0, margin=2.0, floor=0.04)
    expected = (1.0 + ville.evalues.combine(shares, weights=FLOOR_WEIGHTS)) / 2
    assert math.exp(found[-1]) == pytest.approx(expected, rel=1e-3)
    found = safe(xc, full * canary, x - xc, full * stable, margin=2.0, floor=0.0)
    assert math.exp(found[-1]) == pytest.approx(ville.evalues.combine(ratios, weights=SAFE_WEIGHTS), rel=1e-3)


def test_the_order_of_windows_changes_nothing_in_the_end() -> None:
    rng = np.random.default_rng(7)
    counts = [rng.poisson(mean, 30).astype(float) for mean in (3, 150, 20, 1300)]
    order = rng.permutation(30)
    shuffled = [part[order] for part in counts]
    assert harm(*counts, tolerance=1.0)[-1] == pytest.approx(harm(*shuffled, tolerance=1.0)[-1])
    first, second = (safe(*part, margin=2.0, floor=0.01)[-1] for part in (counts, shuffled))
    assert first == pytest.approx(second)


def test_a_window_in_which_a_side_has_no_requests_says_nothing() -> None:
    with_gap = [np.array(part, float) for part in ([9, 5, 2], [90, 50, 0], [1, 0, 7], [900, 0, 700])]
    without = [part[:1] for part in with_gap]
    assert harm(*with_gap, tolerance=1.0)[-1] == harm(*without, tolerance=1.0)[-1]
    assert slower(
        np.array([[5.0, 0.0], [5.0, 0.0]]),
        np.array([[9.0, 2.0], [1.0, 8.0]]),
        scores=np.array([[-1.0], [1.0]]),
        usual=np.array([[0.9], [0.1]]),
    )[0] == pytest.approx(
        slower(
            np.array([[5.0], [5.0]]),
            np.array([[9.0], [1.0]]),
            scores=np.array([[-1.0], [1.0]]),
            usual=np.array([[0.9], [0.1]]),
        )[0]
    )


def test_a_metric_without_one_event_passes_after_a_few_hundred_requests() -> None:
    requests = np.full(100, 10.0)
    log_e = safe(requests * 0, requests, requests * 0, requests, margin=2.0, floor=0.01)
    needed = 10 * (1 + int(np.argmax(log_e >= math.log(20))))
    assert needed == pytest.approx(math.log(2 * 20 / FLOOR_WEIGHTS[0]) / 0.01, rel=0.1)


def test_huge_counts_stay_numbers() -> None:
    huge = np.full(200, 1e9)
    for events in (huge * 0, huge * 0.5, huge):
        for found in (
            harm(events, huge, huge * 0.1, huge, tolerance=1.0),
            safe(events, huge, huge, huge, margin=2.0, floor=0.01),
        ):
            assert np.isfinite(found).all()


def test_bursts_weaken_evidence_in_either_direction() -> None:
    bad = [np.full(10, part) for part in (20.0, 100.0, 20.0, 1000.0)]
    strong, weak = harm(*bad, tolerance=1.0), harm(*bad, tolerance=1.0, dispersion=4.0)
    assert 1 < weak[-1] < strong[-1] / 2


def test_leading_axes_give_the_same_as_one_at_a_time() -> None:
    rng = np.random.default_rng(9)
    counts = [rng.poisson(mean, (3, 4, 12)).astype(float) for mean in (3, 150, 20, 1300)]
    bursts = rng.uniform(1, 3, (3, 4))
    together = harm(*counts, tolerance=1.0, dispersion=bursts)
    for at in np.ndindex(3, 4):
        alone = harm(*(part[at] for part in counts), tolerance=1.0, dispersion=bursts[at])
        np.testing.assert_allclose(together[at], alone, rtol=1e-12)
