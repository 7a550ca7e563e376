"""Does a candidate rank worse than the live release? Judged on the whole query set, once. Called by verify.

The numbers and the rules are those of `turnout.evaluation.compare`. Slices and the share of judged documents are for
the rehearsal: a pull request can still be changed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from turnout.evaluation.changes import all_scores, metric_changes, query_changes
from turnout.evaluation.comparison import MetricChange
from turnout.evaluation.deciding import decide_metrics, too_few
from turnout.evaluation.metrics import Run, Scores, judged
from turnout.evaluation.query_set import Qrels, QuerySet
from turnout.release.artifacts import QualityGate
from turnout.verify.report import Check

DEPTH = 100  # the deepest metric is recall@100
_JUDGED_AT = 10


def quality(candidate: Run, live: Run | None, query_set: QuerySet, gate: QualityGate) -> Check:
    """Compare two runs of one query set by all metrics.

    Fails when a metric is lower beyond chance (one-sided p after Holm over the metrics <= alpha), or when the gate's
    metric lost more than `max_loss` and is lower beyond chance on its own. Passes when the 1 - 2*alpha interval of the
    gate's metric stays above `-max_loss`. Anything else is not enough evidence. Without a live release there is nothing
    to lose: values are reported and the check passes.

    `gain_low` and `gain_high` in the evidence bound the gain at 95 %; `gate_low` and `gate_high` at the gate's level.

    Args:
        candidate, live: runs of at least `DEPTH` documents a query; `live` is None for the first release.
    """
    qrels = query_set.qrels
    of_candidate = all_scores(candidate, qrels)
    decisive = of_candidate[gate.metric]
    evidence: dict[str, Any] = {
        "metric": gate.metric,
        "queries": len(decisive.by_query),
        "queries_without_relevant_documents": len(query_set.queries) - len(decisive.by_query),
    }
    if reason := too_few(len(decisive.by_query), gate):
        return Check(name="quality", verdict="inconclusive", reason=reason, evidence=evidence)
    judged_at: dict[str, float | None] = {"candidate": _judged(candidate, qrels)}
    if live is None:
        metrics: dict[str, Any] = {metric: {"candidate": scores.mean} for metric, scores in of_candidate.items()}
        evidence |= {"baseline": "none", "metrics": metrics, f"judged@{_JUDGED_AT}": judged_at}
        reason = f"no live release to compare with; {gate.metric} is {decisive.mean:.3f}"
        return Check(name="quality", verdict="pass", reason=reason, evidence=evidence)
    of_live = all_scores(live, qrels)
    judged_at["live"] = _judged(live, qrels)
    changes = metric_changes(of_candidate, of_live, gate)
    metrics = {change.metric: _shown(change) for change in changes}
    evidence |= {"baseline": "live", "metrics": metrics, f"judged@{_JUDGED_AT}": judged_at}
    evidence |= _queries(decisive, of_live[gate.metric], query_set)
    verdict, reason = decide_metrics(changes, gate)
    return Check(name="quality", verdict=verdict, reason=reason, evidence=evidence)


def _judged(run: Run, qrels: Qrels) -> float | None:
    share = judged(run, qrels, _JUDGED_AT)
    return None if math.isnan(share) else share


def _shown(change: MetricChange) -> Mapping[str, float]:
    """A change in the words of verify: candidate and live are its head and base."""
    return {
        "candidate": change.head,
        "live": change.base,
        "gain": change.gain,
        "gain_low": change.gain_low,
        "gain_high": change.gain_high,
        "gate_low": change.gate_low,
        "gate_high": change.gate_high,
        "p_harm": change.p_harm,
        "p_harm_holm": change.p_harm_holm,
        "p_two_sided": change.p_two_sided,
    }


def _queries(candidate: Scores, live: Scores, query_set: QuerySet) -> dict[str, Any]:
    """Per query [live, candidate], and the ids that moved most. Ids only: texts may be private."""
    lost, gained = query_changes(candidate, live, query_set)
    return {
        "lost_most": [change.query for change in lost],
        "gained_most": [change.query for change in gained],
        "by_query": {
            query: [round(live.by_query[query], 4), round(value, 4)] for query, value in candidate.by_query.items()
        },
    }
