"""Is the head of a change worse than its base? One comparison of two runs, with a verdict and its reason.

Called by the rehearsal, once per change and collection.
"""

from __future__ import annotations

import math

import msgspec

from turnout.evaluation.changes import AllScores, all_scores, differences_of, metric_changes, query_changes
from turnout.evaluation.comparison import Comparison
from turnout.evaluation.deciding import (
    Decision,
    decide_metrics,
    decide_slices,
    metrics_level,
    too_few,
    too_little_judged,
    unevenly_judged,
)
from turnout.evaluation.metrics import Run, judged
from turnout.evaluation.power import detectable_loss
from turnout.evaluation.query_set import Qrels, QuerySet
from turnout.evaluation.slices import slice_changes
from turnout.release.artifacts import QualityGate, RehearsalGates

_JUDGED_AT = 10


def compare(head: Run, base: Run | None, query_set: QuerySet, gate: QualityGate, gates: RehearsalGates) -> Comparison:
    """Compare two runs of one query set by all metrics and slices.

    Fails on a loss that is beyond chance: of any metric (Holm over the metrics), of the gate's metric alone if it is
    larger than `max_loss`, or of a slice that lost more than its margin; metrics and slices share the gate's alpha.
    Passes when the gate's metric is shown to lose no more than `max_loss` and enough of the head's documents are
    judged. Without enough judged queries, and in all other cases, the evidence is not enough.

    Args:
        head, base: runs of at least 100 documents a query; `base` is None for a new collection, which has nothing to
            lose and passes if it is judged well enough.

    Raises:
        ValueError: a ranking that names a document twice.
    """
    scores = all_scores(head, query_set.qrels)
    count = len(scores[gate.metric].by_query)
    found = Comparison(
        metric=gate.metric,
        verdict="inconclusive",
        reason="",
        queries=count,
        excluded=len(query_set.queries) - count,
        metrics=(),
        slices=(),
        judged_at_10_base=_share(base, query_set.qrels),
        judged_at_10_head=_share(head, query_set.qrels),
        detectable_loss=None,
        by_query={},
        lost_most=(),
        gained_most=(),
        max_loss=gate.max_loss,
        slice_max_loss=gates.slices.max_loss,
        alpha=gate.alpha,
        values={metric: each.mean for metric, each in scores.items()} if count else {},
    )
    if base is not None and count:
        found = _changed(found, scores, all_scores(base, query_set.qrels), query_set, gate=gate, gates=gates)
    verdict, reason = _decide(found, gate, gates)
    caution = unevenly_judged(found.judged_at_10_base, found.judged_at_10_head)
    return msgspec.structs.replace(found, verdict=verdict, reason=f"{reason}; {caution}" if caution else reason)


def _changed(
    found: Comparison,
    head: AllScores,
    base: AllScores,
    query_set: QuerySet,
    *,
    gate: QualityGate,
    gates: RehearsalGates,
) -> Comparison:
    """`found` with everything that needs both sides."""
    of_head, of_base = head[gate.metric], base[gate.metric]
    lost, gained = query_changes(of_head, of_base, query_set)
    slices = slice_changes(of_head, of_base, query_set, gate=gate, slices=gates.slices)
    level = metrics_level(gate, slices)
    return msgspec.structs.replace(
        found,
        metrics=metric_changes(head, base, gate),
        slices=slices,
        detectable_loss=detectable_loss(differences_of(of_head, of_base), level, max_loss=gate.max_loss),
        by_query={query: (of_base.by_query[query], value) for query, value in of_head.by_query.items()},
        lost_most=tuple(lost),
        gained_most=tuple(gained),
    )


def _decide(found: Comparison, gate: QualityGate, gates: RehearsalGates) -> Decision:
    if few := too_few(found.queries, gate):
        return "inconclusive", few
    decision: Decision = ("pass", _first(found))
    if found.metrics:
        decision = decide_metrics(found.metrics, gate, slices=found.slices)
        if decision[0] != "fail":
            decision = decide_slices(found.slices, gate) or decision
    unjudged = too_little_judged(found.judged_at_10_head, gates.min_judged, gate.metric)
    return ("inconclusive", unjudged) if unjudged and decision[0] == "pass" else decision


def _first(found: Comparison) -> str:
    return f"there is no base to compare with; {found.metric} is {found.values[found.metric]:.3f}"


def _share(run: Run | None, qrels: Qrels) -> float | None:
    share = judged(run, qrels, _JUDGED_AT) if run is not None else math.nan
    return None if math.isnan(share) else share
