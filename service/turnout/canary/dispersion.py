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
CAUTION = 1.5
BLOCKS = (1, 4, 16)


def dispersion(
    events: Counts, requests: Counts, *, pods: bool, prior: ArrayLike = PRIOR, spread: Counts | None = None
) -> Counts:
    """Variance of events over that of independent events, at least 1.

    Args:
        events, requests: stable's windows before the trial along the last axis; shapes broadcast. With `pods` the axis
            before it is pods. There may be no windows.
        pods: compare pods within a window, so that what hits all of them at once is no burst; else neighbours in time.
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
    for length in BLOCKS:
        blocks = [_blocks(part, length) for part in (events, requests, spread)]
        found, comparisons = _of_splits(*(blocks if pods else [_pairs(part) for part in blocks]))
        answer, known = np.maximum(answer, found), np.maximum(known, comparisons)
    return np.asarray((PRIOR_COMPARISONS * np.asarray(prior) + known * answer) / (PRIOR_COMPARISONS + known))


def of_history(samples: Samples, read: Callable[[Side, bool], Sequence[Counts]], *, prior: ArrayLike = PRIOR) -> Counts:
    """Dispersion from stable's history: between its pods if several are known, else over time.

    Args:
        read: given a side and whether it has pods: events, requests and maybe spread, with pods before windows.
    """
    pods = samples.history_pods
    if pods is None or pods.requests.shape[-2] < 2:
        events, requests, *spread = read(samples.history, False)
        return dispersion(events, requests, pods=False, prior=prior, spread=spread[0] if spread else None)
    events, requests, *spread = read(pods, True)
    return dispersion(events, requests, pods=True, prior=prior, spread=spread[0] if spread else None)


def _blocks(values: Counts, length: int) -> Counts:
    """Sums of `length` windows each; what is left over at the start is dropped."""
    count = values.shape[-1] // length
    kept = values[..., values.shape[-1] - count * length :]
    return np.asarray(kept.reshape(*values.shape[:-1], count, length).sum(axis=-1))


def _pairs(values: Counts) -> Counts:
    """Neighbours as two sides, (..., 2, comparisons): a slow change of load or rate is no burst."""
    return np.stack([values[..., :-1], values[..., 1:]], axis=-2)


def _of_splits(events: Counts, requests: Counts, spread: Counts) -> tuple[Counts, Counts]:
    """Dispersion of how a comparison's events split over its sides, (..., sides, comparisons) to (...,), and how many.

    The sum of squared deviations over its expectation for independent events, given the total: the same conditioning
    as the test's. The ratio of sums weighs comparisons by their events, so that many quiet ones can't hide a burst.
    """
    total, answered = events.sum(axis=-2), requests.sum(axis=-2)
    share = requests / np.where(answered > 0, answered, 1.0)[..., None, :]
    squares = ((events - total[..., None, :] * share) ** 2).sum(axis=-2)
    expected = spread.sum(axis=-2) * (share * (1.0 - share)).sum(axis=-2)
    squares = np.where(expected > 0, squares, 0.0)
    whole = expected.sum(axis=-1)
    ratio = _over(squares.sum(axis=-1), whole)
    error = _over(np.sqrt(((squares - ratio[..., None] * expected) ** 2).sum(axis=-1)), whole)
    comparisons = (expected > 0).sum(axis=-1).astype(float)
    # A few comparisons can look alike by chance: no less error than that of as many independent ones.
    error = np.maximum(error, ratio * np.sqrt(_over(np.full_like(ratio, 2.0), comparisons)))
    known = np.minimum(comparisons, spread.sum(axis=(-2, -1)) / 2.0)
    return _cautious(ratio, error), known


def _cautious(ratio: Counts, error: Counts) -> Counts:
    """Keep little of an excess that is no larger than its error, which chance makes; raise one that is real."""
    excess = np.maximum(ratio - 1.0, 0.0)
    real = _over(excess**2, excess**2 + 3.0 * error**2)
    return np.asarray(1.0 + excess * real * (1.0 + CAUTION * _over(error, ratio)))


def _over(above: Counts, below: Counts) -> Counts:
    """A quotient that is 0 where nothing was counted."""
    return np.asarray(above / np.where(below > 0, below, 1.0) * (below > 0))
