"""Plots of ranking quality: query by query, and the intervals of metrics and slices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from turnout.evaluation.comparison import Comparison, MetricChange, SliceChange
from turnout.gate.report.numbers import signed
from turnout.gate.report.pictures.style import BASE, GRID, HEAD, INK, MUTED, name

_MOST_POINTS = 2000
_MOST_ROWS = 30
_SEED = 20260101


def per_query(comparison: Comparison) -> Figure:
    """The change of every query in order of size, and base against head."""
    base, head = queries_of(comparison)
    changes = np.sort(head - base)
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    shown = changes[np.linspace(0, len(changes) - 1, min(len(changes), _MOST_POINTS)).astype(int)]
    edges = np.linspace(0, len(changes), len(shown) + 1)
    left.stairs(np.where(shown < 0, shown, 0), edges, fill=True, color=HEAD)
    left.stairs(np.where(shown > 0, shown, 0), edges, fill=True, color=BASE)
    left.axhline(0, color=MUTED, linewidth=0.8)
    mean = float(changes.mean())
    left.axhline(mean, color=INK, linewidth=1, linestyle="--")
    # Where the bars are on the other side of zero.
    at, align, below = (0.02, "left", 4) if mean >= 0 else (0.98, "right", -14)
    left.annotate(
        f"mean {signed(mean)}",
        (at, mean),
        xycoords=("axes fraction", "data"),
        xytext=(0, below),
        textcoords="offset points",
        ha=align,
    )
    gained, lost = int((changes > 0).sum()), int((changes < 0).sum())
    same = len(changes) - gained - lost
    left.set(ylabel=f"change of {name(comparison.metric)}", title="Change, query by query")
    left.set_xlabel(f"{len(changes):,} queries: {lost:,} lost, {same:,} same, {gained:,} gained")
    chosen = sample(len(base))
    low, high = float(min(base.min(), head.min(), 0)), float(max(base.max(), head.max(), 1))
    right.plot([low, high], [low, high], color=MUTED, linewidth=0.8, linestyle="--")
    moved = np.sign(head[chosen] - base[chosen])
    colours = np.select([moved < 0, moved > 0], [HEAD, BASE], MUTED)
    right.scatter(base[chosen], head[chosen], s=14, c=list(colours), alpha=0.55, linewidths=0)
    right.set(xlabel=f"{name(comparison.metric)}, base", ylabel=f"{name(comparison.metric)}, head")
    right.set_title("Each query; under the line it lost")
    right.set_aspect("equal")
    return figure


def queries_of(comparison: Comparison) -> tuple[np.ndarray, np.ndarray]:
    """Base and head of all queries that have numbers on both sides."""
    pairs = np.array(list(comparison.by_query.values()), dtype=float).reshape(-1, 2)
    pairs = pairs[np.isfinite(pairs).all(axis=1) & (np.abs(pairs) <= 1e6).all(axis=1)]
    return pairs[:, 0], pairs[:, 1]


def sample(count: int) -> np.ndarray:
    """Positions of the points that are drawn: all, or a seeded sample of many."""
    if count <= _MOST_POINTS:
        return np.arange(count)
    return np.sort(np.random.default_rng(_SEED).choice(count, _MOST_POINTS, replace=False))


def drawable(items: Sequence[MetricChange | SliceChange]) -> list[MetricChange | SliceChange]:
    """Those that have an interval to draw, as many as have room."""
    sane = [
        item
        for item in items
        if np.isfinite([item.gain, item.gain_low, item.gain_high]).all()
        and max(abs(item.gain), abs(item.gain_low), abs(item.gain_high)) <= 1e6
    ]
    return sane[:_MOST_ROWS]


def forest(items: Sequence[MetricChange | SliceChange], max_loss: float | None) -> Figure:
    """Gains with their 95 % intervals, one row each, and the loss that is allowed."""
    figure = Figure(figsize=(10, 1.3 + 0.42 * len(items)), layout="constrained")
    axes = figure.subplots()
    for row, item in enumerate(items):
        verdict = getattr(item, "verdict", "pass")
        colour = MUTED if verdict is None else HEAD if item.gain_high < 0 or verdict == "fail" else BASE
        axes.plot([item.gain_low, item.gain_high], [row, row], color=colour, linewidth=2.4, solid_capstyle="round")
        axes.plot([item.gain], [row], marker="s" if colour == HEAD else "o", color=colour, markersize=7)
    axes.axvline(0, color=INK, linewidth=0.9)
    if max_loss is not None and 0 <= max_loss <= 1e6:
        axes.axvline(-max_loss, color=HEAD, linewidth=1.2, linestyle="--")
        axes.annotate(
            f"allowed loss {max_loss:.3g}", (-max_loss, 1.0), xycoords=("data", "axes fraction"), xytext=(0, 3),
            textcoords="offset points", ha="center", color=HEAD,
        )  # fmt: skip
    axes.set_yticks(range(len(items)), [_row(item) for item in items])
    axes.set_ylim(len(items) - 0.4, -0.6)
    axes.grid(axis="y", color=GRID, linewidth=0)
    axes.set_xlabel("gain, head minus base, with its 95 % interval")
    axes.margins(x=0.08)
    return figure


def _row(item: MetricChange | SliceChange) -> str:
    if isinstance(item, SliceChange):
        few = ", too few" if item.verdict is None else ""
        return f"{name(item.slice)} ({item.queries:,}{few})"
    return name(item.metric)
