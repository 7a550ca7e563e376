"""E-values on counts of two releases at the same time: how surely the canary is worse, how surely it isn't.

Called by `turnout.canary.course`. Everything is a natural logarithm, after each window, and vectorised over leading
axes. Where the formulas come from and what they promise is in README.md.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike

from turnout.canary.samples import Counts

# Ratios of the canary's share to the tolerated one, and what part of the bet each gets. A small ratio needs the most
# traffic, so it must not be starved; the greatest ones pay back so fast that a small part is enough.
HARM_RATIOS = (1.1, 1.25, 1.5, 2.0, 3.0, 4.5, 8.0, 16.0, 32.0, 64.0)
HARM_WEIGHTS = (0.07, 0.08, 0.12, 0.14, 0.16, 0.15, 0.11, 0.07, 0.05, 0.05)
# The canary's ratio to stable as part of the margin: with a margin of 1.5 to 2, the middle ones are "as stable".
SAFE_RATIOS = (0.8, 0.65, 0.5, 0.3, 0.1)
SAFE_WEIGHTS = (0.15, 0.3, 0.3, 0.15, 0.1)
# The canary's share as part of the floor. The first is next to none at all, where most metrics of a good release are.
FLOOR_RATIOS = (0.001, 0.25, 0.5, 0.75)
FLOOR_WEIGHTS = (0.5, 0.2, 0.2, 0.1)
# How strongly the canary's latency is taken to lean towards slow buckets; 0.2 is about a tenth slower for all searches.
LEANS = (0.1, 0.2, 0.4, 1.0)
LEAN_WEIGHTS = (0.5, 0.3, 0.12, 0.08)


def harm(
    canary_events: Counts,
    canary_requests: Counts,
    stable_events: Counts,
    stable_requests: Counts,
    *,
    tolerance: float,
    dispersion: ArrayLike = 1.0,
) -> Counts:
    """Evidence that the canary's share of events is above `tolerance` times stable's, after each window.

    Args:
        canary_events, canary_requests, stable_events, stable_requests: disjoint windows along the last axis; shapes
            broadcast. A window in which a side has no requests says nothing.
        dispersion: by how much events come in bursts, at least 1; (...,) without the windows' axis.
    Returns:
        Natural log of an e-process, (..., windows): its mean is at most 1 at any window and at any time of stopping
        as long as the canary is tolerable in each window (Lindon et al. 2022, arXiv 2205.14762).
    """
    alternatives = [(tolerance * ratio, weight) for ratio, weight in zip(HARM_RATIOS, HARM_WEIGHTS, strict=True)]
    counts = (canary_events, canary_requests, stable_events, stable_requests)
    return _mixture(_ratio_bets(counts, null=tolerance, alternatives=alternatives, dispersion=dispersion))


def safe(
    canary_events: Counts,
    canary_requests: Counts,
    stable_events: Counts,
    stable_requests: Counts,
    *,
    margin: float,
    floor: float,
    dispersion: ArrayLike = 1.0,
) -> Counts:
    """Evidence that the canary's share is below `margin` times stable's or below `floor`, after each window.

    Args:
        canary_events, canary_requests, stable_events, stable_requests, dispersion: as in `harm`.
        margin: above 0.
        floor: a share that nobody minds, from 0 to below 1; 0 leaves the margin alone.
    Returns:
        Natural log of an e-process, (..., windows): its mean is at most 1 as long as the canary's share is at least
        the greater of both in each window. Half of the bet is on the margin, half on the floor.
    """
    counts = (canary_events, canary_requests, stable_events, stable_requests)
    part = 0.5 if floor > 0 else 1.0
    ratios = [(margin * ratio, part * weight) for ratio, weight in zip(SAFE_RATIOS, SAFE_WEIGHTS, strict=True)]
    bets = list(_ratio_bets(counts, null=margin, alternatives=ratios, dispersion=dispersion))
    if floor > 0:
        shares = [(ratio, part * weight) for ratio, weight in zip(FLOOR_RATIOS, FLOOR_WEIGHTS, strict=True)]
        bets += _share_bets(canary_events, canary_requests, floor=floor, alternatives=shares, dispersion=dispersion)
    return _mixture(bets)


def slower(canary: Counts, stable: Counts, *, scores: Counts, usual: Counts, dispersion: ArrayLike = 1.0) -> Counts:
    """Evidence that the canary's whole histogram leans to the slow side of stable's, after each window.

    A slowness that moves every search a little shows at no single bound as soon as in all buckets together.

    Args:
        canary, stable: searches in each bucket, not cumulated, from fast to slow; (..., buckets, windows).
        scores: how slow a bucket is, not falling from fast to slow; as `usual`.
        usual: the share of stable's searches expected in each bucket, from what was known before the window, with 1 or
            `windows` on the last axis. A wrong guess costs power, never validity.
        dispersion: of the score, (...,).
    Returns:
        Natural log of an e-process, (..., windows), as long as no bound is exceeded by a greater share of the canary's
        searches than of stable's.
    """
    requests = canary.sum(axis=-2, keepdims=True), stable.sum(axis=-2, keepdims=True)
    counted = (requests[0] > 0) & (requests[1] > 0)
    share = np.where(counted, requests[0] / np.where(counted, requests[0] + requests[1], 1.0), 0.5)
    bursts = np.asarray(dispersion, dtype=float)[..., None]

    def bets() -> Iterable[Counts]:
        for lean, weight in zip(LEANS, LEAN_WEIGHTS, strict=True):
            tilt = lean * scores - np.log((usual * np.exp(lean * scores)).sum(axis=-2, keepdims=True))
            mixed = np.log1p(share * np.expm1(tilt))
            ahead = np.where(counted, canary * tilt - (canary + stable) * mixed, 0.0).sum(axis=-2)
            yield np.log(weight) + np.cumsum(ahead, axis=-1) / bursts

    return _mixture(bets())


def _ratio_bets(
    counts: tuple[Counts, Counts, Counts, Counts],
    *,
    null: float,
    alternatives: list[tuple[float, float]],
    dispersion: ArrayLike,
) -> Iterable[Counts]:
    """Log of weight times likelihood ratio for each alternative ratio against the ratio `null`.

    Given a window's events of both sides, the canary's part is binomial with r Nc / (r Nc + Ns). What is left of the
    likelihood ratio: events of the canary times log(r/null), less all events times log((r Nc + Ns)/(null Nc + Ns)).
    """
    canary_events, canary_requests, stable_events, stable_requests = counts
    counted = (canary_requests > 0) & (stable_requests > 0)
    canary = np.where(counted, canary_events, 0.0)
    both = np.where(counted, canary_events + stable_events, 0.0)
    share = np.where(counted, canary_requests, 0.0) / np.where(counted, canary_requests + stable_requests, 1.0)
    of_canary, bursts = np.cumsum(canary, axis=-1), np.asarray(dispersion, dtype=float)[..., None]
    for ratio, weight in alternatives:
        shift = np.log1p((ratio - null) * share / (1.0 + (null - 1.0) * share))
        yield np.log(weight) + (of_canary * np.log(ratio / null) - np.cumsum(both * shift, axis=-1)) / bursts


def _share_bets(
    events: Counts, requests: Counts, *, floor: float, alternatives: list[tuple[float, float]], dispersion: ArrayLike
) -> Iterable[Counts]:
    """Log of weight times Bernoulli likelihood ratio for each alternative part of `floor` against it."""
    seen = np.cumsum(np.where(requests > 0, events, 0.0), axis=-1)
    without = np.cumsum(np.maximum(requests - events, 0.0), axis=-1)
    bursts = np.asarray(dispersion, dtype=float)[..., None]
    for part, weight in alternatives:
        ahead = seen * np.log(part) + without * (np.log1p(-part * floor) - np.log1p(-floor))
        yield np.log(weight) + ahead / bursts


def _mixture(bets: Iterable[Counts]) -> Counts:
    """Log of the sum, one bet at a time: thousands of simulated rollouts need no memory for all of them."""
    parts = iter(bets)
    total = next(parts)
    for bet in parts:
        total = np.logaddexp(total, bet)
    return total
