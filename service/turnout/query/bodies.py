"""Bodies of searches. Pure; called by the service and by evaluation, so that what is judged is what is served.

Every body filters by state and tenant here: neither the caller's manners nor the caller's filters can widen it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, SupportsFloat

from turnout.errors import BadInput
from turnout.query.live import LIVE_FILTER, SYSTEM_FIELD
from turnout.query.passage import best_match, inner_hits
from turnout.query.request import Query
from turnout.release.artifacts import Release

Body = dict[str, Any]
Embedding = Sequence[SupportsFloat]  # a list of floats or a one-dimensional array

# Fields that share an analyzer are searched as one, so that a boost of the title doesn't drown the body: on Cranfield
# with title^2 nDCG@10 is 0.534 against 0.487 for best_fields. The weaker fields add this share to the best one's score.
_MULTI_MATCH = {"type": "cross_fields", "tie_breaker": 0.3, "lenient": True}
_MAX_CANDIDATES = 10_000  # Elasticsearch's own bound

# Exact scores on the scale of the approximate ones, so that the two can be compared (and a threshold means the same).
_EXACT_SCORES = {
    "cosine": "(1.0 + cosineSimilarity(params.vector, params.field)) / 2.0",
    "dot_product": "(1.0 + dotProduct(params.vector, params.field)) / 2.0",
    "l2_norm": "double d = l2norm(params.vector, params.field); return 1.0 / (1.0 + d * d)",
    "max_inner_product": (
        "double d = dotProduct(params.vector, params.field); return d < 0.0 ? 1.0 / (1.0 - d) : 1.0 + d"
    ),
}


def lexical(release: Release, query: Query, *, size: int, source: Sequence[str] = ()) -> Body:
    """A BM25 search over the release's lexical fields.

    Without passages: looking for the best passage of every match costs more than the search; `fetch` does it for the
    hits alone.

    Args:
        size: how many documents to return.
        source: fields of the view to return with each; none by default, `_id` always comes.

    Raises:
        BadInput: a filter on a field that the release doesn't name.
    """
    fields = [f"{name}^{boost:g}" for name, boost in release.pipeline.retrieval.lexical_fields.items()]
    match = {"multi_match": {"query": query.text, "fields": fields, **_MULTI_MATCH}}
    clause: Body = {"must": [match], "filter": _filters(release, query)}
    return _body(clause, size=size, source=source)


def vector(
    release: Release,
    query: Query,
    embedding: Embedding,
    *,
    size: int,
    exact: bool = False,
    source: Sequence[str] = (),
) -> Body:
    """A nearest-neighbour search over passages; a document counts by its best passage.

    The filters are inside the kNN clause, so that they cut before the nearest are taken and `size` documents come back
    whenever so many pass. Scores are Elasticsearch's for the similarity, for cosine (1 + cosine) / 2.

    Args:
        embedding: the vector of the query, of the model's dims.
        exact: compare with every passage that passes the filters, on the full vectors instead of quantised ones.
        size, source: as for `lexical`.

    Raises:
        BadInput: a filter on a field that the release doesn't name.
    """
    filters = _filters(release, query)
    if exact:
        nested = _passages(release, _exact(release, embedding), "max", query)
        return _body({"must": [nested], "filter": filters}, size=size, source=source)
    retrieval = release.pipeline.retrieval
    knn = {
        "field": _vector_field(release),
        "query_vector": _floats(embedding),
        "k": size,
        "num_candidates": min(max(size, retrieval.num_candidates), _MAX_CANDIDATES),
        "filter": filters,
    }
    nested = _passages(release, {"knn": knn}, "max", query)
    # Again outside of the kNN clause: it costs nothing and doesn't depend on how the server treats the inner ones.
    return _body({"must": [nested], "filter": filters}, size=size, source=source)


def fetch(
    release: Release,
    query: Query,
    documents: Sequence[str],
    *,
    embedding: Embedding | None = None,
    source: Sequence[str] = (),
) -> Body:
    """The shown parts of documents that a fused ranking chose, in no useful order.

    With `query.passages`, the best passage is the nearest to `embedding`, or without one the best lexical match.

    Raises:
        BadInput: a filter on a field that the release doesn't name.
    """
    clause: Body = {"filter": [{"ids": {"values": list(documents)}}, *_filters(release, query)]}
    if query.passages:
        inner = best_match(release, query) if embedding is None else _exact(release, embedding)
        clause["should"] = [_passages(release, inner, "max", query)]
    return _body(clause, size=len(documents), source=source)


def _body(clause: Body, *, size: int, source: Sequence[str]) -> Body:
    return {
        "size": size,
        "query": {"bool": clause},
        # By id where scores are equal: the same search gives the same order on every shard copy.
        "sort": [{"_score": "desc"}, {f"{SYSTEM_FIELD}.id": "asc"}],
        "_source": list(source) or False,
        "track_total_hits": False,
    }


def _filters(release: Release, query: Query) -> list[Body]:
    allowed = release.pipeline.retrieval.filter_fields
    unknown = sorted(set(query.filters) - set(allowed))
    if unknown:
        raise BadInput(
            f"no filter on {unknown[0]!r}",
            where="filters",
            remedy=f"filter on {', '.join(allowed)}" if allowed else "leave filters out: this release has none",
        )
    own = [{"terms": {field: list(values)}} for field, values in sorted(query.filters.items())]
    return [LIVE_FILTER, {"term": {f"{SYSTEM_FIELD}.tenant": query.tenant}}, *own]


def _passages(release: Release, inner: Body, score_mode: str, query: Query) -> Body:
    nested: Body = {"path": release.pipeline.index.passages, "query": inner, "score_mode": score_mode}
    if query.passages:
        nested["inner_hits"] = inner_hits(release, query)
    return {"nested": nested}


def _vector_field(release: Release) -> str:
    fields = release.pipeline.index
    return f"{fields.passages}.{fields.passage_vector}"


def _exact(release: Release, embedding: Embedding) -> Body:
    field = _vector_field(release)
    script = {
        "source": _EXACT_SCORES[_similarity(release)],
        "params": {"vector": _floats(embedding), "field": field},
    }
    return {"script_score": {"query": {"exists": {"field": field}}, "script": script}}


def _similarity(release: Release) -> str:
    fields = release.pipeline.index
    passages = release.mapping["mappings"]["properties"][fields.passages]
    declared: str = passages["properties"][fields.passage_vector].get("similarity", release.model.similarity)
    return declared


def _floats(embedding: Embedding) -> list[float]:
    return [float(number) for number in embedding]
