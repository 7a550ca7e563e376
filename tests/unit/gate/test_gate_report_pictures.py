"""Plots draw what there is, whatever the numbers are, and nothing that a value asks for."""

from __future__ import annotations

import math
import re

import msgspec
import pytest

from support import gate_reports as made
from support.hostile_reports import hostile
from turnout.gate.report.pictures import pictures


@pytest.mark.parametrize("number", [math.nan, math.inf, 1e308, -1e308, 0.0, -1.0])
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_any_number_can_be_drawn_or_is_left_out(number: float) -> None:
    for picture in pictures(hostile("x", times=2, number=number).collections[0], 0):
        assert picture.svg or picture.caption.startswith("No plot: ")


def test_a_thousandfold_worst_hour_is_drawn_on_a_logarithmic_axis() -> None:
    raised, kept = (pictures(one().collections[0], 0)[0].svg for one in (made.failing_by_policy, made.environment))
    assert "USD (logarithmic)" in raised
    assert "1,200 USD" in raised
    assert "logarithmic" not in kept


@pytest.mark.parametrize("formula", ["$x^2$", "$\\frac$"])
def test_values_are_no_formulas(formula: str) -> None:
    (plot,) = [item for item in pictures(hostile(formula, times=2).collections[0], 0) if item.section == "slices"]
    assert re.search(rf">{re.escape(formula)}0[^<]*</text>", plot.svg)


def test_many_queries_make_no_large_plot() -> None:
    sizes = []
    for queries in (2000, 20_000):
        ran = made.rehearsal(compared=made.comparison(queries=queries))
        only = msgspec.structs.replace(ran, latency=None, spaces=None, base_scores=(), head_scores=())
        drawn = pictures(made.collection(cost=None, rehearsal=only), 0)
        sizes.append(next(len(item.svg) for item in drawn if item.section == "quality"))
    assert sizes[1] < 1.2 * sizes[0]


def test_groups_beyond_the_colours_are_one() -> None:
    attacked = hostile("group", times=20).collections[0]
    drawn = next(item.svg for item in pictures(attacked, 0) if item.section == "spaces")
    assert len(set(re.findall(r">(group\d+|others)<", drawn))) == 8
