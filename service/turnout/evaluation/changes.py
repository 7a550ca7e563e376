"""From values per query on both sides to what changed: by metric and by query.

Called by `turnout.evaluation.comparing` and by verify's quality check, so that both have the same numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from turnout.evaluation.comparison import MetricChange, QueryChange
from turnout.evaluation.holm import holm_of_able
from turnout.evaluation.metrics import METRICS, Run, Scores, evaluate
from turnout.evaluation.query_set import Qrels, QuerySet
from turnout.evaluation.statistics import (
    RESAMPLES,
    Floats,
    bootstrap_intervals,
    least_p,
    paired_differences,
    sign_flip,
)
from turnout.release.artifacts import QualityGate

REPORT_LEVEL = 0.95
EXTREMES = 5
_LEAST_LEVEL = 1e-9  # an alpha of 0.5 is allowed and leaves an interval of one point

AllScores = Mapping[str, Scores]


def all_scores(run: Run, qrels: Qrels) -> dict[str, Scores]:
    """Every metric of one run."""
    return {metric: evaluate(run, qrels, metric) for metric in METRICS}


def metric_changes(head: AllScores, base: AllScores, gate: QualityGate) -> tuple[MetricChange, ...]:
    """Head against base by each metric, Holm-corrected over those that the runs differ enough in to be judged."""
    differences = {metric: differences_of(head[metric], base[metric]) for metric in head}
    found = [
        metric_change(metric, values, (base[metric].mean, head[metric].mean), gate=gate)
        for metric, values in differences.items()
    ]
    least = [least_p(values) for values in differences.values()]
    adjusted = holm_of_able([change.p_harm for change in found], least, alpha=gate.alpha)
    return tuple(msgspec.structs.replace(change, p_harm_holm=p) for change, p in zip(found, adjusted, strict=True))


def metric_change(
    metric: str, differences: Floats, means: tuple[float, float], *, gate: QualityGate, resamples: int = RESAMPLES
) -> MetricChange:
    """One metric before any correction (`p_harm_holm` is `p_harm`). `means` are those of base and head."""
    test = sign_flip(differences, seed=gate.seed, resamples=resamples)
    levels = (REPORT_LEVEL, max(1 - 2 * gate.alpha, _LEAST_LEVEL))
    shown, deciding = bootstrap_intervals(differences, levels=levels, seed=gate.seed, resamples=resamples)
    return MetricChange(
        metric=metric,
        base=means[0],
        head=means[1],
        gain=float(differences.mean()),
        gain_low=shown.low,
        gain_high=shown.high,
        gate_low=deciding.low,
        gate_high=deciding.high,
        p_harm=test.p_harm,
        p_harm_holm=test.p_harm,
        p_two_sided=test.p_two_sided,
    )


def query_changes(head: Scores, base: Scores, query_set: QuerySet) -> tuple[list[QueryChange], list[QueryChange]]:
    """The queries that lost most and those that gained most, the largest change first."""
    texts = {query.id: query.text for query in query_set.queries}
    changes = [
        QueryChange(query=query, text=texts.get(query, ""), base=base.by_query[query], head=value)
        for query, value in head.by_query.items()
    ]
    order = sorted(changes, key=lambda change: (change.head - change.base, change.query))
    lost = [change for change in order[:EXTREMES] if change.head < change.base]
    gained = [change for change in order[::-1][:EXTREMES] if change.head > change.base]
    return lost, gained


def differences_of(head: Scores, base: Scores, queries: Sequence[str] | None = None) -> Floats:
    """Head minus base for each of `queries`; None for all judged ones."""
    asked = head.by_query if queries is None else queries
    return paired_differences([head.by_query[query] for query in asked], [base.by_query[query] for query in asked])
