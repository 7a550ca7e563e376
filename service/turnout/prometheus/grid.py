"""Equal instants, and series put on them. Called by `pods` and `counters`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from turnout.prometheus.series import Floats, Series

_MILLISECONDS = 0.002  # Prometheus rounds to them


class Unsound(Exception):
    """Nothing can be concluded from what was counted; the text is a sentence that says why, without a full stop."""


@dataclass(frozen=True)
class Grid:
    """The instants `start`, `start` + `step` and so on, Unix seconds; `count` of them, the trial begins at `trial`."""

    start: float
    step: float
    count: int
    trial: int

    @cached_property
    def times(self) -> Floats:
        """(instants,)."""
        return self.start + self.step * np.arange(self.count, dtype=np.float64)

    @property
    def end(self) -> float:
        """The last instant."""
        return self.start + self.step * (self.count - 1)


def on_grid(name: str, series: Sequence[Series], grid: Grid) -> Floats:
    """The values at each instant, NaN where there is none; (series, instants).

    Raises:
        Unsound: there are values at other times, or values that a counter or a clock can't have.
    """
    rows = np.full((len(series), grid.count), np.nan)
    for row, each in zip(rows, series, strict=True):
        if len(each.points) == grid.count and abs(each.points[0].time - grid.start) < _MILLISECONDS:
            row[:] = each.values
        else:
            row[_places(each, grid)] = each.values
    if np.isfinite(rows).sum() < sum(len(each.points) for each in series) or (rows < 0).any():
        raise Unsound(f"{name} has a value that is no number of something")
    return rows


def _places(series: Series, grid: Grid) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    exact = (series.times - grid.start) / grid.step
    places = np.rint(exact).astype(np.intp)
    misplaced = np.abs(exact - places) * grid.step > _MILLISECONDS
    if misplaced.any() or (places < 0).any() or (places >= grid.count).any() or (np.diff(places) <= 0).any():
        raise Unsound("Prometheus answers with other times than it was asked for")
    return places
