"""Which windows are judged, and what was counted in them. Called by `traffic`.

Windows end at the same instants for all pods. Where one pod wasn't scraped for a while, an instant in that hole would
part its searches wrongly, so the windows around it are taken together, for both sides.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from turnout.canary.samples import Counts, Samples, Side
from turnout.judge.traffic_look import Seen, clock
from turnout.judge.trial import Trial
from turnout.prometheus.counting import Counted, sums
from turnout.prometheus.grid import Grid, Unsound

LATE_S = 300.0
"""Seconds without a scrape after which a pod is given up, and after which nobody waits for Prometheus."""

Places = NDArray[np.intp]


def samples_of(seen: Seen, counted: Counted, trial: Trial, grid: Grid) -> Samples:
    """Add up what pods counted in each window.

    Raises:
        Unsound: there is no window, or stable or everything was out of sight for long.
    """
    kept = _kept(seen, counted, grid)
    canary, stable = (_side(sums(counted.increases[:, rows].sum(axis=1), kept)) for rows in (seen.canary, seen.stable))
    pods = _history(seen, counted, grid)
    return Samples(
        since=trial.since,
        ends=grid.times[kept[1:]],
        bounds=seen.bounds,
        canary=canary,
        stable=stable,
        history=_side(pods.sum(axis=1)),
        history_pods=_side(pods),
    )


def _kept(seen: Seen, counted: Counted, grid: Grid) -> Places:
    """The instants that part the trial's windows."""
    scraped = np.isfinite(seen.starts)
    _stable_seen(scraped[seen.stable], seen.starts[seen.stable], grid)
    newest = int(counted.last.max(initial=-1))
    if (grid.count - 1 - newest) * grid.step > LATE_S:
        raise Unsound(f"no pod was scraped since {clock(grid.times[newest])}")
    behind = (grid.count - 1 - counted.last) * grid.step
    # A pod that Prometheus still tries to scrape may come back, and then says what it counted meanwhile.
    waiting = seen.known & (counted.last >= 0) & (behind <= LATE_S)
    last = min(newest, int(counted.last[waiting].min(initial=newest)))
    places = np.arange(grid.trial, last + 1)
    kept = places[scraped[:, places].any(axis=0) & ~counted.unseen[places]]
    if len(kept) < 2:
        raise Unsound(
            f"no window is over at whose ends all pods were scraped; is each scraped at least every {grid.step:g} s?"
        )
    return kept


def _stable_seen(scraped: NDArray[np.bool_], starts: Counts, grid: Grid) -> None:
    """Without stable's beginning the trial isn't whole: it was deleted, or scraping began later."""
    seen = np.nonzero(scraped.any(axis=0))[0]
    first = int(seen[0]) if seen.size else grid.count
    if not seen.size or seen[-1] < grid.trial:
        raise Unsound("stable's pods weren't scraped since the trial began")
    late = (first - grid.trial) * grid.step > LATE_S
    if late and np.nanmin(starts[:, first]) < grid.times[grid.trial]:
        raise Unsound(
            f"Prometheus holds nothing of stable's pods before {clock(grid.times[first])}, but the trial began at"
            f" {clock(grid.times[grid.trial])}: older data may be deleted"
        )


def _history(seen: Seen, counted: Counted, grid: Grid) -> Counts:
    """Stable's whole windows before the trial; (counters, pods, windows)."""
    whole = ~counted.unseen[: grid.trial] & ~counted.unseen[1 : grid.trial + 1]
    tracked = counted.tracked[seen.stable, : grid.trial]
    windows = np.nonzero(whole & tracked.any(axis=0))[0]
    pods = np.nonzero(seen.stable)[0][tracked.any(axis=1)]
    return np.asarray(counted.increases[:, pods][..., windows])


def _side(counts: Counts) -> Side:
    """Name the counters, (counters, ..., windows).

    Counters of one search move one after the other, and a scrape may come between.
    """
    requests, errors, degraded, empty, answered = counts[:5]
    return Side(
        requests=requests,
        errors=np.minimum(errors, requests),
        degraded=np.minimum(degraded, requests),
        empty=np.minimum(empty, requests),
        answered=answered,
        slow=np.maximum(np.moveaxis(answered - counts[5:], 0, -2), 0.0),
    )
