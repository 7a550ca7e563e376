"""Does a candidate rank worse than the live release? Judged on the whole query set, once. Called by verify."""

from __future__ import annotations

import math
from typing import Any

from turnout.evaluation.metrics import METRICS, Run, Scores, evaluate, judged
from turnout.evaluation.query_set import Qrels, QuerySet
from turnout.evaluation.statistics import Interval, bootstrap_interval, paired_differences, sign_flip
from turnout.release.artifacts import QualityGate
from turnout.verify.report import Check, Verdict

DEPTH = 100  # the deepest metric is recall@100
REPORT_LEVEL = 0.95
_JUDGED_AT = 10
_EXTREMES = 5


def quality(candidate: Run, live: Run | None, query_set: QuerySet, gate: QualityGate) -> Check:
    """Compare two runs of one query set by all metrics; the gate's metric decides.

    Fails when the gate's metric is lower with p <= alpha (one-sided), or when the mean loss exceeds `max_loss` and the
    interval lies below 0. Passes when the 1 - 2*alpha interval stays above `-max_loss`. Anything else is not enough
    evidence. Without a live release there is nothing to lose: values are reported and the check passes.

    `gain_low` and `gain_high` in the evidence bound the gain at 95 %; `gate_low` and `gate_high` at the gate's level.

    Args:
        candidate, live: runs of at least `DEPTH` documents a query; `live` is None for the first release.
    """
    qrels = query_set.qrels
    of_candidate = {metric: evaluate(candidate, qrels, metric) for metric in METRICS}
    decisive = of_candidate[gate.metric]
    evidence: dict[str, Any] = {
        "metric": gate.metric,
        "queries": len(decisive.by_query),
        "queries_without_relevant_documents": len(query_set.queries) - len(decisive.by_query),
    }
    if len(decisive.by_query) < max(1, gate.min_queries):
        reason = f"{len(decisive.by_query)} judged queries are too few, the gate asks for {gate.min_queries}"
        return Check(name="quality", verdict="inconclusive", reason=reason, evidence=evidence)
    judged_at: dict[str, float | None] = {"candidate": _judged(candidate, qrels)}
    if live is None:
        metrics: dict[str, Any] = {metric: {"candidate": scores.mean} for metric, scores in of_candidate.items()}
        evidence |= {"baseline": "none", "metrics": metrics, f"judged@{_JUDGED_AT}": judged_at}
        reason = f"no live release to compare with; {gate.metric} is {decisive.mean:.3f}"
        return Check(name="quality", verdict="pass", reason=reason, evidence=evidence)
    of_live = {metric: evaluate(live, qrels, metric) for metric in METRICS}
    judged_at["live"] = _judged(live, qrels)
    metrics = {metric: _compared(of_candidate[metric], of_live[metric], gate) for metric in METRICS}
    evidence |= {"baseline": "live", "metrics": metrics, f"judged@{_JUDGED_AT}": judged_at}
    evidence |= _queries(decisive, of_live[gate.metric])
    verdict, reason = _decide(metrics[gate.metric], gate)
    return Check(name="quality", verdict=verdict, reason=reason, evidence=evidence)


def _judged(run: Run, qrels: Qrels) -> float | None:
    share = judged(run, qrels, _JUDGED_AT)
    return None if math.isnan(share) else share


def _compared(candidate: Scores, live: Scores, gate: QualityGate) -> dict[str, float]:
    differences = paired_differences(
        list(candidate.by_query.values()), [live.by_query[query] for query in candidate.by_query]
    )
    test = sign_flip(differences, seed=gate.seed)
    shown = bootstrap_interval(differences, level=REPORT_LEVEL, seed=gate.seed)
    deciding: Interval = bootstrap_interval(differences, level=1 - 2 * gate.alpha, seed=gate.seed)
    return {
        "candidate": candidate.mean,
        "live": live.mean,
        "gain": float(differences.mean()),
        "gain_low": shown.low,
        "gain_high": shown.high,
        "gate_low": deciding.low,
        "gate_high": deciding.high,
        "p_harm": test.p_harm,
        "p_two_sided": test.p_two_sided,
    }


def _decide(found: dict[str, float], gate: QualityGate) -> tuple[Verdict, str]:
    gain, low, high = found["gain"], found["gate_low"], found["gate_high"]
    level = f"{100 * (1 - 2 * gate.alpha):g} %"
    values = f"{gate.metric} goes from {found['live']:.3f} to {found['candidate']:.3f}"
    between = f"the {level} interval of the change is {low:+.3f} to {high:+.3f}"
    if gain < 0 and found["p_harm"] <= gate.alpha:
        return "fail", f"{values}, which is worse beyond chance (p = {found['p_harm']:.4f}); {between}"
    if gain < -gate.max_loss and high < 0:
        return "fail", f"{values}, a loss of more than {gate.max_loss:.3f}; {between}"
    if low >= -gate.max_loss:
        return "pass", f"{values}; {between}, above the allowed {-gate.max_loss:+.3f}"
    return "inconclusive", (
        f"{values}; {between}, so a loss of more than {gate.max_loss:.3f} can't be ruled out: "
        "judge more queries or find out what the losing ones have in common"
    )


def _queries(candidate: Scores, live: Scores) -> dict[str, Any]:
    """Per query [live, candidate], and the ids that moved most. Ids only: texts may be private."""
    moved = {query: value - live.by_query[query] for query, value in candidate.by_query.items()}
    order = sorted(moved, key=lambda query: (moved[query], query))
    return {
        "lost_most": [query for query in order[:_EXTREMES] if moved[query] < 0],
        "gained_most": [query for query in order[::-1][:_EXTREMES] if moved[query] > 0],
        "by_query": {
            query: [round(live.by_query[query], 4), round(value, 4)] for query, value in candidate.by_query.items()
        },
    }
