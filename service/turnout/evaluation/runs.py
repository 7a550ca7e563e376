"""Ask a view all queries of a query set, with the very bodies that the service sends.

Called by verify, for the candidate and the live release together, and by the rehearsal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from turnout.elastic.documents import DEFAULT_TENANT
from turnout.elastic.reader import Reader
from turnout.embedding import Embedder
from turnout.evaluation.metrics import Run
from turnout.evaluation.query_set import JudgedQuery, QuerySet
from turnout.query import Query, fuse, lexical, vector
from turnout.release.artifacts import Release, RetrievalMode


class Ranked(NamedTuple):
    """What ranks: a release, the index that it is to be asked of, and its model."""

    release: Release
    view: str
    embedder: Embedder


def run(
    reader: Reader,
    release: Release,
    view: str,
    query_set: QuerySet,
    embedder: Embedder,
    *,
    k: int,
    mode: RetrievalMode | None = None,
) -> Run:
    """One run; see `run_together`."""
    (found,) = run_together(reader, [Ranked(release, view, embedder)], query_set, k=k, mode=mode)
    return found


def run_together(
    reader: Reader,
    sides: Sequence[Ranked],
    query_set: QuerySet,
    *,
    k: int,
    mode: RetrievalMode | None = None,
) -> tuple[Run, ...]:
    """For each side: query id -> ids of the best `k` documents of the default tenant, as plain source ids.

    Each query is asked of all sides before the next one: documents come and go meanwhile, and a side that was asked a
    minute later would be held against another corpus.

    A hybrid run fuses the release's rank window and not a window of `k`, so that its first ten are what a user sees. A
    vector run looks at `k` candidates if that is more than the release's `num_candidates`: what fewer lose is for the
    ANN recall check to say.

    Args:
        mode: None for the release's own.

    Raises:
        BadInput: a filter that a release doesn't allow.
        Unavailable: the server can't answer.
    """
    asked = [_prepared(side, query_set, mode or side.release.pipeline.retrieval.mode, k) for side in sides]
    rankings: tuple[dict[str, tuple[str, ...]], ...] = tuple({} for _ in sides)
    for number, judged in enumerate(query_set.queries):
        for side, queries, found in zip(sides, asked, rankings, strict=True):
            hits = _ranking(reader, side.release, side.view, *queries[number])
            found[judged.id] = tuple(source_id(hit) for hit in hits)
    return rankings


def _prepared(
    side: Ranked, query_set: QuerySet, mode: RetrievalMode, k: int
) -> list[tuple[Query, Sequence[float] | None]]:
    """The queries with their vectors; None for a search by words."""
    asked = [as_query(query, mode=mode, k=k) for query in query_set.queries]
    texts = [query.text for query in asked] if mode != "lexical" else []
    vectors = side.embedder.embed(texts, kind="query") if texts else [None] * len(asked)
    return list(zip(asked, vectors, strict=True))


def as_query(query: JudgedQuery, *, mode: RetrievalMode, k: int) -> Query:
    """A query of the set as a search of the default tenant."""
    return Query(text=query.text, mode=mode, k=k, tenant=DEFAULT_TENANT, filters=query.filters)


def source_id(document_id: str) -> str:
    """The id that judgments use: a view's document id without its tenant (which holds no colon)."""
    return document_id.partition(":")[2]


def _ranking(
    reader: Reader, release: Release, view: str, query: Query, embedding: Sequence[float] | None
) -> Sequence[str]:
    retrieval = release.pipeline.retrieval
    size = retrieval.rank_window if query.mode == "hybrid" else query.k
    found = []
    if query.mode != "vector":
        found.append(_hits(reader, view, lexical(release, query, size=size)))
    if embedding is not None:
        found.append(_hits(reader, view, vector(release, query, embedding, size=size)))
    if len(found) == 1:
        return found[0]
    return [document for document, _ in fuse(found, constant=retrieval.rank_constant)][: query.k]


def _hits(reader: Reader, view: str, body: dict[str, object]) -> list[str]:
    return [hit["_id"] for hit in reader.search(view, body)["hits"]["hits"]]
