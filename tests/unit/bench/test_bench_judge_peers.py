"""The peers of the canary bench do what their makers' sources and documentation say."""

import judge_kayenta
import numpy as np
import pytest
from judge_cells import median, share
from judge_minutes import first, minutes, quantile
from judge_peers import _argo, _flagger, _score
from judge_scenarios import BOUNDS, SCENARIOS
from judge_world import draw
from scipy.optimize import brentq
from scipy.stats import binomtest, norm, rankdata


def looks(text: str) -> np.ndarray:
    return np.array([[letter == "x" for letter in text]])


def test_argo_ends_at_the_measurement_that_exceeds_the_failure_limit() -> None:
    assert _argo(looks(".x.x"), 0) == 2
    assert _argo(looks("x.x.xx"), 3) == 6
    assert np.isinf(_argo(looks("x.x.x."), 3))


def test_flagger_rolls_back_at_the_check_after_the_fifth_failed_one() -> None:
    assert _flagger(looks("xx.xxx..")) == 7
    assert np.isinf(_flagger(looks("xx.xxx")))


def test_a_look_that_stops_is_the_first_one() -> None:
    assert first(looks("..xx"), every=0.5) == 1.5


def test_quantiles_are_linear_within_the_bucket_of_the_rank() -> None:
    below = np.array([0.0] * BOUNDS.index(0.05) + [40.0, 90.0] + [100.0] * (len(BOUNDS) - BOUNDS.index(0.05) - 2))
    slow = (100.0 - below)[:, None]
    assert quantile(0.5, np.array([100.0]), slow) == pytest.approx(0.05 + 0.05 * 10 / 50)
    assert quantile(0.99, np.array([100.0]), slow) == pytest.approx(0.1 + 0.15 * 9 / 10)
    assert np.isnan(quantile(0.5, np.array([0.0]), np.zeros((len(BOUNDS), 1))))
    assert quantile(0.5, np.array([10.0]), np.full((len(BOUNDS), 1), 10.0)) == BOUNDS[-1]


def test_minutes_are_two_windows_each() -> None:
    samples = draw(SCENARIOS[0], 50.0, 3, rng=np.random.default_rng(5))
    found = minutes(samples.canary)
    errors, requests = samples.canary.errors, samples.canary.requests
    expected = (errors[:, ::2] + errors[:, 1::2]) / (requests[:, ::2] + requests[:, 1::2])
    assert found.error_share == pytest.approx(expected)
    assert (found.p50 < found.p99).all()


def test_the_z_test_is_the_pooled_one() -> None:
    score = _score(*(np.array([[value]]) for value in (30.0, 1000.0, 100.0, 9000.0)))
    pooled = 130 / 10000
    by_hand = (0.03 - 100 / 9000) / np.sqrt(pooled * (1 - pooled) * (1 / 1000 + 1 / 9000))
    assert score == pytest.approx(by_hand)


def high_by_roots(x: np.ndarray, y: np.ndarray) -> bool:
    """The same as the original computes it: by the roots of the standardised rank sum of the shifted sample."""
    m, n = len(x), len(y)

    def standardised(shift: float, quantile: float) -> float:
        ranks = rankdata(np.concatenate([x - shift, y]))
        excess = ranks[:m].sum() - m * (m + 1) / 2 - m * n / 2
        _, ties = np.unique(ranks, return_counts=True)
        sigma = np.sqrt(m * n / 12 * (m + n + 1 - (ties**3 - ties).sum() / ((m + n) * (m + n - 1))))
        return (excess - np.sign(excess) * 0.5) / sigma - quantile

    def root(quantile: float) -> float:
        least, most = x.min() - y.max(), x.max() - y.min()
        if standardised(least, quantile) <= 0:
            return least
        return most if standardised(most, quantile) >= 0 else brentq(standardised, least, most, args=(quantile,))

    return root(norm.ppf(0.99)) > 0.25 * abs(root(0.0))


@pytest.mark.parametrize("seed", range(20))
def test_the_mann_whitney_judge_finds_what_roots_of_the_rank_sum_find(seed: int) -> None:
    rng = np.random.default_rng(seed)
    canary, stable = rng.uniform(0.2, 1.2, size=(8, 20)) + rng.uniform(0, 0.5, size=(8, 1)), rng.uniform(size=(8, 20))
    expected = [high_by_roots(x, y) for x, y in zip(canary, stable, strict=True)]
    assert judge_kayenta.high(canary, stable).tolist() == expected


def test_the_mann_whitney_judge_says_nothing_of_equal_or_few_values() -> None:
    noughts = np.zeros((1, 20))
    assert not judge_kayenta.high(noughts, noughts)
    assert not judge_kayenta.high(np.ones((1, 2)), np.zeros((1, 2)))


def test_a_single_outlier_is_no_evidence_for_the_mann_whitney_judge() -> None:
    values = np.random.default_rng(3).uniform(size=(1, 20))
    with_outlier = values.copy()
    with_outlier[0, 4] = 1000.0
    assert np.isnan(judge_kayenta._without_outliers(with_outlier)[0, 4])
    assert np.isfinite(judge_kayenta._without_outliers(values)).all()


@pytest.mark.parametrize(("ended", "total"), [(0, 2000), (7, 2000), (1000, 2000), (2000, 2000)])
def test_shares_have_the_wilson_interval(ended: int, total: int) -> None:
    part, lower, upper = share(np.array([1.0] * ended + [np.inf] * (total - ended)))
    expected = binomtest(ended, total).proportion_ci(0.95, method="wilson")
    assert (part, lower, upper) == pytest.approx((ended / total, expected.low, expected.high), abs=1e-6)


def test_never_counts_as_the_whole_rollout_in_a_median() -> None:
    assert median(np.array([1.0, np.inf, np.inf])) == 30.0
