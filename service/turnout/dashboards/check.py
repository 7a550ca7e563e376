"""Asks Prometheus for each panel of the dashboards and says which ones have data. Called by `turnout dashboards`.

A dashboard that silently shows nothing is found here, and not during an incident.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from turnout.dashboards.panels import Dashboard, Mark, Panel, Query
from turnout.errors import BadInput, EnvironmentProblem, Refused
from turnout.prometheus import Prometheus, Series
from turnout.release.findings import printable

Found = Literal["data", "quiet", "empty", "broken"]
_POINTS = 240
_LEAST_STEP_S = 5.0
_SCRAPE_S = 15.0
KNOWN_WITHIN_S = 10.0
"""Nobody wants to wait for all of the client's time if there is no Prometheus."""
_KNOWN = '{__name__=~"turnout_release_info|turnout_release_state|turnout_alias_at_stable|follow_lag_operations"}'


@dataclass(frozen=True)
class Span:
    """The time that is looked at. Unix seconds; `step` seconds lie between two values."""

    start: float
    end: float

    @property
    def step(self) -> float:
        """As Grafana chooses it for a panel of usual width."""
        return max(_LEAST_STEP_S, math.ceil((self.end - self.start) / _POINTS))

    def step_of(self, panel: Panel) -> float:
        """The same for a panel that may have a longer one."""
        return max(self.step, panel.every_s)

    @property
    def rate_interval(self) -> str:
        """As Grafana computes it: a range with four scrapes at least, and no hole between two steps."""
        return f"{max(self.step + _SCRAPE_S, 4 * _SCRAPE_S):.0f}s"


@dataclass(frozen=True)
class Answered:
    """What one query found. `error` is what Prometheus says if it rejects the query."""

    query: Query
    series: tuple[Series, ...] = ()
    error: str = ""

    @property
    def has_data(self) -> bool:
        """Whether there is a number; NaN is none."""
        return any(bool(np.isfinite(each.values).any()) for each in self.series)


@dataclass(frozen=True)
class Looked:
    """What a panel shows."""

    panel: Panel
    answers: tuple[Answered, ...]

    @property
    def found(self) -> Found:
        """`empty` if a query has nothing that must have something, `quiet` if none has and none must."""
        if any(each.error for each in self.answers):
            return "broken"
        lacking = [each for each in self.answers if not each.has_data]
        if any(not self.panel.may_be_quiet(each.query) for each in lacking):
            return "empty"
        return "quiet" if len(lacking) == len(self.answers) else "data"

    @property
    def reason(self) -> str:
        """Why it is broken, or may be quiet; else empty."""
        if self.found == "broken":
            return next(each.error for each in self.answers if each.error)
        quiet = {self.panel.may_be_quiet(each.query): None for each in self.answers if not each.has_data}
        return "; ".join(filter(None, quiet)) if self.found == "quiet" else ""


@dataclass(frozen=True)
class Checked:
    """One dashboard, looked at. `marks` are the moments that it marks; they may always be none."""

    dashboard: Dashboard
    span: Span
    panels: tuple[Looked, ...]
    marks: tuple[tuple[Mark, Answered], ...] = field(default=())

    @property
    def bad(self) -> bool:
        """Whether a person must see to it."""
        broken = any(answered.error for _, answered in self.marks)
        return broken or any(looked.found in ("empty", "broken") for looked in self.panels)


def collections(prometheus: Prometheus, span: Span) -> tuple[str, ...]:
    """The collections that Prometheus knows of in this time, sorted; none if nothing of turnout was scraped.

    Raises:
        EnvironmentProblem: it can't be reached, rejects the caller, or isn't one.
    """
    try:
        known = f"count by (collection) ({_KNOWN})"
        found = prometheus.query_range(known, span.start, span.end, span.step, timeout_s=KNOWN_WITHIN_S)
    except Refused as error:
        remedy = error.remedy or "give the address of a Prometheus"
        raise EnvironmentProblem(error.what, where=error.where, remedy=remedy) from error
    return tuple(sorted(name for each in found if (name := each.labels.get("collection"))))


def must_know(collection: str, known: Sequence[str], *, where: str) -> None:
    """Do nothing if the collection is one of those that Prometheus knows.

    Raises:
        EnvironmentProblem: it knows none at all.
        BadInput: it knows others.
    """
    if not known:
        raise EnvironmentProblem(
            "Prometheus has none of turnout's metrics in this time",
            where=where,
            remedy="is the PodMonitor applied, does Prometheus select it, are the pods annotated? Else look further "
            "back with --since",
        )
    if collection not in known:
        raise BadInput(
            f"Prometheus knows no collection {printable(collection)!r}",
            where=where,
            remedy=f"it knows {', '.join(map(printable, known))}",
        )


def check(
    dashboards: Iterable[Dashboard],
    prometheus: Prometheus,
    collection: str,
    *,
    span: Span,
    tell: Callable[[str], None] = lambda _: None,
) -> tuple[Checked, ...]:
    """Ask for everything that the dashboards show.

    Args:
        tell: told what is asked for next.

    Raises:
        Unavailable: Prometheus went away.
    """

    def ask(query: Query, step: float = span.step) -> Answered:
        promql = filled_in(query.promql, collection, span)
        try:
            answer = prometheus.query_range(promql, span.start, span.end, step)
        except Refused as error:
            return Answered(query, error=error.what)
        return Answered(query, tuple(answer))

    checked = []
    for dashboard in dashboards:
        tell(dashboard.title)
        panels = tuple(
            Looked(panel, tuple(ask(query, span.step_of(panel)) for query in panel.queries))
            for panel in dashboard.panels
        )
        marks = tuple((mark, ask(Query(mark.promql, mark.text))) for mark in dashboard.marks)
        checked.append(Checked(dashboard, span, panels, marks))
    return tuple(checked)


def filled_in(promql: str, collection: str, span: Span) -> str:
    """A query with its variables replaced. What isn't a name can't end the string that it stands in."""
    name = re.sub(r'[\\"\n]', lambda found: "\\n" if found[0] == "\n" else f"\\{found[0]}", collection)
    return promql.replace("$__rate_interval", span.rate_interval).replace("$collection", name)


def named(legend: str, labels: dict[str, str]) -> str:
    """A series' name, as Grafana makes it: `{{label}}` is the label's value, nothing where there is none."""
    filled = re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda found: labels.get(found[1], ""), legend)
    return printable(" ".join(filled.split()))
