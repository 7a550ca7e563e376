"""Plots of distributions: scores, latency and the two embedding spaces."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from turnout.gate.report.numbers import clip
from turnout.gate.report.pictures.rankings import sample
from turnout.gate.report.pictures.style import BASE, GROUPS, HEAD, MARKERS, OTHERS, name, number_axis
from turnout.rehearsal.result import Latency, Spaces

_BINS = 50
_FAR = 1e12


def sane(values: Sequence[float]) -> np.ndarray:
    """Only what can be drawn."""
    found = np.array(values, dtype=float)
    drawn: np.ndarray = found[np.isfinite(found) & (np.abs(found) < _FAR)]
    return drawn


def scores(base: np.ndarray, head: np.ndarray) -> Figure:
    """How the scores of the first ten documents are spread in both releases."""
    figure = Figure(figsize=(10, 3.4), layout="constrained")
    axes = figure.subplots()
    edges = np.histogram_bin_edges(np.concatenate([base, head]), bins=_BINS)
    for values, colour, label, style in ((base, BASE, "base", "-"), (head, HEAD, "head", "--")):
        if len(values):
            height = np.histogram(values, edges)[0] / len(values) * 100
            axes.stairs(height, edges, color=colour, linewidth=1.8, linestyle=style, label=label)
            axes.stairs(height, edges, color=colour, alpha=0.16, fill=True)
    axes.set(xlabel="score (each release has a scale of its own)", ylabel="documents, per cent")
    axes.legend(loc="upper right")
    return figure


def latency(measured: Latency) -> Figure:
    """The share of searches that was answered within a time, for both releases."""
    figure = Figure(figsize=(10, 3.6), layout="constrained")
    axes = figure.subplots()
    for given, colour, label, style in (
        (measured.base_ms, BASE, "base", "-"),
        (measured.head_ms, HEAD, "head", "--"),
    ):
        values = sane(given)
        values = np.sort(values[values > 0])
        if len(values):
            levels = np.linspace(0, 100, min(len(values), 1000) + 1)
            axes.step(np.percentile(values, levels), levels, color=colour, linewidth=1.8, linestyle=style, label=label)
    axes.axhline(95, color=OTHERS, linewidth=0.8, linestyle=":")
    axes.annotate("p95", (1.0, 95), xycoords=("axes fraction", "data"), xytext=(-2, -13), textcoords="offset points",
                  ha="right")  # fmt: skip
    axes.set_xscale("log")
    axes.set_xticks(_ticks(*axes.get_xlim()))
    number_axis(axes, "x", lambda value: f"{value:,g}")
    axes.set(xlabel="milliseconds (logarithmic)", ylabel="searches answered, per cent")
    axes.set_ylim(0, 101)
    axes.legend(loc="lower right")
    return figure


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers inside the limits: many of each decade where there is one, its power alone over many."""
    decades = np.log10(high / low)
    steps = (1, 2, 3, 4, 5, 7) if decades < 1.5 else (1, 2, 5) if decades < 4 else (1,)
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    ticks = [step * 10.0**power for power in powers for step in steps]
    return [tick for tick in ticks if low <= tick <= high]


def spaces(found: Spaces) -> Figure:
    """The same passages in both embedding spaces, a colour and a marker for each group."""
    figure = Figure(figsize=(10, 5.4), layout="constrained")
    base, head, groups = _points(found)
    largest = [group for group, _ in Counter(groups).most_common(len(GROUPS))]
    kinds = [largest.index(group) if group in largest else len(GROUPS) for group in groups]
    for axes, xy, title in zip(figure.subplots(1, 2), (base, head), ("base", "head"), strict=True):
        _map(axes, xy, np.array(kinds, dtype=int), [*largest, *[""] * (len(GROUPS) - len(largest)), "others"])
        axes.set_title(title)
        handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, markerscale=1.6)
    return figure


def _points(found: Spaces) -> tuple[np.ndarray, np.ndarray, list[str]]:
    count = min(len(found.base_xy), len(found.head_xy), len(found.groups))
    base = np.array(found.base_xy[:count], dtype=float).reshape(-1, 2)
    head = np.array(found.head_xy[:count], dtype=float).reshape(-1, 2)
    good = np.flatnonzero((np.abs(np.hstack([base, head])) < _FAR).all(axis=1))
    chosen = good[sample(len(good))]
    return base[chosen], head[chosen], [found.groups[place] for place in chosen]


def drawable(found: Spaces) -> bool:
    """Whether there are points to draw."""
    return len(_points(found)[0]) > 1


def _map(axes: Axes, xy: np.ndarray, kinds: np.ndarray, names: list[str]) -> None:
    for kind in np.unique(kinds):
        points = xy[kinds == kind]
        colour = OTHERS if kind == len(GROUPS) else GROUPS[kind]
        marker = "." if kind == len(GROUPS) else MARKERS[kind]
        label = clip(name(names[kind]), 24).lstrip("_") or "(no name)"
        axes.scatter(points[:, 0], points[:, 1], s=18, c=colour, marker=marker, alpha=0.8, linewidths=0, label=label)
    axes.set(xticks=[], yticks=[])
    axes.spines[["top", "right"]].set_visible(True)
    axes.grid(visible=False)
