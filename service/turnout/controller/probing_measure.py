"""Asks what was found to be due, and measures: judged quality and ANN recall. Called by `probing`, on its thread."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import msgspec

from turnout.canary.judgment import ProbeResult
from turnout.controller.act import told
from turnout.controller.probing_recall import recall
from turnout.controller.probing_wanted import Task
from turnout.elastic.reader import Reader
from turnout.errors import BadInput
from turnout.evaluation import QuerySet, parse_query_set
from turnout.evaluation.deciding import too_few
from turnout.evaluation.query_set import QRELS_FILE, QUERIES_FILE
from turnout.judge.probe import Asked, Manner, ask
from turnout.judge.probe_request import Side
from turnout.judge.quality import depth, judge_quality, judged_queries, mean_quality, too_much_missing
from turnout.kube.objects import ConfigMap

log = logging.getLogger(__name__)


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
        except Exception as error:  # whatever it is, the queries were answered, and each may have cost
            log.warning(
                "%s: ANN recall of release %s can't be measured: %s", release.collection, release.id, told(error)
            )
            found.append(None)
    return found
