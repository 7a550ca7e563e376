"""Which texts go through the graph together.

Texts of like length share a batch, so that little of it is padding; a batch is limited by tokens and not by texts, so
that short texts fill the cores and long ones stay in the cache.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

TOKENS = 512
"""Most tokens in a batch, padding included. Measured on two cores (all-MiniLM-L6-v2, the standard library's
documentation, 71 tokens on average, OpenVINO fp32): 256: 114 texts/s, 512: 119, 1024: 116, 2048: 106; a page of 400
documents has 2.6 % padding at 512."""


def batches(lengths: Sequence[int], *, tokens: int = TOKENS) -> Iterator[list[int]]:
    """Places of texts in groups, longest first, each place once; only a single text may have more than `tokens`."""
    order = sorted(range(len(lengths)), key=lambda place: -lengths[place])
    start = 0
    while start < len(order):
        size = max(1, tokens // max(1, lengths[order[start]]))
        yield order[start : start + size]
        start += size


def padded(rows: Sequence[Sequence[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Token ids and the mask (1 for a token), both of shape (rows, longest row), padded at the end with 0."""
    shape = (len(rows), max(map(len, rows)))
    ids, mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = row
        mask[place, : len(row)] = 1
    return ids, mask
