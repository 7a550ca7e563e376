"""ANN recall of a release on the view that its pods search, without a model. Called by `probing_measure`."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import numpy as np

from turnout.elastic.documents import DEFAULT_TENANT
from turnout.elastic.reader import Reader
from turnout.elastic.views import LIVE_FILTER, SYSTEM_FIELD
from turnout.evaluation import JudgedQuery
from turnout.release.artifacts import Release
from turnout.verify.ann import ann_recall

_RECALL_S = 60.0
"""Seconds that the recall of one release may take: exact searches of a large index are slow."""


def recall(reader: Reader, release: Release, view: str, *, stopped: Callable[[], bool]) -> float | None:
    """Mean ANN recall on a sample of stored passages, as many as the release's gate asks for; None if there are none.

    Passages stand in for queries, for the controller runs no model. They are found a little better than queries are:
    each is its own nearest neighbour. What matters here is the difference of releases, and a fall over time.

    Raises:
        Unavailable: the server can't answer.
    """
    gate = release.gates.verify.ann_recall
    vectors = _sample(reader, release, view)
    until = time.monotonic() + _RECALL_S
    shares: list[float] = []
    for vector in vectors:
        if stopped() or time.monotonic() > until:
            break
        probe = JudgedQuery(id="passage", text="passage")
        check = ann_recall(reader, release, view, [probe], vector[np.newaxis], gate)
        if "mean" in check.evidence:
            shares.append(check.evidence["mean"])
    return math.fsum(shares) / len(shares) if shares else None


def _sample(reader: Reader, release: Release, view: str) -> list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    """A vector of each of some documents of the default tenant, the same ones while the view is the same."""
    fields, gates = release.pipeline.index, release.gates.verify
    stored = {"nested": {"path": fields.passages, "query": {"exists": {"field": _vector_field(release)}}}}
    own = {"term": {f"{SYSTEM_FIELD}.tenant": DEFAULT_TENANT}}
    chosen = {
        "query": {"bool": {"filter": [LIVE_FILTER, own, stored]}},
        "random_score": {"seed": gates.quality.seed, "field": "_seq_no"},
        "boost_mode": "replace",
    }
    body = {"size": gates.ann_recall.queries, "query": {"function_score": chosen}, "_source": False}
    ids = [hit["_id"] for hit in reader.search(view, body)["hits"]["hits"]]
    hits = reader.get_many(view, ids, fields=[fields.passages], vectors=True, realtime=False) if ids else {}
    found = []
    for hit in hits.values():
        passages = hit.source.get(fields.passages) or []
        first = passages[0] if isinstance(passages, list) and passages else passages
        vector = first.get(fields.passage_vector) if isinstance(first, dict) else None
        if isinstance(vector, list):
            found.append(np.array(vector, dtype=np.float32))
    return found


def _vector_field(release: Release) -> str:
    return f"{release.pipeline.index.passages}.{release.pipeline.index.passage_vector}"
