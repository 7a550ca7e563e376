"""Is the head slower than the base? Both are asked the same queries in turn, on the same server, at the same time.

What disturbs the machine disturbs both sides, so the ratio can be trusted where the milliseconds can't.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from turnout.elastic.reader import Reader
from turnout.embedding import Embedder
from turnout.evaluation.query_set import JudgedQuery
from turnout.evaluation.runs import as_query
from turnout.query import fetch, fuse, lexical, vector
from turnout.rehearsal.result import Latency
from turnout.release.artifacts import Release

QUERIES = 16
ROUNDS = 3
_WARM = 5
_RESAMPLES = 2_000
_LEVEL = 0.95

Ask = Callable[[JudgedQuery], object]


def asker(reader: Reader, release: Release, view: str, embedder: Embedder) -> Ask:
    """One whole search of a release, as the service does it: embed, both rankings, fuse, fetch."""
    return partial(_search, reader, release, view, embedder)


def latency(
    base: Ask, head: Ask, queries: Sequence[JudgedQuery], *, seed: int, clock: Callable[[], float] = time.perf_counter
) -> Latency | None:
    """Time both sides on a seeded sample of at most `QUERIES` queries, `ROUNDS` times each; None without queries.

    Which side goes first alternates from query to query and from round to round.
    """
    rng = np.random.default_rng(seed)
    chosen = [queries[place] for place in sorted(rng.permutation(len(queries))[:QUERIES])]
    if not chosen:
        return None
    for query in chosen[:_WARM]:
        base(query), head(query)
    taken = np.zeros((2, len(chosen), ROUNDS))
    for number in range(ROUNDS):
        for place, query in enumerate(chosen):
            for side in (0, 1) if (place + number) % 2 == 0 else (1, 0):
                began = clock()
                (base, head)[side](query)
                taken[side, place, number] = 1000 * (clock() - began)
    return _summary(taken, rng)


def _summary(taken: NDArray[np.float64], rng: np.random.Generator) -> Latency:
    """Of milliseconds by side, query and round. A query counts by the median of its rounds."""
    of_base, of_head = np.median(taken, axis=2)
    places = rng.integers(0, len(of_base), size=(_RESAMPLES, len(of_base)))
    ratios = np.median(of_head[places], axis=1) / np.median(of_base[places], axis=1)
    low, high = np.quantile(ratios, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    every_base, every_head = taken[0].ravel(), taken[1].ravel()
    return Latency(
        queries=len(of_base),
        rounds=taken.shape[2],
        base_p50_ms=float(np.median(every_base)),
        base_p95_ms=float(np.quantile(every_base, 0.95)),
        head_p50_ms=float(np.median(every_head)),
        head_p95_ms=float(np.quantile(every_head, 0.95)),
        ratio=float(np.median(of_head) / np.median(of_base)),
        ratio_low=float(low),
        ratio_high=float(high),
        base_ms=tuple(float(ms) for ms in every_base.round(3)),
        head_ms=tuple(float(ms) for ms in every_head.round(3)),
    )


def _search(reader: Reader, release: Release, view: str, embedder: Embedder, judged: JudgedQuery) -> list[str]:
    retrieval = release.pipeline.retrieval
    query = as_query(judged, mode=retrieval.mode, k=retrieval.k)
    size = max(query.k, retrieval.rank_window) if query.mode == "hybrid" else query.k
    bodies = [lexical(release, query, size=size)] if query.mode != "vector" else []
    if query.mode != "lexical":
        (embedding,) = embedder.embed([query.text], kind="query")
        bodies.append(vector(release, query, embedding, size=size))
    found = [[hit["_id"] for hit in reader.search(view, body)["hits"]["hits"]] for body in bodies]
    best = [document for document, _ in fuse(found, constant=retrieval.rank_constant)][: query.k]
    if len(bodies) > 1:
        reader.search(view, fetch(release, query, best))
    return best
