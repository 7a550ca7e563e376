"""From the answers of two releases to a verdict on ranking quality, and from there into the judgment of a canary.

The rules are those of the gate `verify.quality` and of `turnout.evaluation`; nothing is decided anew here. It is a test
of a fixed sample: made once for a pair of releases and the canary's image, for asking the same queries again is no new
evidence. Called by the controller: by the leader that asks, and by every replica that is asked for a judgment.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from turnout.canary.judgment import Judgment, ProbeResult
from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.state import ProbeRecord, probe_key
from turnout.evaluation import METRICS, JudgedQuery, QuerySet, evaluate
from turnout.evaluation.changes import metric_changes
from turnout.evaluation.deciding import decide_metrics, too_few
from turnout.evaluation.metrics import Run, Scores, depth_of, has_relevant
from turnout.evaluation.query_set import Qrels
from turnout.judge.probe import Asked
from turnout.release.artifacts import QualityGate

MOST_MISSING = 0.05
"""Share of the queries that may lack a whole answer; with more of them the rest isn't the query set any more."""


class Measured(NamedTuple):
    """The result and the mean of each metric on both sides."""

    result: ProbeResult
    canary: dict[str, float]
    stable: dict[str, float]


def judged_queries(query_set: QuerySet) -> tuple[JudgedQuery, ...]:
    """The queries that have a relevant judged document: all others say nothing, whatever is answered."""
    return tuple(query for query in query_set.queries if has_relevant(query_set.qrels.get(query.id, {})))


def depth(gate: QualityGate) -> int:
    """How many documents the gate's metric looks at; so many are asked for."""
    return depth_of(gate.metric)


def judge_quality(asked: Asked, query_set: QuerySet, gate: QualityGate) -> Measured:
    """Compare the canary's run with stable's, query by query, on the queries that both answered wholly.

    Decided by the gate's metric and those that look no deeper, as `turnout.evaluation.deciding` says. Answers that are
    missing never count as a loss: beyond `MOST_MISSING` of them nothing is concluded.

    Args:
        asked: runs of the canary and of stable, in this order, of at least `depth(gate)` documents.
    """
    canary, stable = (_scores(run, query_set.qrels, gate) for run in asked.runs)
    means = _means(canary), _means(stable)
    count = len(canary[gate.metric].by_query)
    if reason := too_much_missing(asked) or too_few(count, gate):
        return Measured(ProbeResult(verdict="inconclusive", reason=reason, metric=gate.metric, queries=count), *means)
    changes = metric_changes(canary, stable, gate)
    verdict, reason = decide_metrics(changes, gate)
    decisive = next(change for change in changes if change.metric == gate.metric)
    result = ProbeResult(
        verdict=verdict,
        reason=reason,
        metric=gate.metric,
        canary=decisive.head,
        stable=decisive.base,
        # Not by a minus sign, which would make -0.0 of no loss.
        loss=0.0 - decisive.gain,
        loss_low=0.0 - decisive.gate_high,
        loss_high=0.0 - decisive.gate_low,
        queries=count,
    )
    return Measured(result, *means)


def too_much_missing(asked: Asked) -> str | None:
    """Why the answers aren't enough of the query set to conclude from, or None if they are."""
    return asked.why_missing() if asked.share_missing > MOST_MISSING else None


def mean_quality(asked: Asked, query_set: QuerySet, gate: QualityGate) -> dict[str, float]:
    """The mean of each metric of the first side, over the queries that it answered."""
    return _means(_scores(asked.runs[0], query_set.qrels, gate))


def stored_probe(reader: Reader, names: Names, canary: str, stable: str, *, revision: str) -> ProbeRecord | None:
    """What is known of a trial's query set; None if it was never looked at.

    Args:
        canary, stable: release ids.
        revision: the canary's pod template hash.

    Raises:
        Unavailable: Elasticsearch can't answer.
    """
    found = reader.state(names, trial_key(names.collection, canary, stable, revision))
    return found if isinstance(found, ProbeRecord) else None


def trial_key(collection: str, canary: str, stable: str, revision: str) -> str:
    """The key of a trial's record. By revision, too: another image may answer otherwise for the same release."""
    return probe_key(collection, canary, stable, revision)


def with_quality(judgment: Judgment, record: ProbeRecord | None) -> Judgment:
    """A judgment of traffic, with what the query set says.

    A loss of quality fails the canary. As long as queries are to be asked there is no pass. Where quality can't be
    measured, or isn't known well enough, that is said and doesn't hold the canary up: it was verified before, on the
    same queries.
    """
    quality = _standing(record)
    judgment = msgspec.structs.replace(judgment, quality=quality)
    if record is not None and record.state == "done":
        if quality.verdict == "fail":
            also = f"; {judgment.reason}" if judgment.verdict == "fail" else ""
            return _decided(judgment, f"judged quality: {quality.reason}{also}")
        return msgspec.structs.replace(judgment, reason=f"{judgment.reason}; judged quality: {quality.reason}")
    if record is not None and record.state == "impossible":
        return msgspec.structs.replace(judgment, reason=f"{judgment.reason}; {quality.reason}")
    if judgment.verdict == "pass":
        return msgspec.structs.replace(judgment, verdict="inconclusive", reason=f"{judgment.reason}; {quality.reason}")
    return judgment


def _decided(judgment: Judgment, reason: str) -> Judgment:
    return msgspec.structs.replace(judgment, verdict="fail", reason=reason, needed_requests=None, needed_seconds=None)


def _standing(record: ProbeRecord | None) -> ProbeResult:
    """The result, or what there is instead of one."""
    if record is None:
        return ProbeResult(verdict="inconclusive", reason="the query set has not been asked yet")
    if record.state == "impossible":
        return ProbeResult(verdict="inconclusive", reason=f"judged quality can't be measured: {record.reason}")
    if record.state == "done" and record.result is not None:
        return record.result
    again = f", again, because {record.reason}" if record.reason else ""
    return ProbeResult(
        verdict="inconclusive", reason=f"the query set is being asked: {record.asked} of {record.queries}{again}"
    )


def _scores(run: Run, qrels: Qrels, gate: QualityGate) -> dict[str, Scores]:
    answered = {query: grades for query, grades in qrels.items() if query in run}
    return {metric: evaluate(run, answered, metric) for metric in METRICS if depth_of(metric) <= depth(gate)}


def _means(scores: dict[str, Scores]) -> dict[str, float]:
    return {metric: each.mean for metric, each in scores.items() if each.by_query}
