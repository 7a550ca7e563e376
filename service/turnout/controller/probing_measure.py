"""Asks what was found to be due, and measures: judged quality and ANN recall. Called by `probing`, on its thread."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence

import msgspec
import numpy as np

from turnout.canary.judgment import ProbeResult
from turnout.controller.probing_wanted import Task
from turnout.elastic.documents import DEFAULT_TENANT
from turnout.elastic.reader import Reader
from turnout.elastic.views import LIVE_FILTER, SYSTEM_FIELD
from turnout.errors import BadInput, TurnoutError
from turnout.evaluation import JudgedQuery, QuerySet, parse_query_set
from turnout.evaluation.deciding import too_few
from turnout.evaluation.query_set import QRELS_FILE, QUERIES_FILE
from turnout.judge.probe import Asked, Manner, ask
from turnout.judge.probe_request import Side
from turnout.judge.quality import depth, judge_quality, judged_queries, mean_quality, too_much_missing
from turnout.kube.objects import ConfigMap
from turnout.release.artifacts import Release
from turnout.verify.ann import ann_recall

log = logging.getLogger(__name__)
_RECALL_S = 60.0
"""Seconds that the recall of one release may take: exact searches of a large index are slow."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured. `problem`: why it isn't enough to conclude from; it may be better another time."""

    problem: str = ""
    result: ProbeResult | None = None
    values: dict[str, float] = {}
    stable_values: dict[str, float] = {}
    ann_recall: float | None = None


class Ways(msgspec.Struct, frozen=True, kw_only=True):
    """How to reach what is asked. `pods` gives base URLs by pod template hash and must not wait; `progress` takes the
    number of queries answered.
    """

    reader: Reader
    pods: Callable[[str], Sequence[str]]
    manner: Manner
    stopped: Callable[[], bool]
    progress: Callable[[int], None]


def questions(task: Task, held: ConfigMap | None) -> QuerySet:
    """The query set of a task.

    Args:
        held: the release's ConfigMap.

    Raises:
        BadInput: there is none that could be asked; in a sentence why.
    """
    release, gate = task.release, task.release.gates.verify.quality
    if release.evaluation is None or held is None:
        raise BadInput("the release has no query set")
    if QUERIES_FILE not in held.data or QRELS_FILE not in held.data:
        raise BadInput(f"ConfigMap {held.metadata.name} lacks {QUERIES_FILE} or {QRELS_FILE}")
    found = parse_query_set(
        held.data[QUERIES_FILE].encode(), held.data[QRELS_FILE].encode(), evaluation=release.evaluation
    )
    if reason := too_few(len(judged_queries(found)), gate):
        raise BadInput(reason)
    for each in task.releases:
        if depth(gate) > each.pipeline.limits.max_k:
            most = each.pipeline.limits.max_k
            raise BadInput(f"{gate.metric} needs more documents than the {most} that release {each.id} answers with")
    return found


def measure(task: Task, query_set: QuerySet, ways: Ways) -> Outcome:
    """Ask and measure.

    Raises:
        Stopped: it was told to stop.
    """
    gate = task.release.gates.verify.quality
    sides = [
        Side(release.id, release.pipeline.retrieval.mode, lambda hash_=hash_: ways.pods(hash_))  # type: ignore[misc]
        for release, hash_ in zip(task.releases, task.hashes, strict=True)
    ]
    asked = ask(
        sides,
        judged_queries(query_set),
        k=depth(gate),
        manner=ways.manner,
        stopped=ways.stopped,
        progress=ways.progress,
    )
    if problem := too_much_missing(asked):
        return Outcome(problem=problem)
    recalls = _recalls(task, asked, ways)
    if task.stable is None:
        return Outcome(values=mean_quality(asked, query_set, gate), ann_recall=recalls[0])
    measured = judge_quality(asked, query_set, gate)
    result = msgspec.structs.replace(measured.result, canary_ann_recall=recalls[0], stable_ann_recall=recalls[1])
    return Outcome(result=result, values=measured.canary, stable_values=measured.stable, ann_recall=recalls[0])


def _recalls(task: Task, asked: Asked, ways: Ways) -> list[float | None]:
    """Of each side on the view that it answered from; None where it can't be measured."""
    found: list[float | None] = []
    for release, view in zip(task.releases, asked.views, strict=True):
        try:
            found.append(recall(ways.reader, release, view, stopped=ways.stopped))
        except TurnoutError as error:
            log.warning("%s: ANN recall of release %s can't be measured: %s", release.collection, release.id, error)
            found.append(None)
    return found


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
