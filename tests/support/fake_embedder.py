"""A deterministic embedder for unit tests: words are tokens, a vector is the mean of its words' hashed directions."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import numpy as np

from turnout.embedding import Kind, Vectors


class FakeEmbedder:
    """Same text, same vector; texts that share words are near each other. `salt` makes it another model."""

    def __init__(self, dims: int = 16, max_tokens: int = 128, salt: str = "") -> None:
        self.dims = dims
        self.max_tokens = max_tokens
        self.calls: list[list[str]] = []
        self._salt = salt

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        return [match.span() for match in re.finditer(r"\w+|[^\w\s]", text)]

    def embed(self, texts: Sequence[str], *, kind: Kind) -> Vectors:
        self.calls.append(list(texts))
        vectors = np.stack([self._vector(text) for text in texts]) if texts else np.zeros((0, self.dims))
        return vectors.astype(np.float32)

    def close(self) -> None:
        pass

    def _vector(self, text: str) -> np.ndarray:
        words = [text[start:end].lower() for start, end in self.token_spans(text)] or [""]
        total = np.sum([self._direction(word) for word in words], axis=0)
        return total / np.linalg.norm(total)

    def _direction(self, word: str) -> np.ndarray:
        seed = int.from_bytes(hashlib.sha256((self._salt + word).encode()).digest()[:8], "big")
        return np.random.default_rng(seed).standard_normal(self.dims)
