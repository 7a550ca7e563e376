"""One look for all plots: colours that a colour-blind reader can tell apart, and that follow the page's dark mode.

matplotlib draws with the light theme's colours; in the SVG each becomes a CSS variable of the page.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from xml.sax.saxutils import quoteattr

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from turnout.gate.report.numbers import clip

INK, MUTED, GRID = "#0f172a", "#64748b", "#e2e8f0"
BASE, HEAD = "#0072b2", "#d55e00"
# A shade beside those of base and head where they would be the same: each colour is one variable.
GROUPS = ("#0073b3", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55f01", "#8c6d31")
OTHERS = "#94a3b8"
MARKERS = "os^Dv<>"
_VARIABLES = {INK: "ink", MUTED: "muted", GRID: "grid", BASE: "base", HEAD: "head"} | {
    colour: f"group-{number}" for number, colour in enumerate((*GROUPS, OTHERS))
}
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    # Values from a pull request are no formulas.
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.titlecolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}
_STYLES = re.compile(r'style="[^"]*"')
_NAME = 28


@contextmanager
def look(key: str) -> Iterator[None]:
    """matplotlib's settings for one plot. `key` keeps the names inside it apart from another plot's on the page."""
    with mpl.rc_context({**_STYLE, "svg.hashsalt": key}), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a glyph that only the browser has
        yield


def svg(figure: Figure, label: str) -> str:
    """The figure as an element for a page, its colours as the page's variables."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = _STYLES.sub(lambda found: _themed(found.group()), text[text.index("<svg") :])
    return text.replace("<svg ", f'<svg role="img" aria-label={quoteattr(label)} ', 1)


def _themed(style: str) -> str:
    for colour, name in _VARIABLES.items():
        style = style.replace(colour, f"var(--{name}, {colour})")
    return style


def name(text: str) -> str:
    """A value of a pull request as a label."""
    return clip(text, _NAME)


def number_axis(axes: Axes, which: str, shown: Callable[[float], str]) -> None:
    """Label an axis's main ticks with `shown`; logarithmic axes would write formulas otherwise."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_formatter(FuncFormatter(lambda value, _: shown(value)))
    axis.set_minor_formatter(NullFormatter())
