"""BERT in plain numpy, one text at a time: the arithmetic that the graph is held to, written independently of it."""

from __future__ import annotations

import math

import numpy as np

_ERF = np.vectorize(math.erf)


def token_vectors(weights: dict[str, np.ndarray], ids: list[int], *, layers: int, heads: int) -> np.ndarray:
    """Float64 of shape (tokens, dims)."""
    w = {name: value.astype(np.float64) for name, value in weights.items()}

    def norm(x: np.ndarray, name: str) -> np.ndarray:
        centred = x - x.mean(axis=-1, keepdims=True)
        scale = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + 1e-12)
        return centred / scale * w[f"{name}.weight"] + w[f"{name}.bias"]

    def dense(x: np.ndarray, name: str) -> np.ndarray:
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][: len(ids)]
    x = norm(x + w["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    for layer in (f"encoder.layer.{number}" for number in range(layers)):
        q, k, v = (dense(x, f"{layer}.attention.self.{part}") for part in ("query", "key", "value"))
        mixed = []
        for part in np.split(np.arange(x.shape[1]), heads):
            scores = np.exp(q[:, part] @ k[:, part].T / math.sqrt(len(part)))
            mixed.append(scores / scores.sum(axis=1, keepdims=True) @ v[:, part])
        attended = dense(np.concatenate(mixed, axis=1), f"{layer}.attention.output.dense")
        x = norm(x + attended, f"{layer}.attention.output.LayerNorm")
        inner = dense(x, f"{layer}.intermediate.dense")
        inner = inner * 0.5 * (1 + _ERF(inner / math.sqrt(2)))
        x = norm(x + dense(inner, f"{layer}.output.dense"), f"{layer}.output.LayerNorm")
    return x
