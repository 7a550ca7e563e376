"""What is known of a prepared folder, and the model.yaml that fits it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from turnout.embedding.cpu import best_runtime
from turnout.embedding.files import PREPARED, identity, write_json
from turnout.release.artifacts import Digests, Model, Prefixes, Price, Runtime


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """prepared.json: written last. `graph` is the graph's digest, None for a static model.

    `teacher` is the digest of the weights that a static model was distilled from.
    """

    id: str
    license: str
    graph: str | None
    version: int
    teacher: str | None = None


def read_prepared(folder: Path) -> Prepared | None:
    """What `prepare` wrote, or None if it wrote nothing that this version understands."""
    try:
        return msgspec.json.decode((folder / PREPARED).read_bytes(), type=Prepared)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def write_prepared(folder: Path, prepared: Prepared) -> None:
    """Write prepared.json."""
    write_json(folder / PREPARED, msgspec.to_builtins(prepared))


def model_of(folder: Path, *, runtime: Runtime | None = None, prefixes: Prefixes | None = None) -> Model:
    """The artifact for a prepared folder, as its files are now.

    Args:
        folder: a folder of the store.
        runtime: default: static for a static model, else the best of this machine.
        prefixes: as the model was trained; its files don't say, so default none.
    """
    own = identity(folder)
    prepared = read_prepared(folder)
    return Model(
        api_version="turnout/v1",
        kind="Model",
        id=prepared.id if prepared else folder.name,
        revision=own.weights.removeprefix("sha256:")[:12],
        license=prepared.license if prepared else "unknown",
        digests=Digests(weights=own.weights, tokenizer=own.tokenizer),
        dims=own.dims,
        similarity="cosine",
        pooling=own.pooling,
        normalize=own.normalize,
        max_tokens=own.max_tokens,
        runtime=Runtime(name="static") if own.static else runtime or best_runtime(),
        price=Price(per_million_tokens=0.0),
        prefixes=prefixes or Prefixes(),
    )
