"""One look for the picture of a trial: colours and kinds of line that also a colour-blind reader and a black and white
printer tell apart; see `picture`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

from turnout.release.findings import printable

STABLE, CANARY, HARM, SAFE = "#0072b2", "#d55e00", "#a3195b", "#00785a"
INK, MUTED, GRID = "#0f172a", "#5b6b80", "#e2e8f0"
VERDICT = {"pass": "#00785a", "fail": "#b3001b", "inconclusive": MUTED}
DASHED = (0, (5, 1.5))
STYLE: dict[Any, Any] = {
    "text.parse_math": False,  # names are no formulas
    "svg.hashsalt": "turnout",
    "font.family": "sans-serif",
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
    "legend.frameon": False,
}
DPI = 200


def instant(seconds: Any) -> Any:
    """Unix seconds, one or many, as dates that matplotlib reads."""
    return np.asarray(np.asarray(seconds) * 1e3, dtype="datetime64[ms]")


def time_axis(axes: Axes, start: float, end: float, *, ticks: int) -> None:
    """UTC from start to end, with that many labels at most."""
    locator = AutoDateLocator(tz=UTC, minticks=3, maxticks=ticks)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    shown = ConciseDateFormatter(locator, tz=UTC, show_offset=False)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(shown)
    axes.set_xlim(instant(start), instant(max(end, start + 1)))


def utc(seconds: float) -> str:
    """A moment as text, in UTC, to the second."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def clip(text: str, most: int) -> str:
    """What Prometheus says, without control characters and not too long for its place."""
    text = printable(text)
    return text if len(text) <= most else f"{text[: most - 3]}..."
