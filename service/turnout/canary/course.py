"""The evidence of every metric after every window, and when it was enough: the whole test, without words.

Called by `turnout.canary.judging` for one trial, by `turnout judge` to draw it, and by the simulation that measures
error rates for thousands at once: all of it takes leading axes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from turnout.canary.dispersion import of_history
from turnout.canary.evidence import harm, safe
from turnout.canary.judgment import MetricName
from turnout.canary.latency import weigh
from turnout.canary.samples import Counts, Index, Samples
from turnout.release.artifacts import CanaryGates, RateGate

METRICS: tuple[MetricName, ...] = ("errors", "latency", "degraded", "empty")
ONE_WINDOW = 3.0
"""Most evidence for harm that one window can give, as a natural logarithm: less than any metric needs by default."""


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
    bursts = of_history(samples, lambda side, _: (getattr(side, metric), side.requests), shared=False)
    counts = [part for side in (samples.canary, samples.stable) for part in (getattr(side, metric), side.requests)]
    against = harm(*counts, tolerance=gate.tolerance, dispersion=bursts)
    for_it = safe(*counts, margin=gate.margin, floor=gate.floor, dispersion=bursts)
    return _decided(metric, (against, for_it), gate, gates, bursts)


def _latency(samples: Samples, gates: CanaryGates) -> MetricCourse:
    """Searches slower than each bound, and the whole histogram."""
    found = weigh(samples, gates)
    evidence = found.harm, found.safe
    return _decided("latency", evidence, gates.latency, gates, found.dispersion, bound=found.bound)


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
    against, for_it = confirmed(evidence[0]), evidence[1]
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


def confirmed(evidence: Counts) -> Counts:
    """Log evidence after each window, of which the greatest rise in any one window so far counts `ONE_WINDOW` at most.

    Pods are scraped one after the other. Where an incident begins for all, the window of those that are scraped later
    holds more of it, so that one window blames whichever release it is. What is less than an e-process at each time
    keeps its promise, so nothing has to be paid for this but some time.
    """
    rises = np.diff(evidence, axis=-1, prepend=0.0)
    greatest = np.maximum.accumulate(rises, axis=-1)
    return np.asarray(evidence - np.maximum(greatest - ONE_WINDOW, 0.0))


def _first(enough: NDArray[np.bool_]) -> Index:
    """Index of the first true window, or -1."""
    if not enough.shape[-1]:
        return np.full(enough.shape[:-1], -1, dtype=np.int64)
    return np.where(enough.any(axis=-1), enough.argmax(axis=-1), -1).astype(np.int64)
