"""Finds the trials of the past in Prometheus: which release was tried beside which, from when to when.

A canary is a pod template hash that came up while another one was serving. Stable is the one that was there before and
stayed longest. Kubernetes forgets analyses; what was scraped is kept, so nothing else is asked. Called by
`turnout judge`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from turnout.judge.trial import Trial
from turnout.prometheus import Prometheus

End = Literal["promoted", "stopped", "running"]
Tell = Callable[[str], None]

LEAD_S = 3600.0
"""How long before the asked range is looked, to tell a release that came up in it from one that was there."""
STEP_S = 60.0
"""How close two looks are; what lies between them is looked at again by the second."""
GAP_S = 300.0
"""A release that wasn't scraped for longer, while others were, has left and come back."""
_POINTS = 10_000  # Prometheus gives 11,000 in one answer


@dataclass(frozen=True)
class Presence:
    """When pods of one hash were scraped. `times` are Unix seconds, ascending, at most one for each look."""

    template_hash: str
    release: str
    times: tuple[float, ...]


@dataclass(frozen=True)
class Stay:
    """A hash from its first scrape to its last one without leaving, Unix seconds."""

    template_hash: str
    release: str
    begin: float
    end: float


@dataclass(frozen=True)
class PastTrial:
    """A trial as it is found again.

    Args:
        trial: what the judge needs to know of it; `since` is the canary's first scrape.
        stable_release, canary_release: their release ids.
        until: the first of: the canary left, stable left, the end of the range.
        end: `promoted` if stable left first, `stopped` if the canary did, `running` if both were there to the last.
    """

    trial: Trial
    stable_release: str
    canary_release: str
    until: float
    end: End


def collections(prometheus: Prometheus, *, since: float, until: float) -> list[str]:
    """The collections that were served in a range.

    Raises:
        Unavailable, Refused: as `Prometheus.query_range`.
    """
    query = "group by (collection) (last_over_time(turnout_release_info[1h]))"
    found = prometheus.query_range(query, since, max(until, since + 1), max(3600.0, (until - since) / _POINTS))
    return sorted({series.labels.get("collection", "") for series in found} - {""})


def presences(
    prometheus: Prometheus, collection: str, *, since: float, until: float, tell: Tell = lambda _: None
) -> list[Presence]:
    """Every hash of a collection that was scraped in a range; looks each `STEP_S`.

    Raises:
        Unavailable, Refused: as `Prometheus.query_range`.
    """
    query = _scraped(f'collection="{collection}"')
    times: dict[tuple[str, str], set[float]] = {}
    length = _POINTS * STEP_S
    parts = max(1, math.ceil((until - since) / length))
    for part in range(parts):
        if parts > 1:
            tell(f"looking for releases, part {part + 1} of {parts}")
        start = since + part * length
        for series in prometheus.query_range(query, start, min(start + length, until), STEP_S):
            key = (series.labels.get("rollouts_pod_template_hash", ""), series.labels.get("release", ""))
            times.setdefault(key, set()).update(float(value) for value in series.values if math.isfinite(value))
    return [
        Presence(template_hash, release, tuple(sorted(seen)))
        for (template_hash, release), seen in sorted(times.items())
        if template_hash and seen
    ]


def trials(found: Iterable[Presence], *, collection: str, until: float, window_s: float = 30.0) -> list[PastTrial]:
    """The trials among what was scraped, by their start. `until` is the end of the range, Unix seconds."""
    stays = _stays(list(found))
    past = []
    for canary in stays:
        before = [other for other in stays if other.begin < canary.begin <= other.end and not _same(other, canary)]
        if before:
            stable = max(before, key=lambda other: (other.end, -other.begin))
            past.append(_trial(collection, stable, canary, until=until, window_s=window_s))
    return past


def refined(prometheus: Prometheus, past: PastTrial, *, until: float) -> PastTrial:
    """The same trial with its start and end by the second.

    Raises:
        Unavailable, Refused: as `Prometheus.query_range`.
    """
    trial = past.trial
    since = min([trial.since, *_times(prometheus, trial, trial.canary, (trial.since - STEP_S, trial.since))])
    if past.end == "running":
        return replace(past, trial=replace(trial, since=since))
    left = trial.stable if past.end == "promoted" else trial.canary
    end = max([past.until, *_times(prometheus, trial, left, (past.until, min(past.until + STEP_S, until)))])
    return replace(past, trial=replace(trial, since=since), until=end)


def _times(prometheus: Prometheus, trial: Trial, template_hash: str, within: tuple[float, float]) -> list[float]:
    start, end = within
    query = _scraped(f'collection="{trial.collection}",rollouts_pod_template_hash="{template_hash}"')
    found = prometheus.query_range(query, start, max(end, start + 1), 1.0)
    return [float(value) for series in found for value in series.values if start < value <= end]


def _scraped(label: str) -> str:
    """The time of the newest scrape at each look: exact, while a value alone is repeated for five minutes."""
    return f"max by (rollouts_pod_template_hash, release) (timestamp(turnout_release_info{{{label}}}))"


def _stays(found: list[Presence]) -> list[Stay]:
    stays = []
    for presence in found:
        others = [time for other in found if other is not presence for time in other.times]
        begin = presence.times[0]
        for before, after in pairwise(presence.times):
            # Where nobody was scraped, Prometheus was away and not the release.
            if after - before > GAP_S and any(before + GAP_S < time < after for time in others):
                stays.append(Stay(presence.template_hash, presence.release, begin, before))
                begin = after
        stays.append(Stay(presence.template_hash, presence.release, begin, presence.times[-1]))
    return sorted(stays, key=lambda stay: (stay.begin, stay.template_hash))


def _same(one: Stay, other: Stay) -> bool:
    return one.template_hash == other.template_hash


def _trial(collection: str, stable: Stay, canary: Stay, *, until: float, window_s: float) -> PastTrial:
    first = min(stable.end, canary.end)
    end: End = "stopped" if canary.end < stable.end else "promoted"
    if first > until - 2.5 * STEP_S:
        end, first = "running", until
    return PastTrial(
        Trial(collection, stable.template_hash, canary.template_hash, since=canary.begin, window_s=window_s),
        stable_release=stable.release,
        canary_release=canary.release,
        until=first,
        end=end,
    )
