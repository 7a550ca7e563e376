"""The loss that a query set can find is said rightly: simulations find it as often as the formula has it."""

from __future__ import annotations

import itertools
import math

import msgspec
import numpy as np
import pytest
from scipy import stats

from turnout.evaluation.power import detectable_loss, minimum_detectable_loss, power_of, t_quantile
from turnout.evaluation.statistics import sign_flip
from turnout.release.artifacts import QualityGate

GATE = QualityGate(metric="ndcg@10", max_loss=0.02, alpha=0.05, min_queries=20)
RNG = np.random.default_rng(1)
MOVED = RNG.random(160) < 0.7  # the others don't change, as with real rankings
USUAL = RNG.laplace(0.0, 0.2, 160) * MOVED
SKEWED = RNG.exponential(0.2, 160) * MOVED


@pytest.mark.parametrize("freedom", [1, 2, 9, 10, 15, 30, 162, 1000])
@pytest.mark.parametrize("probability", [0.005, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99, 0.995])
def test_the_quantile_of_t_is_that_of_scipy(freedom: int, probability: float) -> None:
    assert t_quantile(probability, freedom) == pytest.approx(stats.t.ppf(probability, freedom), abs=0.001)


def found_by_the_test(differences: np.ndarray, alpha: float) -> float:
    """How often the sign-flip test finds the loss that the formula gives for these differences."""
    loss = minimum_detectable_loss(differences, alpha=alpha)
    assert loss is not None
    centred = differences - differences.mean() - loss
    runs = np.random.default_rng(7).choice(centred, size=(500, differences.size))
    return float(np.mean([sign_flip(run, seed=1, resamples=999).p_harm <= alpha for run in runs]))


@pytest.mark.parametrize("alpha", [0.01, 0.05])
def test_a_loss_of_that_size_is_found_in_eight_of_ten_simulations(alpha: float) -> None:
    # 500 runs: 2.5 standard errors are 0.045.
    assert found_by_the_test(USUAL, alpha) == pytest.approx(0.8, abs=0.045)


def test_gains_that_are_large_and_rare_make_it_a_little_optimistic() -> None:
    assert 0.7 < found_by_the_test(SKEWED, 0.05) < 0.8


def test_four_times_the_queries_find_half_the_loss() -> None:
    one, four = minimum_detectable_loss(USUAL, alpha=0.05), minimum_detectable_loss(np.tile(USUAL, 4), alpha=0.05)
    assert one is not None
    assert four == pytest.approx(one / 2, rel=0.01)


def test_more_power_and_less_alpha_need_a_larger_loss() -> None:
    at = [minimum_detectable_loss(USUAL, alpha=a, power=p) for a, p in ((0.05, 0.8), (0.05, 0.9), (0.01, 0.9))]
    assert all(before < after for before, after in itertools.pairwise(at))  # type: ignore[operator]


def test_without_spread_nothing_can_be_said() -> None:
    assert minimum_detectable_loss([0.1], alpha=0.05) is None
    assert minimum_detectable_loss([0.0] * 50, alpha=0.05) is None
    assert detectable_loss(np.zeros(50), 0.05, max_loss=0.02) is None


@pytest.mark.parametrize(("alpha", "power"), [(0.0, 0.8), (1.0, 0.8), (0.05, 0.0), (0.05, 1.0)])
def test_bounds_that_are_no_probability_are_refused(alpha: float, power: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        minimum_detectable_loss(USUAL, alpha=alpha, power=power)


def test_a_loss_within_the_margin_takes_the_corrected_test() -> None:
    many = np.tile(USUAL, 40)
    error = many.std(ddof=1) / math.sqrt(many.size)
    assert detectable_loss(many, 0.05, max_loss=0.02) == pytest.approx((2.241 + 0.842) * error, rel=0.001)
    assert detectable_loss(USUAL, 0.05, max_loss=0.02) == minimum_detectable_loss(USUAL, alpha=0.05)


def test_the_rules_find_the_detectable_loss_in_eight_of_ten_repetitions() -> None:
    loss = detectable_loss(USUAL, 0.75 * GATE.alpha, max_loss=GATE.max_loss)
    assert loss is not None
    found = power_of(USUAL, loss=loss, queries=USUAL.size, gate=GATE, repetitions=400, resamples=1000)
    assert found == pytest.approx(0.8, abs=0.05)


def test_power_rises_with_the_loss_and_with_the_queries_and_repeats() -> None:
    def power(loss: float, queries: int) -> float:
        return power_of(USUAL, loss=loss, queries=queries, gate=GATE, repetitions=60, resamples=300)

    assert power(0.005, 100) < power(0.03, 100) < power(0.03, 400) <= power(0.08, 400) == 1.0
    assert power(0.03, 100) == power(0.03, 100)


def test_a_loss_within_the_margin_is_found_too_with_enough_queries() -> None:
    wide = msgspec.structs.replace(GATE, max_loss=0.5)
    assert power_of(USUAL, loss=0.05, queries=400, gate=wide, repetitions=40, resamples=500) > 0.9
