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


def on_grid(series: Sequence[Series], grid: Grid) -> Floats:
    """The values at each instant, NaN where there is none; (series, instants).

    Raises:
        Unsound: there are values at other times, or values that a counter or a clock can't have.
    """
    rows = np.full((len(series), grid.count), np.nan)
    for row, each in zip(rows, series, strict=True):
        values = each.values
        if not (np.isfinite(values) & (values >= 0)).all():
            name = each.labels.get("__name__") or "a series"
            raise Unsound(f"{name} of {each.labels.get('instance', 'a pod')} has a value that is no count")
        if len(values) == grid.count and abs(each.points[0].time - grid.start) < _MILLISECONDS:
            row[:] = values
        else:
            row[_places(each, grid)] = values
    return rows


def _places(series: Series, grid: Grid) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    exact = (series.times - grid.start) / grid.step
    places = np.rint(exact).astype(np.intp)
    misplaced = np.abs(exact - places) * grid.step > _MILLISECONDS
    if misplaced.any() or (places < 0).any() or (places >= grid.count).any() or (np.diff(places) <= 0).any():
        raise Unsound("Prometheus answers with other times than it was asked for")
    return places
