"""What the graph runtimes share: tokenise, batch by length, run, pool, normalise.

The store starts it for `onnx` and `openvino`; both run the same graph, which ends in token vectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from turnout.embedding import Kind, Vectors
from turnout.embedding.batches import batches, padded
from turnout.embedding.files import GRAPH, PREPARED, TOKENIZER, Identity, read_json, sha256
from turnout.embedding.pooling import finish, pool
from turnout.embedding.tokens import Tokens
from turnout.errors import EnvironmentProblem, Refused
from turnout.release.artifacts import Model


class Graph(Protocol):
    """A graph that a runtime has loaded."""

    def run(self, ids: NDArray[np.int64], mask: NDArray[np.int64]) -> Vectors:
        """Token vectors, float32 of shape (texts, length, dims); valid until the same thread runs the graph again."""

    def close(self) -> None:
        """Give the memory back."""


class GraphEmbedder:
    """An encoder behind a tokenizer; safe to be called from several threads."""

    def __init__(self, folder: Path, model: Model, own: Identity, graph: Graph) -> None:
        self.dims = own.dims
        self.max_tokens = model.max_tokens
        self._own = own
        self._graph = graph
        self._tokens = Tokens(folder / TOKENIZER, max_tokens=model.max_tokens, prefixes=model.prefixes, special=True)

    def token_spans(self, text: str) -> list[tuple[int, int]]:
        """See `Embedder`."""
        return self._tokens.spans(text)

    def embed(self, texts: Sequence[str], *, kind: Kind) -> Vectors:
        """See `Embedder`."""
        return self.embed_ids(self._tokens.ids(texts, kind))

    def embed_ids(self, ids: Sequence[Sequence[int]]) -> Vectors:
        """The same for texts that are tokens already, special tokens included; distilling goes this way."""
        vectors = np.zeros((len(ids), self.dims), np.float32)
        for places in batches([len(row) for row in ids]):
            tokens, mask = padded([ids[place] for place in places])
            vectors[places] = pool(self._graph.run(tokens, mask), mask, self._own.pooling)
        return finish(vectors, normalize=self._own.normalize)

    def close(self) -> None:
        """See `Embedder`."""
        self._graph.close()


def start(folder: Path, model: Model, own: Identity, *, threads: int) -> GraphEmbedder:
    """Load the graph of a folder in the runtime that the model declares.

    Raises:
        EnvironmentProblem: the folder wasn't prepared, or this CPU can't do the precision.
        Refused: the graph isn't the one that was prepared, or the runtime doesn't do the precision.
    """
    file = checked_graph(folder)
    graph: Graph
    if model.runtime.name == "openvino":
        from turnout.embedding.openvino_graph import OpenvinoGraph

        graph = OpenvinoGraph(file, precision=model.runtime.precision, threads=threads)
    else:
        from turnout.embedding.onnx_graph import OnnxGraph

        graph = OnnxGraph(file, threads=threads)
    return GraphEmbedder(folder, model, own, graph)


def checked_graph(folder: Path) -> Path:
    """The graph's file, if it is the one that `prepare` wrote.

    Raises:
        EnvironmentProblem: there is none.
        Refused: it is another one.
    """
    file = folder / GRAPH
    if not (folder / PREPARED).is_file() or not file.is_file():
        raise EnvironmentProblem(
            "the model has no graph for the torch-free runtimes",
            where=str(folder),
            remedy=f"Run `turnout model prepare {folder}`.",
        )
    if read_json(folder / PREPARED)["graph"] != sha256(file):
        raise Refused(
            "the graph is not the one that was prepared",
            where=str(file),
            remedy=f"Run `turnout model prepare {folder}` to build it again from the weights.",
        )
    return file
