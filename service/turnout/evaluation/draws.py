"""The random signs and resamples that the statistics are made of: seeded, and drawn once for all that ask the same.

What is drawn depends on the seed and on the number of values only. A comparison asks again and again for the widths of
its metrics and of its slices, so that drawing would cost most of its time. Called by `turnout.evaluation.statistics`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Signs = NDArray[np.int8]
Counts = NDArray[np.uint16]

_CHUNK = 2_000_000  # elements drawn at a time: bounds the memory to some 16 MB
_KEPT = 5_000_000  # elements of one drawing that is kept: at most 10 MB


def signs(width: int, *, seed: int, resamples: int) -> Iterable[Signs]:
    """`resamples` rows of `width` fair signs, in chunks."""
    return (_kept_signs if width * resamples <= _KEPT else _signs)(width, seed, resamples)


def counts(width: int, *, seed: int, resamples: int) -> Iterable[Counts]:
    """How often each of `width` values is picked in each of `resamples` resamples with replacement, in chunks."""
    return (_kept_counts if width * resamples <= _KEPT else _counts)(width, seed, resamples)


def _signs(width: int, seed: int, resamples: int) -> Iterator[Signs]:
    rng = np.random.default_rng(seed)
    for rows in _row_counts(width, resamples):
        yield rng.integers(0, 2, size=(rows, width), dtype=np.int8) * np.int8(2) - np.int8(1)


def _counts(width: int, seed: int, resamples: int) -> Iterator[Counts]:
    rng = np.random.default_rng(seed)
    for rows in _row_counts(width, resamples):
        places = rng.integers(0, width, size=(rows, width)) + width * np.arange(rows)[:, None]
        yield np.bincount(places.ravel(), minlength=rows * width).reshape(rows, width).astype(np.uint16)


@lru_cache(maxsize=12)
def _kept_signs(width: int, seed: int, resamples: int) -> tuple[Signs, ...]:
    return tuple(_signs(width, seed, resamples))


@lru_cache(maxsize=12)
def _kept_counts(width: int, seed: int, resamples: int) -> tuple[Counts, ...]:
    return tuple(_counts(width, seed, resamples))


def _row_counts(width: int, resamples: int) -> Iterator[int]:
    step = max(1, _CHUNK // width)
    for start in range(0, resamples, step):
        yield min(step, resamples - start)
