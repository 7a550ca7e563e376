"""The counters that are judged, by pod and instant, out of Prometheus' series. Called by `turnout.judge.traffic`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from turnout.prometheus.grid import Grid, Unsound, on_grid
from turnout.prometheus.pods import HASH, Pod, Roster, target_of
from turnout.prometheus.series import Floats, Series

_OWN = ("status", "le", "reason")


@dataclass(frozen=True)
class Family:
    """The series of one metric on the grid, each with its pod.

    Args:
        name: the metric's, for people.
        values: 0 where a series isn't there; (series, instants).
    """

    name: str
    series: Sequence[Series]
    pods: Sequence[Pod]
    values: Floats

    def by_pod(self, keep: Callable[[dict[str, str]], bool], pods: int) -> Floats:
        """The sum of a pod's series whose labels are wanted; (pods, instants)."""
        answer = np.zeros((pods, self.values.shape[1]))
        wanted = [row for row, series in enumerate(self.series) if keep(series.labels)]
        np.add.at(answer, [self.pods[row].row for row in wanted], self.values[wanted])
        return answer

    def has(self, template_hash: str, keep: Callable[[dict[str, str]], bool] = lambda _: True) -> bool:
        """Whether a side has any series of it whose labels are wanted."""
        own = zip(self.series, self.pods, strict=True)
        return any(pod.template_hash == template_hash and keep(series.labels) for series, pod in own)


def family(name: str, found: Sequence[Series], roster: Roster, grid: Grid) -> Family:
    """Put a metric's series on the grid.

    Raises:
        Unsound: a pod isn't in the roster, has another release there, or has a series twice; values are no counts.
    """
    pods, seen = [], set()
    for series in found:
        target, own = target_of(series), tuple(series.labels.get(label, "") for label in _OWN)
        pod = roster.get(target)
        if pod is None:
            raise Unsound(f"{target.instance or 'a pod'} has {name} but no turnout_release_info")
        if (series.labels.get(HASH), series.labels.get("release")) != (pod.template_hash, pod.release):
            raise Unsound(f"{name} of {target.instance} is of another release than its turnout_release_info")
        if (target, own) in seen:
            raise Unsound(f"{target.instance} is counted twice: {name} differs in a label that turnout doesn't know")
        seen.add((target, own))
        pods.append(pod)
    return Family(name, found, pods, np.nan_to_num(on_grid(name, found, grid), copy=False))


def bounds(seconds: Family) -> tuple[float, ...]:
    """The histogram's upper bounds in seconds, without infinity, ascending; none without answered searches.

    Raises:
        Unsound: they differ between pods.
    """
    of_pods: dict[Pod, set[float]] = {}
    for series, pod in zip(seconds.series, seconds.pods, strict=True):
        of_pods.setdefault(pod, set()).add(bound(series.labels))
    distinct = {frozenset(each) for each in of_pods.values()}
    if len(distinct) > 1:
        sides = {frozenset(each): pod.template_hash for pod, each in of_pods.items()}
        between = "between the releases" if len(set(sides.values())) > 1 else "between pods of one release"
        raise Unsound(f"the bounds of {seconds.name} differ {between}")
    found = sorted(distinct.pop()) if distinct else []
    if found and not np.isinf(found[-1]):
        raise Unsound(f"{seconds.name} has no bucket for all searches (le=+Inf)")
    return tuple(found[:-1])


def by_bound(seconds: Family, limits: tuple[float, ...], pods: int) -> Floats:
    """Answered searches, then those of them within each bound; (1 + bounds, pods, instants)."""
    answer = np.zeros((len(limits) + 1, pods, seconds.values.shape[1]))
    rows = {limit: row for row, limit in enumerate((np.inf, *limits))}
    places = [rows[bound(series.labels)] for series in seconds.series]
    answer[places, [pod.row for pod in seconds.pods]] = seconds.values
    return answer


def bound(labels: dict[str, str]) -> float:
    """A bucket's upper bound in seconds.

    Raises:
        Unsound: the label isn't a number.
    """
    try:
        value = float(labels["le"])
    except (KeyError, ValueError):
        value = np.nan
    if np.isnan(value):
        raise Unsound("a bucket of the latency histogram has no bound")
    return value
