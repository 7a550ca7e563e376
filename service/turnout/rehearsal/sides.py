"""One release as it stands in the space: what it holds, what it weighs, what its index loses, how it ranks."""

from __future__ import annotations

from typing import NamedTuple

from turnout.elastic.reader import Reader
from turnout.elastic.views import LIVE_FILTER
from turnout.embedding import Embedder
from turnout.evaluation.query_set import QuerySet
from turnout.evaluation.runs import as_query
from turnout.query import fuse, lexical, vector
from turnout.rehearsal.models import Remembering
from turnout.rehearsal.result import Recall, Side
from turnout.release.artifacts import AnnRecallGate, Release
from turnout.verify import Check
from turnout.verify.ann import ann_recall, embedded, sample
from turnout.verify.quality import DEPTH

_SCORED = 10


class Built(NamedTuple):
    """A release with the view that serves it and its model."""

    release: Release
    view: str
    model: Remembering


def describe(
    reader: Reader, built: Built, recall: Recall | None, stage_seconds: dict[str, float], *, reused: bool = False
) -> Side:
    """What the view holds and weighs."""
    path = built.release.pipeline.index.passages
    nested = {"size": 0, "query": LIVE_FILTER, "aggs": {"passages": {"nested": {"path": path}}}}
    found = reader.search(built.view, nested)
    return Side(
        release_id=built.release.id,
        view=built.view,
        documents=reader.count(built.view, LIVE_FILTER),
        passages=int(found["aggregations"]["passages"]["doc_count"]),
        disk_bytes=reader.store_bytes(built.view),
        vector_disk_bytes=reader.vector_bytes(built.view),
        recall=recall,
        stage_seconds=stage_seconds,
        reused=reused,
    )


def measured_recall(reader: Reader, built: Built, query_set: QuerySet, gate: AnnRecallGate, *, seed: int) -> Check:
    """ANN recall by the head's gate, so that both sides are held against the same measure."""
    queries = sample(query_set, gate, seed=seed)
    return ann_recall(reader, built.release, built.view, queries, embedded(queries, built.model), gate)


def recall_of(check: Check | None) -> Recall | None:
    """The figures in an ANN recall check; None if it wasn't run or found nothing to measure."""
    evidence = check.evidence if check is not None else {}
    if "mean" not in evidence:
        return None
    return Recall(k=evidence["k"], queries=evidence["queries"], mean=evidence["mean"], least=evidence["least"])


def scores(reader: Reader, built: Built, query_set: QuerySet) -> tuple[float, ...]:
    """Scores of the first ten documents of each query, as a search would show them.

    The same bodies as those of a run, so that a reader that remembers asks nothing.
    """
    found: list[float] = []
    mode = built.release.pipeline.retrieval.mode
    texts = [query.text for query in query_set.queries]
    vectors = built.model.embed(texts, kind="query") if mode != "lexical" else [None] * len(texts)
    for judged, embedding in zip(query_set.queries, vectors, strict=True):
        query = as_query(judged, mode=mode, k=DEPTH)
        size = built.release.pipeline.retrieval.rank_window if mode == "hybrid" else DEPTH
        bodies = [lexical(built.release, query, size=size)] if mode != "vector" else []
        if embedding is not None:
            bodies.append(vector(built.release, query, embedding, size=size))
        rankings = [reader.search(built.view, body)["hits"]["hits"] for body in bodies]
        if len(rankings) == 1:
            found += [float(hit["_score"]) for hit in rankings[0][:_SCORED]]
        else:
            ids = [[hit["_id"] for hit in hits] for hits in rankings]
            fused = fuse(ids, constant=built.release.pipeline.retrieval.rank_constant)
            found += [score for _, score in fused[:_SCORED]]
    return tuple(round(score, 6) for score in found)


def timing_model(built: Built) -> Embedder:
    """The model itself; of a hosted one what it gave before, because each query would be billed and rate-limited."""
    return built.model if built.release.model.hosted else built.model.fresh
