"""The panels of a dashboard's picture: lines, and timelines of states. Called by `picture`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from turnout.dashboards.check import Answered, Looked, Span, named
from turnout.dashboards.panels import Query
from turnout.dashboards.picture_units import scale
from turnout.judge.picture_style import CANARY, GRID, HARM, INK, MUTED, SAFE, STABLE, clip, instant
from turnout.prometheus import Series
from turnout.prometheus.series import Floats

COLOURS = {"green": SAFE, "red": "#b3001b", "orange": CANARY, "blue": STABLE, "gray": MUTED}
"""Grafana's words for colours, as they are drawn."""
_LINES = (STABLE, CANARY, SAFE, HARM, "#5b3fa0", "#7a5c00", INK, "#b3001b")
_MOST_NAMES = 12
_LONGEST_NAME = 52
_INCH_PER_SIGN, _MARKER = 0.068, 0.45  # of a legend's type; the line before a name, and the space behind it
_NAMES_LEFT = 0.6  # inches left of the axes
_SMALL: dict[str, Any] = {"fontsize": 8, "columnspacing": 1.2, "labelspacing": 0.25, "borderaxespad": 0, "borderpad": 0}
_FEW = 6  # points, up to which a line gets dots: a line through one point can't be seen


def named_series(looked: Looked) -> Iterator[tuple[Query, str, Series]]:
    """All series of a panel that have a number, with their names."""
    for answered in looked.answers:
        for series in answered.series:
            if np.isfinite(series.values).any():
                yield answered.query, clip(named(answered.query.legend, series.labels), _LONGEST_NAME), series


def moments(answered: Answered, step: float) -> list[float]:
    """When something that is marked began: the first of points that follow each other. Unix seconds, ascending."""
    found: list[float] = []
    for series in answered.series:
        times = series.times
        begins = np.concatenate([[True], np.diff(times) > 1.5 * step])
        found += [float(at) for at in times[begins[: times.size]]]
    return sorted(set(found))


def legend_lines(looked: Looked, width: float) -> int:
    """How many lines the names take below a panel so many inches wide."""
    names = _names(looked)
    return math.ceil(len(names) / _columns(names, width)) if names else 0


def _names(looked: Looked) -> list[str]:
    names = [name for _, name, _ in named_series(looked)]
    return names if len(names) <= _MOST_NAMES else [*names[: _MOST_NAMES - 1], "others"]


def _columns(names: list[str], width: float) -> int:
    longest = max(len(name) for name in names) * _INCH_PER_SIGN + _MARKER
    return max(1, min(len(names), int(width / longest)))


def draw_lines(axes: Axes, looked: Looked, span: Span, *, below: float) -> None:
    """A line for each series; its names stand below, `below` heights of the axes under them."""
    panel, lowest, highest = looked.panel, 0.0, 0.0
    for (query, name, series), colour in zip(named_series(looked), cycle(_LINES), strict=False):
        times, values = _with_holes(series, span.step_of(panel))
        style = "--" if query.dashed else "-"
        dots = "o" if np.isfinite(values).sum() <= _FEW else ""
        axes.plot(instant(times), values, color=colour, linewidth=1.7, linestyle=style, marker=dots, ms=3.5, label=name)
        lowest, highest = min(lowest, float(np.nanmin(values))), max(highest, float(np.nanmax(values)))
    if panel.limit is not None:
        axes.axhline(panel.limit, color=COLOURS["red"], linewidth=1.2, linestyle=":")
        highest = max(highest, panel.limit)
    highest = max(highest, panel.top or 0.0) or (0.01 if panel.unit == "percentunit" else 1.0)
    room = 0.06 * (highest - lowest)
    axes.set_ylim(lowest - (room if lowest else 0.02 * highest), highest + room)
    _value_axis(axes, panel.unit, highest)
    _legend(axes, looked, below)


def _value_axis(axes: Axes, unit: str, highest: float) -> None:
    """Round numbers in the unit that fits the largest value."""
    size, word = scale(unit, highest)
    ends = axes.get_ylim()
    ticks = MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]).tick_values(ends[0] / size, ends[1] / size)
    axes.yaxis.set_major_locator(FixedLocator([float(tick) * size for tick in ticks]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / size:.4g}{word}" if value else "0"))
    axes.set_ylim(ends)


def _legend(axes: Axes, looked: Looked, below: float) -> None:
    names = _names(looked)
    handles = axes.get_legend_handles_labels()[0][: len(names)]
    width = axes.get_position().width * axes.figure.get_figwidth()  # type: ignore[union-attr]
    axes.legend(
        handles,
        names,
        ncols=_columns(names, width),
        loc="lower left",
        bbox_to_anchor=(-_NAMES_LEFT / width, -below),
        handlelength=1.6,
        **_SMALL,
    )


def _with_holes(series: Series, step: float) -> tuple[Floats, Floats]:
    """Times and values, with a NaN where values are missing, so that no line is drawn across."""
    times, values = series.times, np.where(np.isfinite(series.values), series.values, np.nan)
    holes = np.flatnonzero(np.diff(times) > 1.5 * step) + 1
    return np.insert(times, holes, times[holes] - step / 2), np.insert(values, holes, np.nan)


def draw_states(axes: Axes, looked: Looked, span: Span) -> None:
    """A bar for each series, in the colour of its state at each moment; its name stands above it."""
    meaning = {state.value: state for state in looked.panel.states}
    series_of = list(named_series(looked))[:_MOST_NAMES]
    rows = max(len(series_of), 2 * looked.panel.height // 5)  # a single bar needn't fill the panel
    for row, (_, name, series) in enumerate(series_of):
        y = rows - 1 - row
        axes.text(instant(span.start), y + 0.34, f" {name}", fontsize=8, color=INK, va="bottom")
        for start, end, value in _stretches(series, span.step):
            state = meaning.get(round(value))
            colour, word = (COLOURS[state.colour], state.word) if state else (GRID, f"{value:g}")
            width = instant(end) - instant(start)
            axes.barh(y, width, left=instant(start), height=0.6, color=colour, linewidth=0)
            if (end - start) > 0.012 * len(word) * (span.end - span.start):
                middle = instant((start + end) / 2)
                axes.text(middle, y, word, fontsize=8, color="white", ha="center", va="center", clip_on=True)
    axes.set_ylim(-0.5, rows - 0.2)
    axes.set_yticks([])
    seen = {round(value) for _, _, series in series_of for value in series.values if math.isfinite(value)}
    words = [Patch(color=COLOURS[state.colour], label=state.word) for value, state in meaning.items() if value in seen]
    axes.legend(handles=words, loc="lower right", bbox_to_anchor=(1, 1), ncols=7, **_SMALL)


def _stretches(series: Series, step: float) -> Iterator[tuple[float, float, float]]:
    """Start, end and value of each stretch of time without a hole in which the value is the same."""
    times, values = series.times, series.values
    if not times.size:
        return
    changes = np.flatnonzero((np.diff(values) != 0) | (np.diff(times) > 1.5 * step)) + 1
    for first, after in zip([0, *changes], [*changes, times.size], strict=True):
        following = times[after] if after < times.size else times[after - 1] + step
        yield float(times[first]), float(min(following, times[after - 1] + step)), float(values[first])
