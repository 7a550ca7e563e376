"""A trial's verdict with its reason. Called by `turnout.judge.traffic` for the controller and the command line."""

from __future__ import annotations

import math

import numpy as np

from turnout.canary import words
from turnout.canary.course import Course, MetricCourse, course
from turnout.canary.judgment import Evidence, Judgment, Verdict
from turnout.canary.needed import needed, rate
from turnout.canary.samples import Counts, Samples, Side
from turnout.release.artifacts import CanaryGates

FIELDS = ("requests", "errors", "degraded", "empty", "answered", "slow")


def judge(samples: Samples, gates: CanaryGates) -> Judgment:
    """Judge one trial: a pure function of what was counted, the same whoever asks and however often.

    Args:
        samples: of one trial, without leading axes. With problems the verdict is inconclusive, whatever was counted.
    Returns:
        The verdict, a sentence, and each metric's evidence.
    """
    if not _countable(samples):
        reason = "; ".join((*samples.problems, "what was counted holds numbers that can't be counts"))
        return _answer(samples, "inconclusive", reason)
    found = course(samples, gates)
    evidence = tuple(_evidence(samples, metric, samples.ends.size) for metric in found.metrics)
    if samples.problems:
        return _answer(samples, "inconclusive", "; ".join(samples.problems), evidence)
    if found.failed_at >= 0:
        return _answer(samples, "fail", _failed(samples, found), evidence)
    if found.passed_at >= 0:
        at = int(found.passed_at)
        searches = float(samples.canary.requests[: at + 1].sum())
        return _answer(samples, "pass", words.passed(searches, after_s=_elapsed(samples, at)), evidence)
    return _undecided(samples, gates, found, evidence)


def _countable(samples: Samples) -> bool:
    """Whether all counts are numbers from 0: anything else would turn up as evidence."""
    sides = [samples.canary, samples.stable, samples.history, samples.history_pods]
    counts = [getattr(side, field) for side in sides if side is not None for field in FIELDS]
    return all(bool(np.isfinite(count).all() and (count >= 0).all()) for count in counts)


def _undecided(samples: Samples, gates: CanaryGates, found: Course, evidence: tuple[Evidence, ...]) -> Judgment:
    """Say how many more searches it takes, and how long that is."""
    more, per_second = needed(samples, gates), rate(samples)
    more_s = more / per_second if more is not None and per_second > 0 else None
    reason = words.undecided(
        [metric.metric for metric in found.metrics if metric.passed_at < 0],
        searches=float(samples.canary.requests.sum()),
        needed=more,
        needed_s=more_s,
    )
    return _answer(samples, "inconclusive", reason, evidence, needed=(more, more_s))


def _failed(samples: Samples, found: Course) -> str:
    """The reason with what was counted up to the deciding window, so that it doesn't change as time goes on."""
    at = int(found.failed_at)
    guilty = [metric for metric in found.metrics if metric.failed_at >= 0]
    first = min(guilty, key=lambda metric: int(metric.failed_at))
    also = [metric.metric for metric in guilty if metric is not first]
    return words.failed(_evidence(samples, first, at + 1), also, after_s=_elapsed(samples, at))


def _evidence(samples: Samples, metric: MetricCourse, windows: int) -> Evidence:
    """One metric over the first windows."""
    at = None if metric.bound is None else int(metric.bound)
    canary, stable = (_counted(side, metric.metric, at, windows) for side in (samples.canary, samples.stable))
    noticed = metric.dispersion.shape[-1] if metric.dispersion.ndim else 0
    bursts = metric.dispersion if at is None else metric.dispersion[at - len(samples.bounds) + noticed]
    return Evidence(
        metric=metric.metric,
        harm=_greatest(metric.harm[:windows]),
        harm_needed=metric.harm_needed / math.log(10.0),
        safe=_greatest(metric.safe[:windows]),
        safe_needed=metric.safe_needed / math.log(10.0),
        canary_events=canary[0],
        canary_requests=canary[1],
        stable_events=stable[0],
        stable_requests=stable[1],
        bound=None if at is None else float(samples.bounds[at]),
        dispersion=float(bursts) if np.ndim(bursts) == 0 else 1.0,
        failed_at=_end(samples, int(metric.failed_at)),
        passed_at=_end(samples, int(metric.passed_at)),
    )


def _counted(side: Side, metric: str, bound: int | None, windows: int) -> tuple[float, float]:
    """Events and searches since the start; latency without a bound has no events."""
    if metric != "latency":
        events, requests = getattr(side, metric), side.requests
    else:
        events, requests = (np.zeros(0) if bound is None else side.slow[bound]), side.answered
    return float(events[:windows].sum()), float(requests[:windows].sum())


def _greatest(log_e: Counts) -> float:
    """Decimal logarithm of the greatest so far; before the first window an e-process is 1."""
    return max(0.0, float(log_e.max(initial=0.0))) / math.log(10.0)


def _elapsed(samples: Samples, window: int) -> float:
    return float(samples.ends[window]) - samples.since


def _end(samples: Samples, window: int) -> float | None:
    return None if window < 0 else float(samples.ends[window])


def _answer(
    samples: Samples,
    verdict: Verdict,
    reason: str,
    evidence: tuple[Evidence, ...] = (),
    *,
    needed: tuple[int | None, float | None] = (None, None),
) -> Judgment:
    return Judgment(
        verdict=verdict,
        reason=reason,
        since=samples.since,
        until=float(samples.ends[-1]) if samples.ends.size else samples.since,
        windows=int(samples.ends.size),
        evidence=evidence,
        needed_requests=needed[0],
        needed_seconds=needed[1],
    )
