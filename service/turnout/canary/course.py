"""The evidence of every metric after every window, and when it was enough: the whole test, without words.

Called by `turnout.canary.judging` for one trial, by `turnout judge` to draw it, and by the simulation that measures
error rates for thousands at once: all of it takes leading axes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from turnout.canary.dispersion import dispersion
from turnout.canary.evidence import harm, safe
from turnout.canary.judgment import MetricName
from turnout.canary.samples import Counts, Samples, Side
from turnout.release.artifacts import CanaryGates, RateGate

Index = NDArray[np.int64]
METRICS: tuple[MetricName, ...] = ("errors", "latency", "degraded", "empty")
# Shares of stable's searches between which a bound tells one latency from another; others get a small part of the bet.
TELLING = (0.001, 0.6)
UNTELLING_WEIGHT = 0.15


@dataclass(frozen=True)
class MetricCourse:
    """One metric's evidence over time. Logs are natural; the greatest so far counts.

    Args:
        harm, safe: log e-values after each window, (..., windows).
        harm_needed, safe_needed: how much is enough.
            For latency, `safe` is the least over the bounds of each one's greatest so far.
        dispersion: (...,); for latency of each bound that is judged, (..., bounds).
        failed_at, passed_at: index of the window that decided, or -1; (...,).
        bound: for latency the index in `samples.bounds` of the bound that shows most harm, (...,); else None.
    """

    metric: MetricName
    harm: Counts
    safe: Counts
    harm_needed: float
    safe_needed: float
    dispersion: Counts
    failed_at: Index
    passed_at: Index
    bound: Index | None = None


@dataclass(frozen=True)
class Course:
    """All metrics. `failed_at`: window of the first failure; `passed_at`: window at which the last metric had passed.

    Either is -1 if it never came. A failure at any time outweighs a pass.
    """

    metrics: tuple[MetricCourse, ...]
    failed_at: Index
    passed_at: Index


def course(samples: Samples, gates: CanaryGates) -> Course:
    """Weigh all windows of one or many trials. Problems in the samples are the caller's to look at."""
    metrics = tuple(
        _latency(samples, gates) if metric == "latency" else _share(metric, samples, gates) for metric in METRICS
    )
    failed, passed = (np.stack([getattr(each, at) for each in metrics]) for at in ("failed_at", "passed_at"))
    never = np.iinfo(np.int64).max
    first = np.where(failed < 0, never, failed).min(axis=0)
    return Course(
        metrics=metrics,
        failed_at=np.where(first == never, -1, first),
        passed_at=np.where((passed >= 0).all(axis=0), passed.max(axis=0), -1),
    )


def _share(metric: MetricName, samples: Samples, gates: CanaryGates) -> MetricCourse:
    """Errors, degraded or empty answers: one count among all searches."""
    gate: RateGate = getattr(gates, metric)
    bursts = _bursts(samples, lambda side: (getattr(side, metric), side.requests))
    counts = [part for side in (samples.canary, samples.stable) for part in (getattr(side, metric), side.requests)]
    against = harm(*counts, tolerance=gate.tolerance, dispersion=bursts)
    for_it = safe(*counts, margin=gate.margin, floor=gate.floor, dispersion=bursts)
    return _decided(metric, (against, for_it), gate, gates, bursts)


def _latency(samples: Samples, gates: CanaryGates) -> MetricCourse:
    """Searches slower than each bound: the average of the evidence for harm, the weakest of that for its absence.

    The average of e-values is an e-value however they depend on each other. That all bounds are within the margin is
    shown once each of them is: no correction is due, since one that isn't is enough to be wrong.
    """
    gate, noticed = gates.latency, _noticed(samples, gates)
    canary, stable = noticed.canary, noticed.stable
    if not noticed.bounds:
        return _without_bounds(samples, gates)
    bursts = _bursts(noticed, _slow)
    counts = (canary.slow, canary.answered[..., None, :], stable.slow, stable.answered[..., None, :])
    each = harm(*counts, tolerance=gate.tolerance, dispersion=bursts)
    against = np.logaddexp.reduce(each + np.log(_weights(noticed.history))[..., None], axis=-2)
    greatest = np.maximum.accumulate(safe(*counts, margin=gate.margin, floor=gate.floor, dispersion=bursts), axis=-1)
    for_it = _weakest(greatest, _share_so_far(noticed) * gate.margin > 1.0)
    most = each.max(axis=-1, initial=-np.inf).argmax(axis=-1) + len(samples.bounds) - len(noticed.bounds)
    return _decided("latency", (against, for_it), gate, gates, bursts, bound=most)


def _noticed(samples: Samples, gates: CanaryGates) -> Samples:
    """Leave out the bounds below which a search is fast enough for anybody; bounds ascend, so they come first."""
    first = int(np.searchsorted(np.asarray(samples.bounds, dtype=float), gates.unnoticed_ms / 1000.0))

    def cut(side: Side) -> Side:
        return replace(side, slow=side.slow[..., first:, :])

    return replace(
        samples,
        bounds=samples.bounds[first:],
        canary=cut(samples.canary),
        stable=cut(samples.stable),
        history=cut(samples.history),
        history_pods=None if samples.history_pods is None else cut(samples.history_pods),
    )


def _without_bounds(samples: Samples, gates: CanaryGates) -> MetricCourse:
    """No bound is slow enough to be noticed: passes with the first answer. No histogram at all: never passes."""
    answered = np.cumsum(samples.canary.answered, axis=-1)
    nothing = np.zeros(answered.shape)
    enough = np.where(answered > 0, -math.log(gates.beta), 0.0) if samples.bounds else nothing
    return _decided("latency", (nothing, enough), gates.latency, gates, np.ones((*nothing.shape[:-1], 0)))


def _decided(
    metric: MetricName,
    evidence: tuple[Counts, Counts],
    gate: RateGate,
    gates: CanaryGates,
    bursts: Counts,
    *,
    bound: Index | None = None,
) -> MetricCourse:
    """Hold the evidence against what is needed: Ville's inequality makes looking at every window free."""
    against, for_it = evidence
    harm_needed, safe_needed = -math.log(gates.alpha * gate.alpha_share), -math.log(gates.beta)
    return MetricCourse(
        metric=metric,
        harm=against,
        safe=for_it,
        harm_needed=harm_needed,
        safe_needed=safe_needed,
        dispersion=bursts,
        failed_at=_first(against >= harm_needed),
        passed_at=_first(for_it >= safe_needed),
        bound=bound,
    )


def _first(enough: NDArray[np.bool_]) -> Index:
    """Index of the first true window, or -1."""
    if not enough.shape[-1]:
        return np.full(enough.shape[:-1], -1, dtype=np.int64)
    return np.where(enough.any(axis=-1), enough.argmax(axis=-1), -1).astype(np.int64)


def _slow(side: Side) -> tuple[Counts, Counts]:
    return side.slow, side.answered[..., None, :]


def _bursts(samples: Samples, read: Callable[[Side], tuple[Counts, Counts]]) -> Counts:
    """Dispersion from stable's history between its pods if there are several, else over time."""
    pods = samples.history_pods
    if pods is None or pods.requests.shape[-2] < 2:
        return dispersion(*read(samples.history), pods=False)
    events, requests = read(pods)
    if events.ndim > pods.requests.ndim:  # the bounds stand between the pods and the windows
        events, requests = np.swapaxes(events, -3, -2), np.swapaxes(requests, -3, -2)
    return dispersion(events, requests, pods=True)


def _weights(history: Side) -> Counts:
    """What part of the bet each bound gets, from the history alone: a bet may not know the outcome."""
    slow, answered = history.slow.sum(axis=-1), history.answered.sum(axis=-1)[..., None]
    share = slow / np.where(answered > 0, answered, 1.0)
    weights = np.where((share >= TELLING[0]) & (share <= TELLING[1]), 1.0, UNTELLING_WEIGHT)
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


def _share_so_far(samples: Samples) -> Counts:
    """Stable's share of slow searches up to each window, with its history; (..., bounds, windows)."""
    slow = samples.history.slow.sum(axis=-1)[..., None] + np.cumsum(samples.stable.slow, axis=-1)
    answered = samples.history.answered.sum(axis=-1)[..., None] + np.cumsum(samples.stable.answered, axis=-1)
    return np.asarray(slow / np.where(answered > 0, answered, 1.0)[..., None, :])


def _weakest(evidence: Counts, beyond: NDArray[np.bool_]) -> Counts:
    """The least over the bounds, leaving out those at which no share can exceed the margin, unless all are such."""
    beyond = beyond & ~beyond.all(axis=-2, keepdims=True)
    return np.asarray(np.where(beyond, np.inf, evidence).min(axis=-2))
