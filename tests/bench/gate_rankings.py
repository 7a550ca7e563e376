"""Real rankings for the benches of the gate: a static model and MiniLM over real documents, exact and without a server.

Passages are cleaned, cut and embedded by the code that fills a view, and a document scores as its best passage does, as
a nested kNN search has it. Kept under build/bench/ by the content of what goes in, because embedding takes minutes.
Used by gate_statistics.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from turnout.embedding import Embedder
from turnout.embedding.prepare import distil_static, minilm_source, model_of, prepare
from turnout.embedding.store import load
from turnout.evaluation import QuerySet, Run, parse_query_set
from turnout.ingest.connectors.python_docs import documents
from turnout.passages import chunk, clean
from turnout.release import fingerprint
from turnout.release.artifacts import Model, Release

ROOT = Path(__file__).resolve().parents[2]
COLLECTION = "python-docs"
STATIC_DIMS = 256
_DEPTH = 100
_KEPT = ROOT / "build" / "bench" / "rankings"


class Corpus(NamedTuple):
    """Texts by id, and what is asked of them."""

    name: str
    texts: dict[str, str]
    query_set: QuerySet


class Sides(NamedTuple):
    """The runs of the static model and of MiniLM on one corpus."""

    corpus: Corpus
    static: Run
    minilm: Run


def python_docs() -> Corpus:
    """The committed collection: its documents as ingest reads them, its query set with its slices."""
    folder = ROOT / "pipelines" / COLLECTION / "evaluation"
    query_set = parse_query_set((folder / "queries.jsonl").read_bytes(), (folder / "qrels.tsv").read_bytes())
    return Corpus(COLLECTION, {document.source_id: document.text for document in documents()}, query_set)


def cranfield(folder: Path) -> Corpus:
    """A folder with corpus.jsonl (`_id`, `title`, `text`), queries.jsonl and qrels.tsv."""
    query_set = parse_query_set((folder / "queries.jsonl").read_bytes(), (folder / "qrels.tsv").read_bytes())
    lines = (json.loads(line) for line in (folder / "corpus.jsonl").read_text().splitlines() if line.strip())
    return Corpus("cranfield", {line["_id"]: line["text"] for line in lines}, query_set)


def rankings(corpus: Corpus, *, models: Path = ROOT / "build" / "models") -> Sides:
    """Both runs on `corpus`: from an earlier call with the same texts, queries and models, or computed now."""
    teacher = prepare(minilm_source(), models)
    release = fingerprint.decode((ROOT / "pipelines" / COLLECTION / "release.json").read_bytes())
    static = model_of(distil_static(teacher, models, dims=STATIC_DIMS))
    return Sides(corpus, *(_kept(corpus, model, release, models) for model in (static, release.model)))


def _kept(corpus: Corpus, model: Model, release: Release, models: Path) -> Run:
    asked = [(query.id, query.text) for query in corpus.query_set.queries]
    parts = (sorted(corpus.texts.items()), asked, model, release.pipeline.clean, release.pipeline.chunk)
    key = hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:16]
    kept = _KEPT / f"{corpus.name}-{model.dims}-{key}.json"
    if not kept.exists():
        embedder = load(model, models)
        try:
            run = _run(corpus, embedder, release)
        finally:
            embedder.close()
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(msgspec.json.encode(run))
    return msgspec.json.decode(kept.read_bytes(), type=dict[str, tuple[str, ...]])


def _run(corpus: Corpus, embedder: Embedder, release: Release) -> Run:
    owners, passages = _passages(corpus.texts, embedder, release)
    vectors = embedder.embed(passages, kind="passage")
    queries = corpus.query_set.queries
    asked = embedder.embed([query.text for query in queries], kind="query")
    return {query.id: _best(owners, vectors @ vector) for query, vector in zip(queries, asked, strict=True)}


def _passages(texts: dict[str, str], embedder: Embedder, release: Release) -> tuple[list[str], list[str]]:
    """Passages, and the document that each belongs to."""
    owners, passages = [], []
    for owner, text in sorted(texts.items()):
        cleaned = clean(text, release.pipeline.clean)
        for passage in chunk(cleaned, release.pipeline.chunk, embedder.token_spans(cleaned)):
            owners.append(owner)
            passages.append(passage)
    return owners, passages


def _best(owners: Sequence[str], scores: np.ndarray) -> tuple[str, ...]:
    """The best documents, each once, equal scores in the order of the passages."""
    found: dict[str, None] = {}
    for place in np.argsort(-scores, kind="stable"):
        found.setdefault(owners[place])
        if len(found) == _DEPTH:
            break
    return tuple(found)
