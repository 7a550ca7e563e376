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
CAUTION = 2.5
# Windows put together, since a burst may be longer than one. The longest are too few for neighbours in time.
BLOCKS = (1, 4, 16)
# Over time the greatest comparison is left out, maybe a short incident, and none counts by more than this many times
# the mean against dispersion, as one does where an incident starts amid a window. Incidents hit both releases alike.
LEFT_OUT, LEAST = 1, 4.0


def dispersion(
    events: Counts, requests: Counts, *, pods: bool, prior: ArrayLike = PRIOR, spread: Counts | None = None
) -> Counts:
    """Variance of events over that of independent events, at least 1.

    Args:
        events, requests: stable's windows before the trial along the last axis; shapes broadcast. With `pods` the axis
            before it is pods. There may be no windows.
        pods: compare pods within a window, so that what hits all of them at once is no burst; else neighbours in time,
            so that what lasts is none.
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
    for length in BLOCKS if pods else BLOCKS[:-1]:
        blocks = (_blocks(part, length) for part in (events, requests, spread))
        found, comparisons = _estimate(*(_between_pods(*blocks) if pods else _between_neighbours(*blocks)))
        answer, known = np.maximum(answer, found), np.maximum(known, comparisons)
    return np.asarray((PRIOR_COMPARISONS * np.asarray(prior) + known * answer) / (PRIOR_COMPARISONS + known))


def of_history(
    samples: Samples, read: Callable[[Side, bool], Sequence[Counts]], *, shared: bool, prior: ArrayLike = PRIOR
) -> Counts:
    """Dispersion from stable's history: between its pods if several are known, and over time.

    Args:
        read: given a side and whether it has pods: events, requests and maybe spread, with pods before windows.
        shared: what moves all pods at once moves both releases at once, as load does with latency, so that time is
            looked at only where pods can't be compared. Else the greater of both: one caller may send a burst that lies
            over all pods of a release, and over those of one release alone.
    """
    pods = samples.history_pods
    if pods is None or pods.requests.shape[-2] < 2:
        return _dispersion(read(samples.history, False), pods=False, prior=prior)
    between = _dispersion(read(pods, True), pods=True, prior=prior)
    return (
        between if shared else np.maximum(between, _dispersion(read(samples.history, False), pods=False, prior=prior))
    )


def _dispersion(read: Sequence[Counts], *, pods: bool, prior: ArrayLike) -> Counts:
    events, requests, *spread = read
    return dispersion(events, requests, pods=pods, prior=prior, spread=spread[0] if spread else None)


def _blocks(values: Counts, length: int) -> Counts:
    """Sums of `length` windows each; what is left over at the start is dropped."""
    count = values.shape[-1] // length
    kept = values[..., values.shape[-1] - count * length :]
    return np.asarray(kept.reshape(*values.shape[:-1], count, length).sum(axis=-1))


def _between_pods(events: Counts, requests: Counts, spread: Counts) -> tuple[Counts, Counts]:
    """How a window's events split over pods, (..., pods, windows) to squares and what they are if independent.

    Given the total, as in the test itself: the sum of squared deviations from each pod's part.
    """
    total, answered = events.sum(axis=-2), requests.sum(axis=-2)
    share = requests / np.where(answered > 0, answered, 1.0)[..., None, :]
    squares = ((events - total[..., None, :] * share) ** 2).sum(axis=-2)
    expected = spread.sum(axis=-2) * (share * (1.0 - share)).sum(axis=-2)
    return np.where(expected > 0, squares, 0.0), expected


def _between_neighbours(events: Counts, requests: Counts, spread: Counts) -> tuple[Counts, Counts]:
    """How a window sticks out of both its neighbours, (..., windows) to squares and what they are if independent.

    The product of the steps up to a window and down from it has the window's variance as its mean. A step that lasts,
    as at the start of an incident, has no step back beside it and adds nothing.
    """
    if events.shape[-1] < 3:
        return np.zeros((*events.shape[:-1], 0)), np.zeros((*events.shape[:-1], 0))
    steps = np.diff(_over(events, requests), axis=-1)
    three = [part[..., :-2] + part[..., 1:-1] + part[..., 2:] for part in (spread, requests)]
    counted = (requests[..., :-2] > 0) & (requests[..., 1:-1] > 0) & (requests[..., 2:] > 0)
    middle = np.where(counted, requests[..., 1:-1], 0.0)
    squares, expected = -steps[..., :-1] * steps[..., 1:] * middle**2, _over(*three) * middle
    squares = np.maximum(squares, -LEAST * expected.mean(axis=-1, keepdims=True))
    kept = np.argsort(squares, axis=-1)[..., : squares.shape[-1] - min(LEFT_OUT, squares.shape[-1] // 8)]
    return np.take_along_axis(squares, kept, axis=-1), np.take_along_axis(expected, kept, axis=-1)


def _estimate(squares: Counts, expected: Counts) -> tuple[Counts, Counts]:
    """Dispersion from comparisons along the last axis, and how many of them it is worth.

    The ratio of sums weighs comparisons by their events, so that many quiet ones can't hide a burst.
    """
    whole = expected.sum(axis=-1)
    ratio = np.maximum(_over(squares.sum(axis=-1), whole), 0.0)
    error = _over(np.sqrt(((squares - ratio[..., None] * expected) ** 2).sum(axis=-1)), whole)
    comparisons = (expected > 0).sum(axis=-1).astype(float)
    # A few comparisons can look alike by chance: no less error than that of as many independent ones.
    error = np.maximum(error, ratio * np.sqrt(_over(np.full_like(ratio, 2.0), comparisons)))
    return _cautious(ratio, error), np.minimum(comparisons, whole / 2.0)


def _cautious(ratio: Counts, error: Counts) -> Counts:
    """Keep little of an excess that is no larger than its error, which chance makes; raise one that is real."""
    excess = np.maximum(ratio - 1.0, 0.0)
    real = _over(excess**2, excess**2 + 3.0 * error**2)
    return np.asarray(1.0 + excess * real * (1.0 + CAUTION * _over(error, ratio)))


def _over(above: Counts, below: Counts) -> Counts:
    """A quotient that is 0 where nothing was counted."""
    return np.asarray(above / np.where(below > 0, below, 1.0) * (below > 0))
