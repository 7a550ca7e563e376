"""Groups of queries: a release may gain in the mean and still fail the people who ask about one thing.

Called by `turnout.evaluation.comparing`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import msgspec

from turnout.evaluation.changes import REPORT_LEVEL, differences_of
from turnout.evaluation.comparison import SliceChange, Verdict
from turnout.evaluation.deciding import SLICES_SHARE
from turnout.evaluation.holm import holm_of_able
from turnout.evaluation.metrics import Scores
from turnout.evaluation.query_set import QuerySet
from turnout.evaluation.statistics import bootstrap_interval, least_p, sign_flip
from turnout.release.artifacts import QualityGate, SliceGate


def slice_changes(
    head: Scores, base: Scores, query_set: QuerySet, *, gate: QualityGate, slices: SliceGate
) -> tuple[SliceChange, ...]:
    """The gate's metric in each slice, by name. Queries without a slice are in none.

    A judged slice fails when it lost more than `slices.max_loss` and its p, after Holm over the judged slices, is at
    most `SLICES_SHARE` of alpha. It passes when its 95 % interval stays above the margin. A slice of ten or twenty
    queries mostly shows neither: its `inconclusive` stops nothing.
    """
    level = SLICES_SHARE * gate.alpha
    members = _members(head, query_set)
    judged = [name for name, ids in members.items() if len(ids) >= slices.min_queries]
    found = {name: _change(name, ids, head, base, gate=gate) for name, ids in members.items()}
    least = [least_p(differences_of(head, base, members[name])) for name in judged]
    adjusted = holm_of_able([found[name].p_harm for name in judged], least, alpha=level)
    for name, p in zip(judged, adjusted, strict=True):
        verdict = _verdict(found[name], p, level=level, max_loss=slices.max_loss)
        found[name] = msgspec.structs.replace(found[name], p_harm_holm=p, verdict=verdict)
    return tuple(found[name] for name in sorted(found))


def _members(scores: Scores, query_set: QuerySet) -> Mapping[str, Sequence[str]]:
    members: dict[str, list[str]] = {}
    for query in query_set.queries:
        if query.slice and query.id in scores.by_query:
            members.setdefault(query.slice, []).append(query.id)
    return members


def _change(name: str, queries: Sequence[str], head: Scores, base: Scores, *, gate: QualityGate) -> SliceChange:
    differences = differences_of(head, base, queries)
    shown = bootstrap_interval(differences, level=REPORT_LEVEL, seed=gate.seed)
    return SliceChange(
        slice=name,
        queries=len(queries),
        base=_mean(base, queries),
        head=_mean(head, queries),
        gain=float(differences.mean()),
        gain_low=shown.low,
        gain_high=shown.high,
        p_harm=sign_flip(differences, seed=gate.seed).p_harm,
        verdict=None,
    )


def _verdict(change: SliceChange, p: float, *, level: float, max_loss: float) -> Verdict:
    if change.gain < -max_loss and p <= level:
        return "fail"
    return "pass" if change.gain_low >= -max_loss else "inconclusive"


def _mean(scores: Scores, queries: Sequence[str]) -> float:
    return math.fsum(scores.by_query[query] for query in queries) / len(queries)
