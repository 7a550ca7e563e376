"""How much the approximate search of a view loses against an exact one on the same vectors. Called by verify."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from statistics import median

import numpy as np

from turnout.elastic.reader import Reader
from turnout.embedding import Embedder, Vectors
from turnout.evaluation.query_set import JudgedQuery, QuerySet
from turnout.evaluation.runs import as_query
from turnout.query import vector
from turnout.release.artifacts import AnnRecallGate, Release
from turnout.verify.report import Check

_MORE = 50  # exact results beyond k, to see which documents tie with the k-th
_TIE = 1e-5  # the server computes scores in float32


def sample(query_set: QuerySet, gate: AnnRecallGate, *, seed: int) -> tuple[JudgedQuery, ...]:
    """As many queries as the gate asks for (all, if there are fewer), the same ones each time."""
    count = min(gate.queries, len(query_set.queries))
    chosen = np.random.default_rng(seed).choice(len(query_set.queries), size=count, replace=False)
    return tuple(query_set.queries[index] for index in sorted(chosen))


def embedded(queries: Sequence[JudgedQuery], embedder: Embedder) -> Vectors:
    """The vectors of the queries, in one call."""
    return embedder.embed([query.text for query in queries], kind="query")


def overlap(approximate: Sequence[str], exact: Sequence[tuple[str, float]], k: int) -> float | None:
    """The share of the `k` exact nearest documents that the approximate search found.

    A document whose exact score ties with that of the k-th counts as well: which of them is taken is no matter.

    Args:
        exact: (id, score), best first, some more than `k`.

    Returns:
        None if nothing can be found at all.
    """
    if not exact:
        return None
    wanted = min(k, len(exact))
    bound = exact[wanted - 1][1]
    good = {document for document, score in exact if score >= bound - _TIE * max(1.0, abs(bound))}
    return min(len(good.intersection(approximate[:wanted])), wanted) / wanted


def ann_recall(
    reader: Reader,
    release: Release,
    view: str,
    queries: Sequence[JudgedQuery],
    vectors: Vectors,
    gate: AnnRecallGate,
) -> Check:
    """Compare approximate with exact nearest documents of a sample of queries.

    The approximate search is the release's own, with its `num_candidates`.
    """
    if not np.isfinite(vectors).all():
        return Check(name="ann_recall", verdict="fail", reason="the model gives vectors that are not finite numbers")
    shares: list[float] = []
    seconds: dict[str, list[float]] = {"approximate": [], "exact": []}
    for query, embedding in zip(queries, vectors, strict=True):
        asked = as_query(query, mode="vector", k=gate.k)
        started = time.perf_counter()
        near = reader.search(view, vector(release, asked, embedding, size=gate.k))["hits"]["hits"]
        between = time.perf_counter()
        best = reader.search(view, vector(release, asked, embedding, size=gate.k + _MORE, exact=True))["hits"]["hits"]
        seconds["approximate"].append(between - started)
        seconds["exact"].append(time.perf_counter() - between)
        share = overlap([hit["_id"] for hit in near], [(hit["_id"], hit["_score"]) for hit in best], gate.k)
        if share is not None:
            shares.append(share)
    return _judge(shares, seconds, release, gate)


def _judge(shares: list[float], seconds: dict[str, list[float]], release: Release, gate: AnnRecallGate) -> Check:
    if not shares:
        return Check(name="ann_recall", verdict="inconclusive", reason="no query finds any document, not even exactly")
    mean = math.fsum(shares) / len(shares)
    evidence = {
        "mean": mean,
        "least": min(shares),
        "queries": len(shares),
        "k": gate.k,
        "num_candidates": release.pipeline.retrieval.num_candidates,
        "median_ms": {side: round(1000 * median(times), 3) for side, times in seconds.items()},
    }
    said = f"approximate search finds {mean:.3f} of the {gate.k} nearest documents, the gate asks for {gate.min:.3f}"
    return Check(name="ann_recall", verdict="pass" if mean >= gate.min else "fail", reason=said, evidence=evidence)
