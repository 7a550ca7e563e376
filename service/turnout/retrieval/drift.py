"""Where queries lie in the model's space, as counters: so that Prometheus sees when users begin to ask something else.

Made by `search`, which counts the vector of each user's query. Only sums leave here. Still, where few search,
whoever can scrape could confirm a guess of what was asked: /metrics is for Prometheus, not for clients.

Each vector, taken to length 1, is projected onto 8 fixed directions. For vectors of any direction a projection has mean
0, variance 1/dims and, with many dims, a normal distribution. The quantiles of N(0, 1/dims) are edges of bins that they
fill equally. Real queries fill them unequally; what counts is that this stays the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from turnout.embedding import Vectors

PROJECTIONS = 8
BINS = 10
# The history of a week was counted with it: another seed, or another generator, would look like a drift.
_SEED = b"turnout query projections 1"


class Projections:
    """Counts vectors.

    Args:
        dims: of the model.
        counted: adds one to the counter of a projection and a bin.
    """

    def __init__(self, dims: int, counted: Callable[[int, int], None]) -> None:
        self._directions = directions(dims)
        self._edges = edges(dims)
        self._counted = counted

    def count(self, vector: Vectors) -> None:
        """Count one vector, (dims,), of any length but 0."""
        along = self._directions @ vector / np.linalg.norm(vector)
        for projection, place in enumerate(np.searchsorted(self._edges, along).tolist()):
            self._counted(projection, place)


def directions(dims: int) -> NDArray[np.float32]:
    """Unit vectors with components of equal size and pseudorandom signs, (8, dims): the same wherever they are made."""
    width = -(-dims // 8)
    stream = hashlib.shake_256(_SEED).digest(PROJECTIONS * width)
    bits = np.unpackbits(np.frombuffer(stream, dtype=np.uint8).reshape(PROJECTIONS, width), axis=1)[:, :dims]
    signs: NDArray[np.float32] = (bits.astype(np.float32) * 2 - 1) / np.float32(np.sqrt(dims))
    return signs


def edges(dims: int) -> NDArray[np.float64]:
    """The 9 inner edges of 10 bins."""
    normal = NormalDist(0.0, dims**-0.5)
    return np.array([normal.inv_cdf(part / BINS) for part in range(1, BINS)])
