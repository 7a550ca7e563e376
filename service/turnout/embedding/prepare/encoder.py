"""Prepare an encoder: copy its files into the store, build its graph, and run it before it is kept."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from turnout.embedding.encoder import start
from turnout.embedding.files import CONFIG, GRAPH, WEIGHTS, Identity, identity, read_json, sha256
from turnout.embedding.prepare.artifact import Prepared, model_of, read_prepared, write_prepared
from turnout.embedding.prepare.keep import keep, making
from turnout.embedding.prepare.sources import license_of, name_of
from turnout.embedding.store import folder_of
from turnout.errors import EnvironmentProblem, Refused
from turnout.release.artifacts import Runtime

GRAPH_VERSION = 1
"""Raise when the graph that is built changes: prepared folders are then built again. The vectors may not change."""

_TEXTS = ("", "short", "A text of middling length, with a number: 42.", "a long text " * 1000)


def prepare(source: Path, store: Path) -> Path:
    """Put a model into the store, ready for every runtime; takes about 3 s for 90 MB of weights.

    Args:
        source: a folder in sentence-transformers layout; a folder of the store is taken too and built again.
        store: the folder of prepared models.

    Returns:
        The model's folder in the store.

    Raises:
        Refused: an architecture or a module that can't be done exactly.
        EnvironmentProblem: the extra `prepare` isn't installed.
    """
    own = identity(source)
    folder = folder_of(own.weights, store)
    if _is_ready(folder, own):
        return folder
    with making(store) as made:
        _copy(source, made)
        if not own.static:
            _build_graph(made, own)
        graph = None if own.static else sha256(made / GRAPH)
        about = Prepared(id=name_of(source), license=license_of(source), graph=graph, version=GRAPH_VERSION)
        write_prepared(made, about)
        if not own.static:
            _run_once(made, own)
        return keep(made, folder)


def _is_ready(folder: Path, own: Identity) -> bool:
    prepared = read_prepared(folder)
    if prepared is None or prepared.version != GRAPH_VERSION:
        return False
    graph = folder / GRAPH
    if prepared.graph is not None and not (graph.is_file() and sha256(graph) == prepared.graph):
        return False
    return identity(folder) == own


def _copy(source: Path, made: Path) -> None:
    for file in sorted(source.rglob("*")):
        inside = file.relative_to(source)
        wanted = file.suffix in {".json", ".txt"} or inside in {Path(WEIGHTS), Path("README.md")}
        if file.is_file() and wanted:
            (made / inside).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, made / inside)


def _build_graph(made: Path, own: Identity) -> None:
    try:
        from turnout.embedding.prepare import graph
    except ImportError as error:
        raise EnvironmentProblem(
            "building a graph needs onnx, which is not installed",
            where=str(error),
            remedy="Run `pip install turnout[prepare]`.",
        ) from error
    config = read_json(made / CONFIG)
    graph.check(config, own.max_tokens)
    (made / GRAPH).write_bytes(graph.build(config, load_file(made / WEIGHTS)).SerializeToString())


def _run_once(made: Path, own: Identity) -> None:
    """Refuse a graph whose vectors aren't finite, or depend on what else is in the batch."""
    embedder = start(made, model_of(made, runtime=Runtime(name="onnx")), own, threads=0)
    together = embedder.embed(_TEXTS, kind="passage")
    alone = np.concatenate([embedder.embed([text], kind="passage") for text in _TEXTS])
    embedder.close()
    noise = float(np.abs(together - alone).max())
    if not np.isfinite(together).all() or noise > 1e-4 * max(1.0, float(np.abs(alone).max())):
        raise Refused(
            f"the graph gives vectors that are not finite or differ by {noise:.1e} in another batch",
            where=str(made / GRAPH),
            remedy="Set runtime.name to sentence-transformers in model.yaml, and report the model.",
        )
