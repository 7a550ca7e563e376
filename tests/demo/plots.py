"""The demo's pictures as SVG text: quality per query, latency over time, documents and lag over time."""

from __future__ import annotations

import io
from collections.abc import Sequence

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from demo.sampling import ViewCurve
from demo.traffic import Sample

BLUE, ORANGE, GREY = "#2563eb", "#ea580c", "#64748b"
COLOURS = (BLUE, ORANGE, "#16a34a", "#9333ea", "#0891b2")
BIN_SECONDS = 5.0
Mark = tuple[float, str]

plt.rcParams.update(
    {
        "svg.fonttype": "none",
        "svg.hashsalt": "turnout",
        "font.family": "sans-serif",
        "font.size": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.color": "#e2e8f0",
        "grid.linewidth": 0.8,
    }
)


def quality_per_query(by_query: dict[str, Sequence[float]], metric: str) -> str:
    """Each query's change from release A to B, from the greatest loss to the greatest gain."""
    changes = np.array(sorted(after - before for before, after in by_query.values()))
    figure, axes = plt.subplots(figsize=(10, 3.4), layout="constrained")
    colours = [BLUE if change > 0 else ORANGE if change < 0 else GREY for change in changes]
    axes.bar(np.arange(len(changes)), changes, width=1.0, color=colours)
    gained, lost = int((changes > 0).sum()), int((changes < 0).sum())
    same = len(changes) - gained - lost
    axes.axhline(float(changes.mean()), color="black", linewidth=1, linestyle="--")
    axes.annotate(f"mean {changes.mean():+.3f}", (0, float(changes.mean())), textcoords="offset points", xytext=(2, 4))
    axes.set(xlabel=f"{len(changes)} queries: {lost} lost, {same} same, {gained} gained", ylabel=f"change of {metric}")
    axes.set_xlim(-0.5, len(changes) - 0.5)
    return _svg(figure)


def latency(samples: Sequence[Sample], marks: Sequence[Mark]) -> str:
    """Median and 95th percentile of the service's answers, in bins of five seconds, with what happened when."""
    figure, axes = plt.subplots(figsize=(10, 3.6), layout="constrained")
    at = np.array([sample.at for sample in samples])
    took = np.array([sample.milliseconds for sample in samples])
    axes.scatter(at, took, s=3, color=GREY, alpha=0.25, linewidths=0)
    bins = (at // BIN_SECONDS).astype(int)
    shown = [number for number in np.unique(bins) if (bins == number).sum() >= 5]
    centres = [(number + 0.5) * BIN_SECONDS for number in shown]
    for level, colour in ((50, BLUE), (95, ORANGE)):
        curve = [float(np.percentile(took[bins == number], level)) for number in shown]
        axes.plot(centres, curve, color=colour, linewidth=1.8, label=f"p{level}")
    axes.set_yscale("log")
    axes.set(ylabel="milliseconds", xlabel="seconds since the load began")
    axes.legend(loc="upper right", frameon=False, ncols=2)
    _annotate(axes, marks)
    return _svg(figure)


def documents_and_lag(curves: dict[str, ViewCurve], labels: dict[str, str], marks: Sequence[Mark]) -> str:
    """How many documents each view holds, and how many operations it is behind."""
    figure, (upper, lower) = plt.subplots(
        2, 1, figsize=(10, 5), sharex=True, layout="constrained", height_ratios=(3, 2)
    )
    for colour, (view, curve) in zip(COLOURS, curves.items(), strict=False):
        label = labels.get(view, view)
        upper.plot(curve.at, curve.documents, color=colour, linewidth=1.8, label=label)
        lower.plot(curve.at, np.maximum(curve.behind, 0.5), color=colour, linewidth=1.4, label=label)
    upper.set(ylabel="searchable documents")
    upper.set_ylim(bottom=0)
    upper.legend(loc="lower right", frameon=False)
    lower.set_yscale("log")
    lower.set(ylabel="operations behind", xlabel="seconds since the load began")
    _annotate(upper, marks)
    return _svg(figure)


def _annotate(axes: Axes, marks: Sequence[Mark]) -> None:
    """Dashed lines with their names above the plot, on two levels so that near ones don't cover each other."""
    for number, (at, text) in enumerate(marks):
        axes.axvline(at, color="black", linewidth=0.8, linestyle=":")
        axes.annotate(
            text,
            (at, 1.0),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            xytext=(2, 3 + 11 * (number % 3)),
            fontsize=8,
        )


def _svg(figure: Figure) -> str:
    """The picture as an element for a page: without the XML head, and with a date of its own left out."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    plt.close(figure)
    text = buffer.getvalue()
    return text[text.index("<svg") :]
