"""Does this model give the vectors that fill that view?

Whoever creates a view stores probe texts with their vectors in its `_meta`; followers, verify and every pod embed the
texts again and compare. This finds a model of the same dims with other weights, pooling, prefix or precision, which
no check of types or sizes can see.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from turnout.embedding import Embedder, Kind, Vectors

_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


def _overlong(tokens: int = 9000) -> str:
    """Longer than any model's limit, in few bytes, and changing ever more slowly: wherever a text is cut, a cut a
    fifth earlier takes letters away that stand nowhere else."""
    return " ".join(_LETTERS[int(4 * math.log2(place + 2)) % len(_LETTERS)] for place in range(tokens))


# Passages only: that is what fills a view. The query prefix may change over the same view (change class `query`).
# Changing these changes nothing for views that exist: they carry their own texts.
PROBES: tuple[tuple[Kind, str], ...] = (
    ("passage", "how do I run a blocking function without stalling the event loop"),
    ("passage", "Return the index of the first occurrence of value; raise ValueError if it is not present."),
    ("passage", "café naïve Straße 東京の天気 Привет ½ 🙂"),
    ("passage", "def f(x: int = 0, *args, **kw) -> dict[str, int]: return {**kw, 'x': x << 2}  # O(1)"),
    ("passage", "Deprecated."),
    ("passage", _overlong()),
)


def probe_vectors(embedder: Embedder, probes: Sequence[tuple[Kind, str]] = PROBES) -> Vectors:
    """The vectors of the probes, one row each, every probe on its own as a service would embed it."""
    rows = [embedder.embed([text], kind=kind) for kind, text in probes]
    return np.concatenate(rows) if rows else np.zeros((0, embedder.dims), np.float32)


def least_cosine(embedder: Embedder, probes: Sequence[tuple[Kind, str]], stored: Vectors) -> float:
    """How well the model agrees with the stored vectors at its worst probe: 1 the same, -1 not comparable at all.

    The cosine, times the ratio of the shorter to the longer vector: a model that stopped to normalise gives the same
    directions and other scores. No probes, other dims or a vector that isn't finite are -1.
    """
    given = probe_vectors(embedder, probes)
    if not len(given) or given.shape != stored.shape or not (np.isfinite(given).all() and np.isfinite(stored).all()):
        return -1.0
    left, right = given.astype(np.float64), stored.astype(np.float64)
    longer = np.maximum(np.linalg.norm(left, axis=1), np.linalg.norm(right, axis=1))
    if not longer.all():
        return -1.0
    # a·b / (|a||b|) * min/max is a·b / max².
    return float(((left * right).sum(axis=1) / longer**2).min())
