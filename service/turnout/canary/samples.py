"""What was counted of a canary and of stable at the same time: the input of the judgment, made by `turnout.prometheus`.

All arrays may have leading axes, for many simulated rollouts at once; the last axis is time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Counts: TypeAlias = NDArray[np.float64]
Index: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True)
class Side:
    """One release's searches in disjoint windows. Shapes are (..., windows), but for `slow`.

    Args:
        requests: searches that were answered in any way.
        errors: of these, those that ended in a 5xx or were answered from memory because Elasticsearch was away.
        degraded: of these, those that got less than they asked for.
        empty: of these, those without a hit.
        answered: searches with a 2xx, those that latency is counted over.
        slow: of the answered ones, those slower than each bound; (..., bounds, windows).
    """

    requests: Counts
    errors: Counts
    degraded: Counts
    empty: Counts
    answered: Counts
    slow: Counts


@dataclass(frozen=True)
class Samples:
    """A trial so far, or many of them.

    Args:
        since: the trial's start, Unix seconds.
        ends: end of each window, Unix seconds, ascending; (windows,).
        bounds: upper bounds of the latency histogram in seconds, without infinity, ascending; (bounds,).
        canary, stable: the same windows of both sides.
        history: stable's windows of the same length before the start; their number may differ, also be 0.
        history_pods: the same by pod: each field with the pods as the axis before the last (for `slow` the second last
            is bounds, and pods before that). None if it isn't known.
        problems: sentences that say why nothing can be concluded, such as no data; empty if all is well.
    """

    since: float
    ends: Counts
    bounds: tuple[float, ...]
    canary: Side
    stable: Side
    history: Side
    history_pods: Side | None = None
    problems: tuple[str, ...] = ()
