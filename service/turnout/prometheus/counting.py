"""From raw counters of pods to what was counted between instants: restarts, late pods, and holes in what was scraped.

Pure arithmetic, called by `turnout.judge.traffic`. A pod's counters belong to one process: if its start moved or any
counter fell, all of them began again at 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from turnout.prometheus.grid import Grid
from turnout.prometheus.series import Floats

Flags = NDArray[np.bool_]

# A process' start is computed from the machine's boot time, which a clock that is set right can move by a second.
_SAME_START_S = 1.5


@dataclass(frozen=True)
class Counted:
    """What pods counted between each instant and the next.

    Args:
        increases: (counters, pods, instants - 1).
        tracked: whether a pod was scraped at both ends, or counted from its process' start; (pods, instants - 1).
        unseen: instants that lie in a hole of some pod: its counts before and after can't be told apart; (instants,).
        last: the last instant at which each pod was scraped, -1 if never; (pods,).
    """

    increases: Floats
    tracked: Flags
    unseen: Flags
    last: NDArray[np.intp]


def count(values: Floats, starts: Floats, grid: Grid) -> Counted:
    """Differences of counters, each put where its later scrape is.

    Args:
        values: counters at each instant, 0 where a series isn't there; (counters, pods, instants).
        starts: when each pod's process began, Unix seconds, NaN where it wasn't scraped; (pods, instants).
    """
    scraped = np.isfinite(starts)
    places = np.arange(grid.count)
    newest = np.maximum.accumulate(np.where(scraped, places, -1), axis=1)
    before = np.concatenate([np.full((len(scraped), 1), -1), newest[:, :-1]], axis=1)
    earlier = np.maximum(before, 0)
    past = np.take_along_axis(values, earlier[None], axis=2)
    moved = np.abs(starts - np.take_along_axis(starts, earlier, axis=1)) > _SAME_START_S
    first = scraped & (before < 0)
    restarted = scraped & (before >= 0) & (moved | (values < past).any(axis=0))
    # A process that began since the last instant is counted from 0; an older one is known only from now on.
    young = first & (starts > np.concatenate([[np.inf], grid.times[:-1]]))
    known = scraped & ((before >= 0) | young)
    rises = np.where(known, values - np.where(restarted | young, 0.0, past), 0.0)
    return Counted(
        increases=rises[..., 1:],
        tracked=known[:, 1:],
        unseen=_unseen(scraped, before, np.where(restarted, starts, -np.inf), grid),
        last=newest[:, -1],
    )


def _unseen(scraped: Flags, before: NDArray[np.intp], restarts: Floats, grid: Grid) -> Flags:
    """Instants inside a hole. What a process that restarted in it counted is all of after its start."""
    born = np.floor(np.maximum((restarts - grid.start) / grid.step, -1.0)).astype(np.intp)
    begin = np.maximum(before, born)
    holes = scraped & (before >= 0) & (begin < np.arange(grid.count) - 1)
    edges = np.zeros(grid.count + 1, dtype=np.intp)
    np.add.at(edges, begin[holes] + 1, 1)
    np.add.at(edges, np.nonzero(holes)[1], -1)
    return np.asarray(np.cumsum(edges)[:-1] > 0)


def sums(increases: Floats, kept: NDArray[np.intp]) -> Floats:
    """Add up between the kept instants, at least two of them; (..., instants - 1) to (..., kept - 1)."""
    within = increases[..., kept[0] : kept[-1]]
    return np.asarray(np.add.reduceat(within, kept[:-1] - kept[0], axis=-1))
