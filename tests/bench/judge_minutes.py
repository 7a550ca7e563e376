"""Counts of a simulated rollout by the minute, as a peer's PromQL sees them. Read by the peers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from judge_scenarios import BOUNDS, WINDOW_S, Array

from turnout.canary.samples import Side

NEVER = np.inf
_WINDOWS = int(60 / WINDOW_S)


@dataclass(frozen=True)
class Minutes:
    """One side; shapes are (runs, minutes). NaN where nothing was answered."""

    error_share: Array
    p50: Array
    p99: Array


def minutes(side: Side) -> Minutes:
    """The side's share of errors and its latency, each over windows of one minute that don't overlap."""
    requests, errors, answered = (_summed(part) for part in (side.requests, side.errors, side.answered))
    with np.errstate(invalid="ignore", divide="ignore"):
        share = errors / requests
    slow = _summed(side.slow)
    return Minutes(error_share=share, p50=quantile(0.5, answered, slow), p99=quantile(0.99, answered, slow))


def quantile(q: float, answered: Array, slow: Array) -> Array:
    """Prometheus's histogram_quantile: linear within the bucket that holds the rank, else the last finite bound.

    Args:
        answered: (..., minutes).
        slow: (..., bounds, minutes), slower than each bound.
    """
    below = answered[..., None, :] - slow
    rank = q * answered
    reached = below >= rank[..., None, :]
    index = np.where(reached.any(axis=-2), reached.argmax(axis=-2), len(BOUNDS))
    bounds = np.concatenate([[0.0], BOUNDS, [BOUNDS[-1]]])
    padded = np.concatenate([np.zeros_like(answered)[..., None, :], below, answered[..., None, :]], axis=-2)
    low, high = (np.take_along_axis(padded, (index + step)[..., None, :], axis=-2)[..., 0, :] for step in (0, 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        part = np.where(high > low, (rank - low) / (high - low), 0.0)
    found = bounds[index] + (bounds[index + 1] - bounds[index]) * part
    return np.where(answered > 0, found, np.nan)


def first(stops: Array, *, every: float = 1.0) -> Array:
    """Minutes until the first look that stops, infinity if none does; looks are the last axis, `every` minutes."""
    return np.where(stops.any(axis=-1), (stops.argmax(axis=-1) + 1) * every, NEVER)


def _summed(windows: Array) -> Array:
    return np.asarray(windows.reshape(*windows.shape[:-1], -1, _WINDOWS).sum(axis=-1))
