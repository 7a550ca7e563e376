"""A static model from an encoder, by the method of model2vec: the encoder is run over each entry of its vocabulary.

Each entry's vector is centred, reduced by PCA and weighted by its rank, so that frequent pieces count less. Two hundred
times as fast to run as the encoder, and worth less: the demo's first release.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tokenizers import Tokenizer

from turnout.embedding import Vectors
from turnout.embedding.cpu import best_exact_runtime
from turnout.embedding.encoder import start
from turnout.embedding.files import (
    CONFIG,
    LIMITS,
    MODULES,
    POOLING,
    STATIC_TYPE,
    TOKENIZER,
    WEIGHTS,
    Identity,
    identity,
    sha256,
    write_json,
)
from turnout.embedding.prepare.artifact import Prepared, model_of, read_prepared, write_prepared
from turnout.embedding.prepare.keep import keep, making
from turnout.embedding.static import TENSOR
from turnout.embedding.store import folder_of
from turnout.errors import BadInput

METHOD_VERSION = 1
"""Raise when the weights that come out change."""

MAX_TOKENS = 512
_BLOCK = 2048  # vocabulary entries between two reports of progress

Progress = Callable[[int, int], None]


def distil_static(teacher: Path, store: Path, *, dims: int = 256, progress: Progress | None = None) -> Path:
    """Put a static model of `dims` dimensions into the store; about 12 s for 30,000 entries on two cores.

    The weights are the same each time on one machine. Another CPU may round other last bits and so give another
    digest: a static model is made once and kept.

    Args:
        teacher: a prepared encoder's folder.
        store: the folder of prepared models.
        dims: length of the vectors, at most the teacher's.
        progress: called with (entries done, entries in all).

    Raises:
        BadInput: the teacher is static itself, or has fewer dimensions.
        EnvironmentProblem: the teacher has no graph.
    """
    own = identity(teacher)
    if own.static or not 0 < dims <= own.dims:
        raise BadInput(
            f"can't distil {dims} dims from {'a static model' if own.static else f'{own.dims} dims'}",
            where=str(teacher),
            remedy=f"Give an encoder, and --dims between 1 and {own.dims}.",
        )
    name, license_stated = _about(teacher, dims)
    found = _earlier(store, name, own.weights, dims)
    if found:
        return found
    with making(store) as made:
        vectors = _entry_vectors(teacher, own, progress or (lambda _done, _all: None))
        save_file({TENSOR: _ranked(_reduced(vectors, dims))}, made / WEIGHTS)
        shutil.copyfile(teacher / TOKENIZER, made / TOKENIZER)
        _describe(made, name, dims)
        about = Prepared(id=name, license=license_stated, graph=None, version=METHOD_VERSION, teacher=own.weights)
        write_prepared(made, about)
        return keep(made, folder_of(sha256(made / WEIGHTS), store))


def _about(teacher: Path, dims: int) -> tuple[str, str]:
    prepared = read_prepared(teacher)
    name = prepared.id if prepared else teacher.name
    return f"{name}-static-{dims}", prepared.license if prepared else "unknown"


def _earlier(store: Path, name: str, teacher: str, dims: int) -> Path | None:
    for folder in sorted(store.glob("[0-9a-f]*")):
        prepared = read_prepared(folder)
        if prepared and (prepared.id, prepared.teacher, prepared.version) == (name, teacher, METHOD_VERSION):
            own = identity(folder)
            if own.dims == dims and own.weights == f"sha256:{folder.name}":
                return folder
    return None


def _entry_vectors(teacher: Path, own: Identity, progress: Progress) -> Vectors:
    """The teacher's vector of each vocabulary entry between its special tokens, in the order of ids."""
    tokenizer = Tokenizer.from_file(str(teacher / TOKENIZER))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    # Only the special tokens around a text: the frame that every entry is put into.
    frame = tokenizer.encode("").ids
    head, tail = frame[: len(frame) // 2 or len(frame)], frame[len(frame) // 2 or len(frame) :]
    entries = tokenizer.get_vocab_size()
    embedder = start(teacher, model_of(teacher, runtime=best_exact_runtime()), own, threads=0)
    blocks = []
    for first in range(0, entries, _BLOCK):
        ids = range(first, min(first + _BLOCK, entries))
        blocks.append(embedder.embed_ids([[*head, token, *tail] for token in ids]))
        progress(ids[-1] + 1, entries)
    embedder.close()
    return np.concatenate(blocks)


def _reduced(vectors: Vectors, dims: int) -> NDArray[np.float64]:
    """Centred, on the `dims` directions that vary most."""
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    _, directions = np.linalg.eigh(centred.T @ centred)
    kept = directions[:, ::-1][:, :dims]
    # A direction and its opposite are equally right; without a rule the choice changes from run to run.
    largest = kept[np.abs(kept).argmax(axis=0), np.arange(dims)]
    return np.asarray(centred @ (kept * np.sign(largest)))


def _ranked(vectors: NDArray[np.float64]) -> Vectors:
    """Weighted by rank (Zipf): vocabularies are ordered by frequency, and what is frequent says little."""
    weights = np.log(1 + np.arange(len(vectors)))
    return np.ascontiguousarray(vectors * weights[:, None], np.float32)


def _describe(made: Path, name: str, dims: int) -> None:
    write_json(made / CONFIG, {"model_type": STATIC_TYPE, "hidden_dim": dims, "normalize": True, "_name_or_path": name})
    kinds = {"StaticEmbedding": "", "Normalize": "1_Normalize"}
    modules = [
        {"idx": place, "name": str(place), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for place, (kind, path) in enumerate(kinds.items())
    ]
    write_json(made / MODULES, modules)
    write_json(made / LIMITS, {"max_seq_length": MAX_TOKENS})
    write_json(made / POOLING, {"word_embedding_dimension": dims, "pooling_mode_mean_tokens": True})
