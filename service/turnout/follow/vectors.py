"""From texts to passages with new vectors. Called by the page writer for what no view has yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from turnout.elastic.views import encode_vector
from turnout.embedding import Embedder, Vectors
from turnout.errors import Refused
from turnout.follow.body import Refusal
from turnout.follow.reuse import Passage
from turnout.passages import TooManyPassages, chunk, clean
from turnout.release.artifacts import Model, Pipeline, Release


def embedded(
    texts: Mapping[str, str], embedder: Embedder, release: Release
) -> tuple[dict[str, list[Passage] | Refusal], int]:
    """Passages of `texts` by their key, and how many texts the model was asked for: equal passages count once."""
    cut = {key: _cut(text, embedder, release.pipeline) for key, text in texts.items()}
    distinct = list(dict.fromkeys(text for found in cut.values() if isinstance(found, list) for text in found))
    if not distinct:
        return {key: found if isinstance(found, Refusal) else [] for key, found in cut.items()}, 0
    vectors = _encoded(embedder.embed(distinct, kind="passage"), distinct, release.model)
    passages = {key: found if isinstance(found, Refusal) else _paired(found, vectors) for key, found in cut.items()}
    return passages, len(distinct)


def _cut(text: str, embedder: Embedder, pipeline: Pipeline) -> list[str] | Refusal:
    cleaned = clean(text, pipeline.clean)
    try:
        return chunk(cleaned, pipeline.chunk, embedder.token_spans(cleaned))
    except TooManyPassages as error:
        return Refusal(error.what)


def _encoded(vectors: Vectors, texts: Sequence[str], model: Model) -> dict[str, str | None]:
    """Vectors by text, in base64; None for one that no index can hold (not finite, or zero).

    Raises:
        Refused: another shape than the release says; that is the wrong model, not a bad text.
    """
    if vectors.shape != (len(texts), model.dims):
        raise Refused(
            f"the model gave vectors of shape {vectors.shape}, not {(len(texts), model.dims)}",
            where=model.id,
            remedy="run the model of the release",
        )
    norms = np.linalg.norm(vectors, axis=1)
    usable = np.isfinite(norms) & (norms > 0)
    return {
        text: encode_vector(vector) if good else None for text, vector, good in zip(texts, vectors, usable, strict=True)
    }


def _paired(texts: list[str], vectors: dict[str, str | None]) -> list[Passage] | Refusal:
    found = [Passage(text, vector) for text in texts if (vector := vectors[text]) is not None]
    if len(found) < len(texts):
        return Refusal("the model gives no usable vector for a passage of the text")
    return found
