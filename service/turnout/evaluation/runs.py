"""Ask a view all queries of a query set, with the very bodies that the service sends.

Called by verify, once for the candidate and once for the live release.
"""

from __future__ import annotations

from collections.abc import Sequence

from turnout.elastic.documents import DEFAULT_TENANT
from turnout.elastic.reader import Reader
from turnout.embedding import Embedder
from turnout.evaluation.metrics import Run
from turnout.evaluation.query_set import JudgedQuery, QuerySet
from turnout.query import Query, fuse, lexical, vector
from turnout.release.artifacts import Release, RetrievalMode


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
    """Query id -> ids of the best `k` documents of the default tenant, as plain source ids.

    A hybrid run fuses the release's rank window and not a window of `k`, so that its first ten are what a user sees. A
    vector run looks at `k` candidates if that is more than the release's `num_candidates`: what fewer lose is for the
    ANN recall check to say.

    Args:
        view: the index to ask.
        mode: None for the release's own.

    Raises:
        BadInput: a filter that the release doesn't allow.
        Unavailable: the server can't answer.
    """
    mode = mode or release.pipeline.retrieval.mode
    asked = [as_query(query, mode=mode, k=k) for query in query_set.queries]
    texts = [query.text for query in asked] if mode != "lexical" else []
    vectors = embedder.embed(texts, kind="query") if texts else [None] * len(asked)
    rankings: dict[str, tuple[str, ...]] = {}
    for judged, query, embedding in zip(query_set.queries, asked, vectors, strict=True):
        rankings[judged.id] = tuple(source_id(hit) for hit in _ranking(reader, release, view, query, embedding))
    return rankings


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
