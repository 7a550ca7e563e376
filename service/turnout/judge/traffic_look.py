"""One look at Prometheus: the counters of both sides by pod and instant. Called by `traffic`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from turnout.canary.samples import Counts
from turnout.errors import Unavailable
from turnout.judge.trial import Trial
from turnout.prometheus import Answer, Prometheus
from turnout.prometheus.counters import Family, bounds, by_bound, family
from turnout.prometheus.grid import Grid, Unsound
from turnout.prometheus.pods import Roster, roster, starts, target_of
from turnout.prometheus.queries import Queries

LOOK_S = 8.0
"""Most seconds for all queries of one look: the controller answers within 12."""

# Prometheus repeats a value for five minutes, so the first instant may show pods that are gone by then.
_BEFORE_S = 600.0


@dataclass(frozen=True)
class Seen:
    """What Prometheus knows of the pods of both sides.

    Args:
        bounds: of the latency histogram, in seconds, without infinity.
        values: (counters, pods, instants): requests, errors, degraded, empty, answered, and those within each bound.
        starts: when each pod's process began, NaN where it wasn't scraped; (pods, instants).
        canary, stable: which pods are whose; (pods,).
        known: which pods Prometheus scrapes or tries to at the end; (pods,).
    """

    bounds: tuple[float, ...]
    values: Counts
    starts: Counts
    canary: NDArray[np.bool_]
    stable: NDArray[np.bool_]
    known: NDArray[np.bool_]


class Look:
    """Asks for one trial, with one query per metric: the answers are large."""

    def __init__(self, prometheus: Prometheus, trial: Trial, grid: Grid, *, now: float) -> None:
        self._prometheus = prometheus
        self._trial = trial
        self._grid = grid
        self._now = now
        self._queries = Queries((trial.stable, trial.canary), trial.window_s)
        self._deadline = time.monotonic() + LOOK_S

    def seen(self) -> Seen:
        """Ask for everything.

        Raises:
            Unsound: nothing can be concluded from the answers.
            Unavailable, Refused: as `Prometheus.query_range`.
        """
        trial, grid, queries = self._trial, self._grid, self._queries
        hashes = (trial.stable, trial.canary)
        found = self._ask(queries.roster(grid.end - grid.start + _BEFORE_S), at_end=True)
        pods = roster(found, collection=trial.collection, hashes=hashes)
        known = {target_of(series) for series in self._ask(queries.known, at_end=True)}
        began = starts(self._ask(queries.starts).series, pods, grid)
        limits, values = self._counters(pods)
        of = np.array([pod.template_hash for pod in pods.values()])
        return Seen(
            limits,
            values,
            began,
            canary=of == trial.canary,
            stable=of == trial.stable,
            known=np.array([target in known for target in pods]),
        )

    def _ask(self, promql: str, *, at_end: bool = False) -> Answer:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise Unavailable("Prometheus is too slow", where=self._prometheus.where, remedy="look at its load")
        grid = self._grid
        start = grid.end if at_end else grid.start
        answer = self._prometheus.query_range(promql, start, grid.end, grid.step, timeout_s=left)
        if answer.warnings:
            said = " ".join(answer.warnings[0].split())[:200]
            raise Unsound(f"Prometheus warns that its data may be only a part: {said}")
        if answer.date is not None and self._now - answer.date > self._trial.window_s:
            raise Unsound(f"clocks are apart: Prometheus' clock is {self._now - answer.date:.0f} s behind")
        return answer

    def _family(self, name: str, promql: str, pods: Roster) -> Family:
        return family(name, self._ask(promql).series, pods, self._grid)

    def _counters(self, pods: Roster) -> tuple[tuple[float, ...], Counts]:
        queries, size = self._queries, len(pods)
        requests = self._family("http_requests_total", queries.requests, pods)
        seconds = self._family("http_request_duration_seconds_bucket", queries.seconds, pods)
        degraded = self._family("search_degraded_total", queries.degraded, pods)
        empty = self._family("search_empty_total", queries.empty, pods)
        limits = bounds(seconds)
        self._both_have(requests, seconds, (degraded, empty))
        memory = degraded.by_pod(lambda labels: "reason" in labels, size)
        rows = [
            requests.by_pod(lambda _: True, size),
            requests.by_pod(lambda labels: labels["status"].startswith("5"), size) + memory,
            degraded.by_pod(lambda labels: "reason" not in labels, size),
            empty.by_pod(lambda _: True, size),
        ]
        return limits, np.concatenate([np.stack(rows), by_bound(seconds, limits, size)])

    def _both_have(self, requests: Family, seconds: Family, always: Sequence[Family]) -> None:
        """A metric that one release renamed would look like one that counts nothing."""
        if any("status" not in series.labels for series in requests.series):
            raise Unsound("http_requests_total has no label status")
        for side, template_hash in (("stable", self._trial.stable), ("the canary", self._trial.canary)):
            for each in always:
                if not each.has(template_hash):
                    raise Unsound(f"{side} has no {each.name}")
            answered = requests.has(template_hash, lambda labels: labels["status"].startswith("2"))
            if answered != seconds.has(template_hash):
                missing = seconds.name if answered else requests.name
                raise Unsound(f"{side} answers searches but has no {missing} of them")


def clock(at: float) -> str:
    """A time for people."""
    try:
        return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return "a time that isn't one"
