"""Token vectors to text vectors, in numpy, for every runtime that pools by itself.

Pooling isn't baked into the graph: it is done as the model's own files say at load, so that a change there shows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from turnout.embedding import Vectors
from turnout.embedding.files import Pooling


def pool(tokens: Vectors, mask: NDArray[np.int64], mode: Pooling) -> Vectors:
    """One vector per text.

    Args:
        tokens: float32 of shape (texts, length, dims).
        mask: 1 for a token, 0 for padding, of shape (texts, length).
        mode: how.
    """
    match mode:
        case "cls":
            return np.ascontiguousarray(tokens[:, 0])
        case "max":
            pooled: Vectors = np.where(mask[:, :, None] == 1, tokens, -np.inf).max(axis=1)
            return pooled
        case "mean":
            weights = mask.astype(np.float32)
            weights /= weights.sum(axis=1, keepdims=True)
            mean: Vectors = np.matmul(weights[:, None, :], tokens)[:, 0]
            return mean


def finish(vectors: Vectors, *, normalize: bool) -> Vectors:
    """Bring vectors to length 1 if the model does.

    A text without a single token has no direction, and Elasticsearch refuses a zero vector under cosine: it gets the
    same constant vector each time.
    """
    lengths = np.linalg.norm(vectors, axis=1)
    vectors[lengths == 0] = 1 / np.sqrt(vectors.shape[1])
    if normalize:
        vectors /= np.where(lengths == 0, 1, lengths)[:, None]
    return vectors
