"""By how much events come in bursts, from stable's own history. Called by `turnout.canary.course`.

A test that takes events for independent is wrong when one cause makes many of them. Counts are divided by this figure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from turnout.canary.samples import Counts, Samples, Side

PRIOR = 1.5
# How many comparisons the prior is worth: an hour of 30 s windows outweighs it, a few minutes don't.
PRIOR_COMPARISONS = 3.0
# Bursts are few, so their size is poorly known: the excess is raised by this many of its relative standard errors.
CAUTION = 2.0
# Windows put together, since a burst may be longer than one.
BLOCKS = (1, 4, 16)
# Comparisons over time that are left out, those that differ most: start and end of an incident or two, which hit both
# releases alike and are no reason to believe less of the canary.
INCIDENT_EDGES = 4


def dispersion(
    events: Counts,
    requests: Counts,
    *,
    pods: bool,
    edges: int = 0,
    prior: ArrayLike = PRIOR,
    spread: Counts | None = None,
) -> Counts:
    """Variance of events over that of independent events, at least 1.

    Args:
        events, requests: stable's windows before the trial along the last axis; shapes broadcast. With `pods` the axis
            before it is pods. There may be no windows.
        pods: compare pods within a window, so that what hits all of them at once is no burst; else neighbours in time.
        edges: so many comparisons that differ most are left out, with the longest windows.
        prior: the answer without history; (...,).
        spread: a request's variance times the requests, where a sum of scores stands for the events; shaped like
            `requests`. None for events that are rare, whose variance is their number.
    Returns:
        (...,): the greatest over some lengths of window, since a burst may be longer than one.
    """
    if spread is None:
        spread = events
    events, requests, spread = np.broadcast_arrays(*(np.asarray(part, float) for part in (events, requests, spread)))
    answer = np.ones(events.shape[: -2 if pods else -1])
    known = np.zeros_like(answer)
    for length in BLOCKS[:-1] if edges else BLOCKS:
        blocks = [_blocks(part, length) for part in (events, requests, spread)]
        sides = blocks if pods else [_pairs(part) for part in blocks]
        found, comparisons = _of_splits(*sides, edges=edges)
        answer, known = np.maximum(answer, found), np.maximum(known, comparisons)
    return np.asarray((PRIOR_COMPARISONS * np.asarray(prior) + known * answer) / (PRIOR_COMPARISONS + known))


def of_history(
    samples: Samples, read: Callable[[Side, bool], Sequence[Counts]], *, shared: bool, prior: ArrayLike = PRIOR
) -> Counts:
    """Dispersion from stable's history: between its pods if several are known, and over time.

    Args:
        read: given a side and whether it has pods: events, requests and maybe spread, with pods before windows.
        shared: what moves all pods at once moves both releases at once, as load does with latency, so that time is
            looked at only where pods can't be compared. Else the greater of both, less incidents: one caller may send
            a burst that lies over all pods of a release, and over those of one release alone.
    """
    pods = samples.history_pods
    if pods is None or pods.requests.shape[-2] < 2:
        return _dispersion(read(samples.history, False), pods=False, prior=prior)
    between = _dispersion(read(pods, True), pods=True, prior=prior)
    if shared:
        return between
    over_time = _dispersion(read(samples.history, False), pods=False, prior=prior, edges=INCIDENT_EDGES)
    return np.maximum(between, over_time)


def _dispersion(read: Sequence[Counts], *, pods: bool, prior: ArrayLike, edges: int = 0) -> Counts:
    events, requests, *spread = read
    return dispersion(events, requests, pods=pods, edges=edges, prior=prior, spread=spread[0] if spread else None)


def _blocks(values: Counts, length: int) -> Counts:
    """Sums of `length` windows each; what is left over at the start is dropped."""
    count = values.shape[-1] // length
    kept = values[..., values.shape[-1] - count * length :]
    return np.asarray(kept.reshape(*values.shape[:-1], count, length).sum(axis=-1))


def _pairs(values: Counts) -> Counts:
    """Neighbours as two sides, (..., 2, comparisons): a slow change of load or rate is no burst."""
    return np.stack([values[..., :-1], values[..., 1:]], axis=-2)


def _of_splits(events: Counts, requests: Counts, spread: Counts, *, edges: int) -> tuple[Counts, Counts]:
    """Dispersion of how a comparison's events split over its sides, (..., sides, comparisons) to (...,), and how many.

    The sum of squared deviations over its expectation for independent events, given the total: the same conditioning
    as the test's. The ratio of sums weighs comparisons by their events, so that many quiet ones can't hide a burst.
    """
    total, answered = events.sum(axis=-2), requests.sum(axis=-2)
    share = requests / np.where(answered > 0, answered, 1.0)[..., None, :]
    squares = ((events - total[..., None, :] * share) ** 2).sum(axis=-2)
    expected = spread.sum(axis=-2) * (share * (1.0 - share)).sum(axis=-2)
    squares = np.where(expected > 0, squares, 0.0)
    squares, expected = _without_greatest(squares, expected, edges)
    whole = expected.sum(axis=-1)
    ratio = _over(squares.sum(axis=-1), whole)
    error = _over(np.sqrt(((squares - ratio[..., None] * expected) ** 2).sum(axis=-1)), whole)
    comparisons = (expected > 0).sum(axis=-1).astype(float)
    # A few comparisons can look alike by chance: no less error than that of as many independent ones.
    error = np.maximum(error, ratio * np.sqrt(_over(np.full_like(ratio, 2.0), comparisons)))
    known = np.minimum(comparisons, spread.sum(axis=(-2, -1)) / 2.0)
    return _cautious(ratio, error), known


def _without_greatest(squares: Counts, expected: Counts, number: int) -> tuple[Counts, Counts]:
    """Leave out the comparisons that differ most, but never more than one in eight."""
    number = min(number, squares.shape[-1] // 8)
    if not number:
        return squares, expected
    kept = np.argsort(squares, axis=-1)[..., :-number]
    return np.take_along_axis(squares, kept, axis=-1), np.take_along_axis(expected, kept, axis=-1)


def _cautious(ratio: Counts, error: Counts) -> Counts:
    """Keep little of an excess that is no larger than its error, which chance makes; raise one that is real."""
    excess = np.maximum(ratio - 1.0, 0.0)
    real = _over(excess**2, excess**2 + 3.0 * error**2)
    return np.asarray(1.0 + excess * real * (1.0 + CAUTION * _over(error, ratio)))


def _over(above: Counts, below: Counts) -> Counts:
    """A quotient that is 0 where nothing was counted."""
    return np.asarray(above / np.where(below > 0, below, 1.0) * (below > 0))
