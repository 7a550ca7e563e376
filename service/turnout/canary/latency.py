"""Evidence on latency from histograms: at each bound, and over all buckets. Called by `turnout.canary.course`."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from turnout.canary.dispersion import of_history
from turnout.canary.evidence import harm, safe, slower
from turnout.canary.samples import Counts, Index, Samples, Side
from turnout.release.artifacts import CanaryGates

# Shares of stable's searches between which a bound tells one latency from another; others get a small part of the bet.
TELLING = (0.001, 0.6)
UNTELLING_WEIGHT = 0.15
# The bet on the whole histogram; what is left is on the single bounds, which see a slow tail sooner.
LEANING_PART = 0.75


@dataclass(frozen=True)
class Latency:
    """Log e-values for and against, (..., windows); dispersion at each bound judged; bound that shows most harm."""

    harm: Counts
    safe: Counts
    dispersion: Counts
    bound: Index | None = None


def weigh(samples: Samples, gates: CanaryGates) -> Latency:
    """Average the evidence for harm, and take the weakest of that for its absence.

    The average of e-values is an e-value however they depend on each other. That all bounds are within the margin is
    shown once each of them is: no correction is due, since one that isn't is enough to be wrong.
    """
    gate, noticed = gates.latency, _noticed(samples, gates)
    canary, stable = noticed.canary, noticed.stable
    if not noticed.bounds:
        return _without_bounds(samples, gates)
    scores = _scores(noticed.history)
    of_score = of_history(noticed, lambda side, pods: _scored(side, pods, scores), shared=True)
    bursts = of_history(noticed, _slow, shared=True, prior=of_score[..., None])
    counts = (canary.slow, canary.answered[..., None, :], stable.slow, stable.answered[..., None, :])
    each = harm(*counts, tolerance=gate.tolerance, dispersion=bursts)
    against = np.logaddexp.reduce(each + np.log(_weights(noticed.history))[..., None], axis=-2)
    if gate.tolerance <= 1.0:
        known = usual(noticed)
        leaning = slower(_buckets(canary), _buckets(stable), scores=scores[..., None], usual=known, dispersion=of_score)
        against = np.logaddexp(against + math.log1p(-LEANING_PART), leaning + math.log(LEANING_PART))
    greatest = np.maximum.accumulate(safe(*counts, margin=gate.margin, floor=gate.floor, dispersion=bursts), axis=-1)
    for_it = _weakest(greatest, _share_so_far(noticed) * gate.margin > 1.0)
    most = each.max(axis=-1, initial=-np.inf).argmax(axis=-1) + len(samples.bounds) - len(noticed.bounds)
    return Latency(against, for_it, bursts, most)


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


def _without_bounds(samples: Samples, gates: CanaryGates) -> Latency:
    """No bound is slow enough to be noticed: passes with the first answer. No histogram at all: never passes."""
    answered = np.cumsum(samples.canary.answered, axis=-1)
    nothing = np.zeros(answered.shape)
    enough = np.where(answered > 0, -math.log(gates.beta), 0.0) if samples.bounds else nothing
    return Latency(nothing, enough, np.ones((*nothing.shape[:-1], 0)))


def _buckets(side: Side) -> Counts:
    """Searches in each bucket from fast to slow, (..., bounds + 1, windows)."""
    slower_than = np.concatenate([side.answered[..., None, :], side.slow], axis=-2)
    return np.maximum(-np.diff(slower_than, axis=-2, append=0.0), 0.0)


def _scores(history: Side) -> Counts:
    """How slow each bucket is: the log odds of its middle rank in stable's history, about their mean; (..., buckets).

    That is the best score for a shift of a logistic distribution, and close to it for any with one hump.
    """
    known = _buckets(history).sum(axis=-1) + 0.5
    rank = (np.cumsum(known, axis=-1) - known / 2) / known.sum(axis=-1, keepdims=True)
    odds = np.log(rank / (1.0 - rank))
    return np.asarray(odds - (odds * known).sum(axis=-1, keepdims=True) / known.sum(axis=-1, keepdims=True))


def _scored(side: Side, pods: bool, scores: Counts) -> tuple[Counts, Counts, Counts]:
    """The sum of scores in place of events, the searches, and the scores' variance times the searches."""
    buckets = _buckets(side)
    weights = scores[..., None, :, None] if pods else scores[..., None]
    return (buckets * weights).sum(axis=-2), side.answered, (buckets * weights**2).sum(axis=-2)


def _slow(side: Side, pods: bool) -> tuple[Counts, Counts]:
    """Slow searches and all, the bounds before the pods."""
    if pods:
        return np.swapaxes(side.slow, -3, -2), side.answered[..., None, :, :]
    return side.slow, side.answered[..., None, :]


def usual(samples: Samples) -> Counts:
    """Stable's share in each bucket as known before each window, (..., buckets, windows): a bet may not look ahead."""
    before = np.cumsum(_buckets(samples.stable), axis=-1)
    before = np.concatenate([np.zeros_like(before[..., :1]), before[..., :-1]], axis=-1)
    known = before + _buckets(samples.history).sum(axis=-1)[..., None] + 0.5
    return np.asarray(known / known.sum(axis=-2, keepdims=True))


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
