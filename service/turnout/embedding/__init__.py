"""Embedding runtimes behind one interface.

Followers embed passages with it, the service embeds queries, verify embeds probes. `load` (in `embedding.store`)
finds a model's folder by digest, checks that the files are those of model.yaml and starts the declared runtime;
`best_runtime` says which one to declare on this machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from turnout.embedding.cpu import best_runtime

__all__ = ["Embedder", "Kind", "Vectors", "best_runtime"]

Kind = Literal["query", "passage"]
Vectors = NDArray[np.float32]


class Embedder(Protocol):
    """One loaded model."""

    @property
    def dims(self) -> int:
        """Length of a vector."""

    @property
    def max_tokens(self) -> int:
        """Longest input in tokens, special tokens included; what is longer is cut by `embed`."""

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        """Character spans [start, end) of the tokens of `text`, in order, without special tokens, never cut."""

    def embed(self, texts: Sequence[str], *, kind: Kind) -> Vectors:
        """Vectors of `texts`, float32 of shape (len(texts), dims), in the order given.

        Puts the model's prefix for `kind` in front of each text; L2-normalised if the model says so. Batches by
        length inside; the result doesn't depend on what else is in the batch beyond floating-point noise.
        """

    def close(self) -> None:
        """Give the memory back."""
