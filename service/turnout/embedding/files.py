"""A model's folder on disk: what its own files say the model is.

The layout is that of sentence-transformers, so that the reference runtime loads the same folder. Used by the store,
by every runtime and by `prepare`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from turnout.errors import Refused

Pooling = Literal["mean", "cls", "max"]

WEIGHTS = "model.safetensors"
TOKENIZER = "tokenizer.json"
CONFIG = "config.json"
MODULES = "modules.json"
LIMITS = "sentence_bert_config.json"
POOLING = "1_Pooling/config.json"
GRAPH = "model.onnx"
PREPARED = "prepared.json"
"""Written last by `prepare`: the digest of the graph and the version of the code that built it."""

STATIC_TYPE = "model2vec"
_POOLING_KEYS: dict[str, Pooling] = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
}


@dataclass(frozen=True)
class Identity:
    """What a folder's own files say. Digests are written `sha256:<64 hex>`; `max_tokens` counts special tokens too."""

    weights: str
    tokenizer: str
    dims: int
    max_tokens: int
    pooling: Pooling
    normalize: bool
    static: bool


def sha256(path: Path) -> str:
    """The digest of a file as model.yaml writes it."""
    with path.open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def read_json(path: Path) -> Any:
    """A JSON file of a model.

    Raises:
        Refused: it is missing or no JSON.
    """
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise Refused("the model's folder lacks a file", where=str(path), remedy=_AGAIN) from None
    except ValueError as error:
        raise Refused(f"the model's file is not JSON: {error}", where=str(path), remedy=_AGAIN) from error


_AGAIN = "Remove the folder and run `turnout model prepare` again."


def write_json(path: Path, value: Any) -> None:
    """Write a small JSON file of a model's folder; the same value gives the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n")


def identity(folder: Path) -> Identity:
    """Read a folder's identity; hashes the weights, which takes about 0.1 s per 100 MB.

    Raises:
        Refused: a file is missing or says something that the torch-free runtimes can't do.
    """
    config = read_json(folder / CONFIG)
    for needed in (WEIGHTS, TOKENIZER):
        if not (folder / needed).is_file():
            raise Refused("the model's folder lacks a file", where=str(folder / needed), remedy=_AGAIN)
    static = config.get("model_type") == STATIC_TYPE
    return Identity(
        weights=sha256(folder / WEIGHTS),
        tokenizer=sha256(folder / TOKENIZER),
        dims=int(config["hidden_dim" if static else "hidden_size"]),
        max_tokens=int(read_json(folder / LIMITS)["max_seq_length"]),
        pooling=pooling(folder),
        normalize=_normalizes(folder),
        static=static,
    )


def pooling(folder: Path) -> Pooling:
    """How the model's own files say that token vectors become one.

    Raises:
        Refused: several modes at once, or one that isn't mean, cls or max.
    """
    path = folder / POOLING
    config = read_json(path)
    modes = [key for key, value in config.items() if key.startswith("pooling_mode_") and value is True]
    named = config.get("pooling_mode")
    if isinstance(named, str) and not modes:
        modes = [key for key, value in _POOLING_KEYS.items() if value == named] or [named]
    if len(modes) != 1 or modes[0] not in _POOLING_KEYS:
        raise Refused(
            f"pooling {', '.join(modes) or 'of no kind'} is not one of mean, cls and max",
            where=str(path),
            remedy="Use the sentence-transformers runtime for a model that pools in another way.",
        )
    return _POOLING_KEYS[modes[0]]


def _normalizes(folder: Path) -> bool:
    types = [str(module["type"]).rsplit(".", 1)[-1] for module in read_json(folder / MODULES)]
    unknown = [name for name in types if name not in {"Transformer", "Pooling", "Normalize", "StaticEmbedding"}]
    if unknown:
        raise Refused(
            f"the model has a module that the torch-free runtimes don't know: {', '.join(unknown)}",
            where=str(folder / MODULES),
            remedy="Use the sentence-transformers runtime, or a model without that module.",
        )
    return "Normalize" in types
