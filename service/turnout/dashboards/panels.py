"""What a dashboard is made of, free of Grafana. Used by everything in this package.

Variables in queries: `$collection`, and Grafana's `$__rate_interval`, the shortest range that holds enough scrapes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

COLUMNS = 24
"""Of Grafana's grid, in which widths are counted. One row of it is about 38 pixels high."""


@dataclass(frozen=True)
class Query:
    """One query of a panel.

    Args:
        promql: the expression.
        legend: a series' name; `{{label}}` stands for a label's value.
        quiet: why it may find nothing although all is well; empty if it must find something.
        dashed: drawn dashed, for what is a limit and not a measurement.
    """

    promql: str
    legend: str
    quiet: str = ""
    dashed: bool = False


@dataclass(frozen=True)
class State:
    """What a value of a state timeline means. `colour` is a word of Grafana's: green, orange, red, blue, gray."""

    value: int
    word: str
    colour: str


@dataclass(frozen=True)
class Panel:
    """One panel.

    Args:
        unit: as Grafana names it; `picture_units` knows the ones in use.
        description: what it means and when to worry, in plain words.
        states: if there are any, this is a state timeline.
        limit: a value that is drawn as a line, because something happens there.
        top: the end of the scale, where it has one.
        quiet: of all its queries.
        width, height: in the grid.
        every_s: least seconds between two values, for what is summed up over a month at each of them.
    """

    title: str
    unit: str
    description: str
    queries: tuple[Query, ...]
    states: tuple[State, ...] = ()
    limit: float | None = None
    top: float | None = None
    quiet: str = ""
    width: int = 8
    height: int = 8
    every_s: float = 0.0

    def may_be_quiet(self, query: Query) -> str:
        """Why a query of this panel may find nothing; empty if it must find something."""
        return query.quiet or self.quiet


@dataclass(frozen=True)
class Section:
    """Panels under a heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Mark:
    """Moments that are drawn across all panels. `text` stands beside them; quiet where nothing happened."""

    title: str
    promql: str
    text: str
    colour: str


@dataclass(frozen=True)
class Dashboard:
    """One dashboard. `name` is its file's name, its option value and part of its address in Grafana."""

    name: str
    title: str
    description: str
    sections: tuple[Section, ...]
    marks: tuple[Mark, ...] = ()
    since: str = "3h"

    @property
    def panels(self) -> tuple[Panel, ...]:
        """All panels, in reading order."""
        return tuple(panel for section in self.sections for panel in section.panels)


@dataclass(frozen=True)
class Place:
    """Where something lies in the grid."""

    x: int
    y: int
    width: int
    height: int


def placed(dashboard: Dashboard) -> Iterator[tuple[Section | Panel, Place]]:
    """Headings and panels from left to right, with their places; a panel that doesn't fit begins the next line."""
    y = 0
    for section in dashboard.sections:
        yield section, Place(0, y, COLUMNS, 1)
        x, y, line = 0, y + 1, 0
        for panel in section.panels:
            if x + panel.width > COLUMNS:
                x, y, line = 0, y + line, 0
            yield panel, Place(x, y, panel.width, panel.height)
            x, line = x + panel.width, max(line, panel.height)
        y += line
