"""Prepared models by digest, and the one way to load one, hosted ones included.

Followers, the service and verify call `load` with the model of their release. A folder is named by the digest of its
weights: `<store>/<64 hex>/`. `turnout model prepare` fills the store.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from turnout.embedding import Embedder
from turnout.embedding.files import Identity, identity
from turnout.errors import EnvironmentProblem, Refused
from turnout.release.artifacts import Digests, Model

if TYPE_CHECKING:  # local runtimes need no HTTP client
    from turnout.embedding.hosted import Hosting

__all__ = ["Identity", "folder_of", "identity", "load"]


def folder_of(weights: str, store: Path) -> Path:
    """Where the model with this digest of weights (`sha256:<64 hex>`) lies, whether it is there or not."""
    return store / weights.removeprefix("sha256:")


def load(model: Model, store: Path, *, threads: int = 0, hosting: Hosting | None = None) -> Embedder:
    """Start the declared runtime on the model's files, or ask its endpoint.

    Pooling and normalisation are taken from the model's own files and not from model.yaml: it is attestation that
    catches a difference, on every pod.

    Args:
        model: what the release says.
        store: the folder of prepared models.
        threads: how many the runtime may use; 0 for all cores.
        hosting: the terms for a hosted model; local ones take no notice.

    Raises:
        EnvironmentProblem: the model isn't in the store, or this machine can't run the declared runtime; a hosted one
            has no key or doesn't answer.
        Refused: the files aren't those of the release, or the endpoint gives vectors of other dims.
    """
    if model.hosted:
        from turnout.embedding.hosted.embedder import start

        return start(model, hosting)
    digests = _digests(model)
    folder = folder_of(digests.weights, store)
    if not folder.is_dir():
        raise EnvironmentProblem(
            f"the model {model.id} ({digests.weights}) is not in the store",
            where=str(folder),
            remedy="Run `turnout model prepare FOLDER` with the model as published; see `turnout model prepare -h`.",
        )
    own = identity(folder)
    _compare(model, digests, own, folder)
    return _start(model, own, folder, threads)


def _digests(model: Model) -> Digests:
    if not isinstance(model.digests, Digests):
        raise Refused(
            f"the runtime {model.runtime.name} needs the digests of the model's files",
            where=model.id,
            remedy="add digests to model.yaml (`turnout model show` prints them) and run `turnout lock`.",
        )
    return model.digests


def _compare(model: Model, digests: Digests, own: Identity, folder: Path) -> None:
    said = {"weights": digests.weights, "tokenizer": digests.tokenizer, "dims": model.dims}
    found = {"weights": own.weights, "tokenizer": own.tokenizer, "dims": own.dims}
    for name, value in said.items():
        if found[name] != value:
            raise Refused(
                f"the {name} of {model.id} are not those of the release: {found[name]} instead of {value}",
                where=str(folder),
                remedy="Run `turnout model prepare` again, or correct model.yaml and run `turnout lock`.",
            )
    if model.max_tokens > own.max_tokens:
        raise Refused(
            f"{model.id} takes {own.max_tokens} tokens, the release says max_tokens {model.max_tokens}",
            where=str(folder),
            remedy=f"Set max_tokens in model.yaml to {own.max_tokens} or less and run `turnout lock`.",
        )


def _start(model: Model, own: Identity, folder: Path, threads: int) -> Embedder:
    if model.runtime.precision == "bf16" and model.runtime.name != "openvino":
        raise Refused(
            f"the runtime {model.runtime.name} computes in fp32 only, the release says {model.runtime.precision}",
            where=model.id,
            remedy="Set runtime.precision to fp32, or runtime.name to openvino, in model.yaml and run `turnout lock`.",
        )
    match model.runtime.name:
        case "static":
            from turnout.embedding.static import StaticEmbedder

            return StaticEmbedder(folder, model, own)
        case "onnx" | "openvino":
            from turnout.embedding.encoder import start

            return start(folder, model, own, threads=threads)
        case "sentence-transformers":
            from turnout.embedding.reference import ReferenceEmbedder

            return ReferenceEmbedder(folder, model, own, threads=threads)
        case hosted:
            raise ValueError(f"{hosted} has no folder")
