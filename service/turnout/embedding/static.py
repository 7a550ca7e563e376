"""The static runtime: a vector per vocabulary entry, pooled over a text. numpy only, thousands of texts per second.

Loaded by the store; the demo's first release and most tests run on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from turnout.embedding import Kind, Vectors
from turnout.embedding.files import TOKENIZER, WEIGHTS, Identity
from turnout.embedding.pooling import finish
from turnout.embedding.tokens import Tokens
from turnout.errors import Refused
from turnout.release.artifacts import Model

TENSOR = "embeddings"
_BLOCK = 256  # texts gathered at once: bounds memory at about 60 MB for 256 tokens of 256 dims


class StaticEmbedder:
    """Token vectors looked up in a table; no special tokens."""

    def __init__(self, folder: Path, model: Model, own: Identity) -> None:
        self.dims = own.dims
        self.max_tokens = model.max_tokens
        self._own = own
        self._tokens = Tokens(folder / TOKENIZER, max_tokens=model.max_tokens, prefixes=model.prefixes, special=False)
        self._table = _table(folder / WEIGHTS, own.dims)

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        """See `Embedder`."""
        return self._tokens.spans(text)

    def embed(self, texts: Sequence[str], *, kind: Kind) -> Vectors:
        """See `Embedder`."""
        vectors = np.zeros((len(texts), self.dims), np.float32)
        for start in range(0, len(texts), _BLOCK):
            ids = self._tokens.ids(texts[start : start + _BLOCK], kind)
            vectors[start : start + len(ids)] = self._pool(ids)
        return finish(vectors, normalize=self._own.normalize)

    def close(self) -> None:
        """See `Embedder`."""
        self._table = np.zeros((0, self.dims), np.float32)

    def _pool(self, ids: list[list[int]]) -> Vectors:
        pooled = np.zeros((len(ids), self.dims), np.float32)
        counts = np.array([len(row) for row in ids])
        filled = np.flatnonzero(counts)
        if not len(filled):
            return pooled
        lengths = counts[filled]
        starts = np.cumsum(lengths) - lengths
        rows = self._table[np.fromiter((token for row in ids for token in row), np.int64, int(lengths.sum()))]
        match self._own.pooling:
            case "mean":
                pooled[filled] = np.add.reduceat(rows, starts) / lengths[:, None].astype(np.float32)
            case "max":
                pooled[filled] = np.maximum.reduceat(rows, starts)
            case "cls":
                pooled[filled] = rows[starts]
        return pooled


def _table(path: Path, dims: int) -> Vectors:
    table = load_file(path).get(TENSOR)
    if table is None or table.ndim != 2 or table.shape[1] != dims:
        raise Refused(
            f"the weights hold no tensor `{TENSOR}` of {dims} columns",
            where=str(path),
            remedy="Use a static model (`turnout model prepare --static-from`), or another runtime in model.yaml.",
        )
    return np.ascontiguousarray(table, np.float32)
