"""The plot of money before and after: the usual month, and the worst hour."""

from __future__ import annotations

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from turnout.cost.result import Cost, Side
from turnout.gate.report.numbers import money
from turnout.gate.report.pictures.style import BASE, HEAD, INK, name, number_axis

_LARGE_RATIO = 20
_LEAST, _MOST = 1e-12, 1e15


def worth_drawing(cost: Cost) -> bool:
    """Whether any money is spent, in amounts that can be drawn."""
    return any(_months(side) or _hours(side) for _, side, _ in _sides(cost))


def spending(cost: Cost) -> Figure:
    """The month as p50 to p95, and the worst hour, base above head."""
    figure = Figure(figsize=(10, 3.4), layout="constrained")
    month, hour = figure.subplots(1, 2)
    sides = _sides(cost)
    for row, (_, side, colour) in enumerate(sides):
        _range(month, row, _months(side), colour, cost.currency)
        _mark(hour, row, _hours(side), colour, cost.currency)
    for axes, title, amounts in (
        (month, "A month: p50 to p95", _months),
        (hour, "The worst hour, for each process", _hours),
    ):
        axes.set_title(title)
        axes.set_yticks(range(len(sides)), [label for label, _, _ in sides])
        axes.set_ylim(len(sides) - 0.4, -0.6)
        axes.grid(axis="y", linewidth=0)
        _scale(axes, [amount for _, side, _ in sides for amount in amounts(side)], cost.currency)
    return figure


def _sides(cost: Cost) -> list[tuple[str, Side, str]]:
    head = ("head", cost.head, HEAD)
    return [head] if cost.base is None else [("base", cost.base, BASE), head]


def _months(side: Side) -> list[float]:
    spent = [side.month.money.p50, side.month.money.p95] if side.month else []
    return [amount for amount in spent if _drawable(amount)]


def _hours(side: Side) -> list[float]:
    return [amount for amount in (side.worst_hour.money,) if _drawable(amount)]


def _drawable(value: float) -> bool:
    return math.isfinite(value) and _LEAST < value < _MOST


def _range(axes: Axes, row: int, shown: list[float], colour: str, currency: str) -> None:
    if not shown:
        return
    axes.plot(shown, [row] * len(shown), color=colour, linewidth=7, alpha=0.45, solid_capstyle="butt")
    axes.plot(shown[:1], [row], marker="o", markersize=8, color=colour)
    axes.plot(shown[-1:], [row], marker="|", markersize=16, markeredgewidth=2.4, color=colour)
    _note(axes, sum(shown) / len(shown), row, " to ".join(dict.fromkeys(money(amount, currency) for amount in shown)))


def _mark(axes: Axes, row: int, shown: list[float], colour: str, currency: str) -> None:
    for amount in shown:
        axes.plot([amount], [row], marker="D", markersize=9, color=colour)
        _note(axes, amount, row, money(amount, currency))


def _note(axes: Axes, x: float, row: int, text: str) -> None:
    axes.annotate(text, (x, row), xytext=(0, 11), textcoords="offset points", ha="center", color=INK)


def _scale(axes: Axes, amounts: list[float], currency: str) -> None:
    """From zero, or logarithmic where one amount is many times another."""
    unit = name(currency)
    if amounts and max(amounts) > _LARGE_RATIO * min(amounts):
        axes.set_xscale("log")
        axes.set_xlim(min(amounts) / 6, max(amounts) * 6)
        number_axis(axes, "x", lambda value: f"{value:,g}")
        axes.set_xlabel(f"{unit} (logarithmic)")
    else:
        axes.set_xlim(0, max(amounts, default=1.0) * 1.25)
        number_axis(axes, "x", lambda value: f"{value:,.6g}")
        axes.set_xlabel(unit)
