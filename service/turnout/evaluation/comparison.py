"""What a comparison of two runs found, as values that are stored, judged and drawn.

Made by `turnout.evaluation.compare`; read by rehearsal, gate and verify.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Verdict = Literal["pass", "fail", "inconclusive"]


class MetricChange(msgspec.Struct, frozen=True, kw_only=True):
    """One metric's mean over the judged queries on both sides.

    `gain` is head minus base. `gain_low` and `gain_high` bound it at 95 %, `gate_low` and `gate_high` at the gate's
    level (1 - 2 * alpha). `p_harm` is of the one-sided paired sign-flip test, `p_harm_holm` the same after Holm's
    correction over all metrics that the runs differ enough in to be judged.
    """

    metric: str
    base: float
    head: float
    gain: float
    gain_low: float
    gain_high: float
    gate_low: float
    gate_high: float
    p_harm: float
    p_harm_holm: float
    p_two_sided: float


class SliceChange(msgspec.Struct, frozen=True, kw_only=True):
    """The gate's metric on one group of queries.

    `verdict` and `p_harm_holm` (Holm's correction over the judged slices) are None for a slice with too few queries to
    be judged. Only a `fail` decides anything.
    """

    slice: str
    queries: int
    base: float
    head: float
    gain: float
    gain_low: float
    gain_high: float
    p_harm: float
    verdict: Verdict | None
    p_harm_holm: float | None = None


class QueryChange(msgspec.Struct, frozen=True, kw_only=True):
    """One query's value of the gate's metric on both sides. The text is that of the query set, which lies in Git."""

    query: str
    text: str
    base: float
    head: float


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Base against head on one query set.

    `values` maps each metric to the head's mean, whether there is a base or not. Without a base (a new collection) or
    without a judged query there is no change to speak of: `metrics`, `slices`, `by_query` and the extremes are empty.
    `detectable_loss` is the least true loss of `metric` that this query set finds in 0.8 of the cases at the gate's
    alpha, from the spread of the differences; None where there is no spread to go by. `judged_at_10_*` is the share of
    the first ten documents that has a judgment. `by_query` maps a query to [base, head]. `max_loss`, `slice_max_loss`
    and `alpha` are the gate's own figures, for drawing; None where they aren't known.
    """

    metric: str
    verdict: Verdict
    reason: str
    queries: int
    excluded: int
    metrics: tuple[MetricChange, ...]
    slices: tuple[SliceChange, ...]
    judged_at_10_base: float | None
    judged_at_10_head: float | None
    detectable_loss: float | None
    by_query: dict[str, tuple[float, float]]
    lost_most: tuple[QueryChange, ...]
    gained_most: tuple[QueryChange, ...]
    max_loss: float | None = None
    slice_max_loss: float | None = None
    alpha: float | None = None
    values: dict[str, float] = {}
