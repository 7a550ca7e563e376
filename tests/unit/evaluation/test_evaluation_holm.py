"""Holm's correction is right, never kinder than the raw values, and leaves the order alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.evaluation.holm import holm, holm_of_able

p_values = st.lists(st.floats(0, 1), max_size=12)


def test_an_example_worked_out_by_hand() -> None:
    # Sorted 0.005, 0.01, 0.03, 0.04: times 4, 3, 2, 1 is 0.02, 0.03, 0.06, 0.04, and the last may not be below 0.06.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_one_test_needs_no_correction_and_none_gives_none() -> None:
    assert holm([0.2]) == [0.2]
    assert holm([]) == []


@given(p_values)
def test_no_adjusted_value_is_below_its_own_or_above_one(values: list[float]) -> None:
    assert all(raw <= adjusted <= 1 for raw, adjusted in zip(values, holm(values), strict=True))


@given(p_values)
def test_adjusted_values_rise_with_the_raw_ones(values: list[float]) -> None:
    adjusted = [after for _, after in sorted(zip(values, holm(values), strict=True))]
    assert adjusted == sorted(adjusted)


@given(p_values, st.randoms())
def test_the_order_of_the_tests_does_not_matter(values: list[float], random: object) -> None:
    pairs = list(zip(values, holm(values), strict=True))
    random.shuffle(pairs)  # type: ignore[attr-defined]
    assert holm([raw for raw, _ in pairs]) == [after for _, after in pairs]


@given(p_values, st.floats(0, 1))
def test_one_more_test_never_makes_the_others_smaller(values: list[float], added: float) -> None:
    assert all(fewer <= more for fewer, more in zip(holm(values), holm([*values, added]), strict=False))


def test_a_test_that_can_never_reject_costs_the_others_nothing() -> None:
    assert holm_of_able([0.02, 0.03, 1.0], [0.001, 0.001, 0.5], alpha=0.05) == pytest.approx([0.04, 0.04, 1.0])
    assert holm_of_able([0.02, 0.03], [0.5, 0.5], alpha=0.05) == [0.02, 0.03]


def test_what_is_no_p_value_is_refused() -> None:
    with pytest.raises(ValueError, match="p-value"):
        holm([0.1, float("nan")])
