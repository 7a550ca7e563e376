"""Other exports of the release's model, as an engineer might commit one: same architecture, same dims, other vectors.

They are prepared into a copy of the model store, so that the store that everyone uses keeps what it has.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from drill.edits import MODEL, put
from support.workspace import Workspace
from turnout.embedding.files import MODULES, POOLING, WEIGHTS, read_json, sha256, write_json
from turnout.embedding.prepare import prepare

SEED = 20260101
NOISE = 0.5
"""Of the damaged checkpoint, in standard deviations of each tensor."""


def copied_store(store: Path, copy: Path) -> Path:
    """A folder with the store's models in it (links), to which others can be added."""
    copy.mkdir(parents=True, exist_ok=True)
    for folder in store.iterdir():
        link = copy / folder.name
        if folder.is_dir() and not folder.name.startswith(".") and not link.exists():
            link.symlink_to(folder.resolve(), target_is_directory=True)
    return copy


def variant(name: str, weights: str, store: Path) -> str:
    """Prepare the variant of the model with the digest `weights`; the digest of its own."""
    making = store.parent / f"making-{name}"
    shutil.rmtree(making, ignore_errors=True)
    shutil.copytree(store / weights.removeprefix("sha256:"), making)
    _VARIANTS[name](making)
    # The same numbers under another digest: a note in the file's header.
    save_file(load_file(making / WEIGHTS), making / WEIGHTS, metadata={"variant": name})
    digest = sha256(making / WEIGHTS)
    prepare(making, store)
    shutil.rmtree(making)
    return digest


def put_digest(workspace: Workspace, weights: str) -> None:
    """Name a variant as the release's model."""
    put(MODEL, {"/digests/weights": weights, "/revision": weights[-12:]})(workspace)


def _cls(folder: Path) -> None:
    config = read_json(folder / POOLING)
    config |= {"pooling_mode_mean_tokens": False, "pooling_mode_cls_token": True}
    write_json(folder / POOLING, config)


def _raw(folder: Path) -> None:
    modules = [module for module in read_json(folder / MODULES) if not str(module["type"]).endswith("Normalize")]
    write_json(folder / MODULES, modules)


def _damaged(folder: Path) -> None:
    noise = np.random.default_rng(SEED)
    tensors = load_file(folder / WEIGHTS)
    for name, values in sorted(tensors.items()):
        if values.dtype == np.float32 and values.ndim == 2:
            tensors[name] = values + NOISE * values.std() * noise.standard_normal(values.shape, dtype=np.float32)
    save_file(tensors, folder / WEIGHTS)


_VARIANTS: dict[str, Callable[[Path], None]] = {"cls": _cls, "raw": _raw, "damaged": _damaged}
