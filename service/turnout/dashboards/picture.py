"""Draws a dashboard as a picture, for people without Grafana: the same panels in the same places. Called by
`turnout dashboards --draw`. Importing this module costs the import of matplotlib, an optional package.
"""

from __future__ import annotations

import textwrap
import warnings
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from turnout.dashboards.check import Checked, Looked
from turnout.dashboards.panels import COLUMNS, Place, Section, placed
from turnout.dashboards.picture_panels import COLOURS, draw_lines, draw_states, legend_lines, moments
from turnout.judge.picture_style import INK, MUTED, STYLE, clip, instant, time_axis, utc

_COLUMN, _ROW = 0.86, 0.4  # inches
_HEAD = 1.0  # inches above the first panel
_SIGNS = 5.5  # of a sentence that fit into a column
_DPI = 100
_LEFT, _RIGHT, _ABOVE, _BELOW, _LEGEND = 0.78, 0.22, 0.36, 0.3, 0.19  # inches between a panel's edge and its axes


def draw(checked: Checked, path: Path, *, collection: str) -> None:
    """Write the picture.

    Raises:
        OSError: the file can't be written.
    """
    with mpl.rc_context({**STYLE, "font.size": 9, "axes.titlesize": 10.5}), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a glyph that the font doesn't have
        picture(checked, collection=collection).savefig(path, dpi=_DPI)


def picture(checked: Checked, *, collection: str) -> Figure:
    """The figure: a headline, then the dashboard's grid."""
    places = list(placed(checked.dashboard))
    height = _HEAD + _ROW * max(place.y + place.height for _, place in places)
    figure = Figure(figsize=(_COLUMN * COLUMNS, height))
    _headline(figure, checked, collection)
    looked = iter(checked.panels)
    for each, place in places:
        if isinstance(each, Section):
            _text(figure, 0.15, _HEAD + _ROW * (place.y + 0.75), each.title, fontsize=12.5, color=MUTED)
        else:
            _panel(figure, checked, next(looked), place)
    return figure


def _headline(figure: Figure, checked: Checked, collection: str) -> None:
    _text(figure, 0.15, 0.42, f"{checked.dashboard.title}: {clip(collection, 60)}", fontsize=17, weight="bold")
    span = f"{utc(checked.span.start)} to {utc(checked.span.end)} UTC, {checked.span.step:g} s between values"
    marks = [
        f"{mark.title.lower()} ({mark.colour} lines): {', '.join(utc(at)[11:] for at in found[:8]) or 'none'}"
        for mark, answered in checked.marks
        for found in [moments(answered, checked.span.step)]
    ]
    _text(figure, 0.15, 0.78, "    ".join([span, *marks]), fontsize=10, color=MUTED)


def _text(figure: Figure, x: float, y: float, text: str, **style: object) -> None:
    """Text at inches from the upper left corner."""
    width, height = figure.get_size_inches()
    figure.text(x / width, 1 - y / height, text, ha="left", va="baseline", **style)  # type: ignore[arg-type]


def _panel(figure: Figure, checked: Checked, looked: Looked, place: Place) -> None:
    panel = looked.panel
    below = _BELOW + (0.0 if panel.states else _LEGEND * legend_lines(looked, place.width * _COLUMN))
    left = 0.2 if panel.states else _LEFT
    inches = (
        place.x * _COLUMN + left,
        _HEAD + _ROW * place.y + _ABOVE,
        place.width * _COLUMN - left - _RIGHT,
        place.height * _ROW - _ABOVE - below,
    )
    axes = _axes(figure, inches)
    axes.set_title(panel.title, color=INK)
    time_axis(axes, checked.span.start, checked.span.end, ticks=7)
    axes.tick_params(labelsize=8, length=2)
    if looked.found != "data":
        _nothing(axes, looked)
        return
    if panel.states:
        draw_states(axes, looked, checked.span)
    else:
        draw_lines(axes, looked, checked.span, below=(below - _LEGEND * 0.1) / inches[3])
    for mark, answered in checked.marks:
        for at in moments(answered, checked.span.step):
            axes.axvline(instant(at), color=COLOURS[mark.colour], linewidth=1.1, linestyle="--", zorder=1)


def _axes(figure: Figure, inches: tuple[float, float, float, float]) -> Axes:
    """Axes at inches from the upper left corner: left, above, width, height."""
    width, height = figure.get_size_inches()
    left, above, wide, high = inches
    return figure.add_axes((left / width, 1 - (above + high) / height, wide / width, high / height))


def _nothing(axes: Axes, looked: Looked) -> None:
    """Says why there is nothing to draw; a panel that must have data says it in red."""
    told = {"empty": "NO DATA", "broken": f"THE QUERY IS REJECTED\n{clip(looked.reason, 200)}"}
    text = told.get(looked.found, f"nothing: {looked.reason}")
    axes.set_yticks([])
    axes.grid(visible=False)
    colour = MUTED if looked.found == "quiet" else COLOURS["red"]
    wrapped = "\n".join(textwrap.fill(line, int(looked.panel.width * _SIGNS)) for line in text.splitlines())
    axes.text(0.5, 0.5, wrapped, transform=axes.transAxes, ha="center", va="center", fontsize=10, color=colour)
