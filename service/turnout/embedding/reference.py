"""The sentence-transformers runtime: any model as its authors run it, and what the others are held against.

It loads the same folder as the torch-free runtimes. torch takes 5 GB and seconds to import: an extra, imported when
a release asks for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from turnout.embedding import Kind, Vectors
from turnout.embedding.files import TOKENIZER, Identity
from turnout.embedding.tokens import Tokens
from turnout.errors import EnvironmentProblem
from turnout.release.artifacts import Model


class ReferenceEmbedder:
    """A SentenceTransformer on the CPU."""

    def __init__(self, folder: Path, model: Model, own: Identity, *, threads: int) -> None:
        self.dims = own.dims
        self.max_tokens = model.max_tokens
        self._prefixes = model.prefixes
        self._tokens = Tokens(folder / TOKENIZER, max_tokens=model.max_tokens, prefixes=model.prefixes, special=True)
        self._model: Any = _load(folder, threads)
        self._model.max_seq_length = model.max_tokens

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        """See `Embedder`."""
        return self._tokens.spans(text)

    def embed(self, texts: Sequence[str], *, kind: Kind) -> Vectors:
        """See `Embedder`."""
        if not texts:
            return np.zeros((0, self.dims), np.float32)
        prefix = getattr(self._prefixes, kind)
        vectors = self._model.encode([prefix + text for text in texts], show_progress_bar=False)
        return np.asarray(vectors, np.float32)

    def close(self) -> None:
        """See `Embedder`."""
        self._model = None


def _load(folder: Path, threads: int) -> Any:
    try:
        from sentence_transformers import SentenceTransformer

        import torch
    except ImportError as error:
        raise EnvironmentProblem(
            "the sentence-transformers runtime is not installed",
            where=str(error),
            remedy="Run `make test-torch`, or `pip install turnout[torch]` (5 GB).",
        ) from error
    if threads:
        torch.set_num_threads(threads)
    return SentenceTransformer(str(folder), device="cpu", local_files_only=True, model_kwargs={"dtype": torch.float32})
