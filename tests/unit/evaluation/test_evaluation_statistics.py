"""The statistics that decide over a release give the same answer each time and err as rarely as they say."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout.evaluation.statistics import EXACT_UP_TO, bootstrap_interval, paired_differences, sign_flip

differences = st.lists(st.floats(-1, 1, allow_subnormal=False), min_size=1, max_size=40)
few = st.lists(st.integers(-8, 8), min_size=1, max_size=9)


@given(few)
@settings(max_examples=60, deadline=None)
def test_few_differences_are_counted_exactly(values: list[int]) -> None:
    patterns = list(itertools.product([1, -1], repeat=len(values)))
    sums = [sum(s * v for s, v in zip(signs, values, strict=True)) for signs in patterns]
    found = sign_flip(values, seed=1)
    assert found.exact
    assert found.p_harm == pytest.approx(sum(total <= sum(values) for total in sums) / len(sums))
    assert found.p_two_sided == pytest.approx(sum(abs(total) >= abs(sum(values)) for total in sums) / len(sums))


def test_the_sampled_test_comes_near_the_exact_one() -> None:
    values = np.random.default_rng(3).normal(-0.03, 0.1, EXACT_UP_TO)
    exact, sampled = sign_flip(values, seed=1), sign_flip(np.append(values, [1e-12, -1e-12]), seed=1)
    assert exact.exact
    assert not sampled.exact
    assert sampled.p_harm == pytest.approx(exact.p_harm, abs=0.01)
    assert sampled.p_two_sided == pytest.approx(exact.p_two_sided, abs=0.01)


@given(differences)
@settings(max_examples=60, deadline=None)
def test_swapping_the_sides_swaps_harm_and_gain(values: list[float]) -> None:
    one = sign_flip(values, seed=7, resamples=500)
    other = sign_flip([-value for value in values], seed=7, resamples=500)
    assert (one.p_harm, one.p_gain, one.p_two_sided) == (other.p_gain, other.p_harm, other.p_two_sided)


@given(differences)
@settings(max_examples=60, deadline=None)
def test_p_values_lie_in_zero_to_one_and_are_never_zero(values: list[float]) -> None:
    found = sign_flip(values, seed=7, resamples=500)
    assert all(0 < p <= 1 for p in (found.p_harm, found.p_gain, found.p_two_sided))


def test_no_difference_at_all_is_no_evidence() -> None:
    found = sign_flip([0.0] * 30, seed=1)
    assert (found.p_harm, found.p_gain, found.p_two_sided) == (1.0, 1.0, 1.0)
    assert bootstrap_interval([0.0] * 30, level=0.95, seed=1)[:2] == (0.0, 0.0)


def test_queries_that_did_not_change_change_no_p_value() -> None:
    values = [-0.2, 0.1, -0.4, 0.3, -0.1]
    assert sign_flip(values, seed=1) == sign_flip(values + [0.0] * 100, seed=1)


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others() -> None:
    values = np.random.default_rng(5).normal(0.02, 0.2, 120)
    assert sign_flip(values, seed=1) == sign_flip(values, seed=1) != sign_flip(values, seed=2)
    interval = bootstrap_interval(values, level=0.9, seed=1)
    assert interval == bootstrap_interval(values, level=0.9, seed=1) != bootstrap_interval(values, level=0.9, seed=2)


@pytest.mark.parametrize("count", [10, 40])
def test_under_no_difference_harm_is_found_as_often_as_alpha_says(count: int) -> None:
    # Skewed sizes, fair signs: the null hypothesis of the test. 1,500 runs: four standard errors are 0.0225.
    rng = np.random.default_rng(11)
    runs = rng.exponential(size=(1500, count)) * rng.choice([-1.0, 1.0], size=(1500, count))
    alarms = [sign_flip(run, seed=index, resamples=199).p_harm <= 0.05 for index, run in enumerate(runs)]
    assert np.mean(alarms) == pytest.approx(0.05, abs=0.0225)


def test_the_observed_pattern_is_one_of_the_sample() -> None:
    assert sign_flip([-1.0] * 60, seed=1, resamples=999).p_harm == 1 / 1000


def test_a_real_loss_is_found() -> None:
    assert sign_flip(np.random.default_rng(2).normal(-0.1, 0.2, 100), seed=1).p_harm < 0.001


def test_the_interval_holds_the_true_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(13)
    runs = rng.exponential(size=(1000, 50)) * (rng.random((1000, 50)) < 0.5) - 0.5  # skewed, half of them equal
    intervals = [bootstrap_interval(run, level=0.9, seed=index, resamples=400) for index, run in enumerate(runs)]
    covered = np.mean([low <= 0.0 <= high for low, high, _ in intervals])
    assert covered == pytest.approx(0.9, abs=0.035)


def test_the_interval_of_a_large_normal_sample_is_the_textbook_one() -> None:
    values = np.random.default_rng(17).normal(1.0, 1.0, 400)
    half = 1.96 * values.std(ddof=1) / 20.0
    found = bootstrap_interval(values, level=0.95, seed=1)
    assert found.low == pytest.approx(values.mean() - half, abs=0.02)
    assert found.high == pytest.approx(values.mean() + half, abs=0.02)


@given(differences, st.sampled_from([0.5, 0.9, 0.95]))
@settings(max_examples=60, deadline=None)
def test_an_interval_lies_within_the_data_and_in_order(values: list[float], level: float) -> None:
    low, high, _ = bootstrap_interval(values, level=level, seed=1, resamples=200)
    assert min(values) - 1e-12 <= low <= high <= max(values) + 1e-12


@pytest.mark.parametrize("bad", [[], [0.1, float("nan")], [float("inf")]])
def test_what_is_not_a_number_is_never_judged(bad: list[float]) -> None:
    with pytest.raises(ValueError, match=r"differences|finite"):
        sign_flip(bad, seed=1)
    with pytest.raises(ValueError, match=r"differences|finite"):
        bootstrap_interval(bad, level=0.95, seed=1)
    with pytest.raises(ValueError, match=r"differences|finite"):
        paired_differences(bad, bad)


def test_unequal_lengths_are_an_error() -> None:
    with pytest.raises(ValueError, match="paired"):
        paired_differences([0.1, 0.2], [0.1])
    with pytest.raises(ValueError, match="level"):
        bootstrap_interval([0.1], level=1.0, seed=1)
