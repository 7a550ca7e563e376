"""Ranking quality in the report: the model's part and the index's part, which never share a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from turnout.evaluation.comparison import Comparison, MetricChange, QueryChange
from turnout.gate.report.content import Code, Section, Table, Weight, sentence
from turnout.gate.report.numbers import clip, finite, interval, plain, probability, share, signed
from turnout.plan.explain import UNKNOWN
from turnout.rehearsal.result import Rehearsal, Side

_NAME = 60
_QUERY = 160
_LINE = 400


def quality(rehearsal: Rehearsal) -> Iterator[Section]:
    """Sections on what a searcher would notice."""
    comparison = rehearsal.comparison
    if comparison is None:
        line = "A new collection: there is no release to compare its ranking with."
        if rehearsal.base is not None:
            line = "The rankings were not compared."
        yield Section(key="quality", title="Quality", weight=Weight.QUALITY, lines=(line,))
    else:
        yield _metrics(comparison, rehearsal.fallback) if comparison.metrics else _values(comparison)
        if comparison.slices:
            yield _slices(comparison)
        yield from _queries(comparison)
    recall = tuple(_recall_rows(rehearsal))
    if recall:
        yield _recall(recall)


def detectable(comparison: Comparison) -> str:
    """How small a loss this query set can see, as a sentence."""
    if comparison.detectable_loss is None or not finite(comparison.detectable_loss):
        return "The differences have no spread to tell from, so the least detectable loss isn't known."
    return (
        f"With {comparison.queries:,} judged queries, a true loss of {plain(comparison.detectable_loss)} in "
        f"{clip(comparison.metric, _NAME)} is found four times out of five; smaller ones may go unseen."
    )


def judged(comparison: Comparison) -> str:
    """How much of what is shown to a searcher has a judgment."""
    head = share(comparison.judged_at_10_head)
    base = "" if comparison.judged_at_10_base is None else f"base {share(comparison.judged_at_10_base)}, "
    return f"judged@10, the share of the first ten documents that has a judgment: {base}head {head}."


def by_words(change: MetricChange) -> str:
    """What is left of the ranking when the model isn't there."""
    return (
        f"Word search alone, which answers when the model is slow or down: {clip(change.metric, _NAME)} "
        f"{plain(change.base)} to {plain(change.head)} ({interval(change.gain_low, change.gain_high)})."
    )


def metric_rows(comparison: Comparison) -> tuple[tuple[str, ...], ...]:
    """Metric, base, head, gain, its 95 % interval, p after Holm's correction."""
    return tuple(
        (
            Code(clip(item.metric, _NAME)),
            plain(item.base),
            plain(item.head),
            signed(item.gain),
            interval(item.gain_low, item.gain_high),
            probability(item.p_harm_holm),
        )
        for item in comparison.metrics
    )


def _metrics(comparison: Comparison, fallback: MetricChange | None) -> Section:
    margin = "" if comparison.max_loss is None else f" Allowed to lose: {plain(comparison.max_loss)}."
    excluded = f" {comparison.excluded:,} queries have no judgment to go by." if comparison.excluded else ""
    return Section(
        key="quality",
        title="Quality: what the change does to the ranking",
        weight=Weight.QUALITY,
        lines=(
            f"{sentence(clip(comparison.reason, _LINE))}{margin}{excluded}",
            detectable(comparison),
            judged(comparison),
            *([by_words(fallback)] if fallback else []),
        ),
        table=Table(head=("metric", "base", "head", "gain", "95 % interval", "p (Holm)"), rows=metric_rows(comparison)),
    )


def _values(comparison: Comparison) -> Section:
    """Nothing to compare with, or nothing judged: what the head has by itself."""
    rows = tuple((Code(clip(name, _NAME)), plain(value)) for name, value in comparison.values.items())
    return Section(
        key="quality",
        title="Quality of the head by itself",
        weight=Weight.QUALITY,
        lines=(sentence(clip(comparison.reason, _LINE)), judged(comparison)),
        table=Table(head=("metric", "head"), rows=rows) if rows else None,
    )


def _slices(comparison: Comparison) -> Section:
    rows = tuple(
        (
            Code(clip(item.slice, _NAME)),
            f"{item.queries:,}",
            plain(item.base),
            plain(item.head),
            signed(item.gain),
            interval(item.gain_low, item.gain_high),
            UNKNOWN if item.p_harm_holm is None else probability(item.p_harm_holm),
            item.verdict or "too few queries",
        )
        for item in comparison.slices
    )
    head = ("slice", "queries", "base", "head", "gain", "95 % interval", "p (Holm)", "verdict")
    margin = comparison.slice_max_loss
    allowed: tuple[str, ...] = ()
    if margin is not None:
        allowed += (f"No slice may lose more than {plain(margin)}, even if the mean gains.",)
    if any(item.verdict == "inconclusive" for item in comparison.slices):
        allowed += ("An inconclusive slice has too few queries to tell whether it loses that much; it stops nothing.",)
    return Section(
        key="slices",
        title=f"Slices, in {clip(comparison.metric, _NAME)}",
        weight=Weight.DETAIL,
        lines=allowed,
        table=Table(head=head, rows=rows, words=(0, 7)),
    )


def _queries(comparison: Comparison) -> Iterator[Section]:
    for key, title, changes in (
        ("lost", "Queries that lost most", comparison.lost_most),
        ("gained", "Queries that gained most", comparison.gained_most),
    ):
        if changes:
            table = Table(head=("query", "text", "base", "head", "gain"), rows=_query_rows(changes), words=(0, 1))
            yield Section(key=key, title=title, weight=Weight.LISTS, table=table, folded=True)


def _query_rows(changes: Sequence[QueryChange]) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (
            Code(clip(item.query, _NAME)),
            clip(item.text, _QUERY),
            plain(item.base),
            plain(item.head),
            signed(item.head - item.base),
        )
        for item in changes
    )


def _recall(rows: tuple[tuple[str, ...], ...]) -> Section:
    return Section(
        key="recall",
        title="ANN recall: what the index loses, whatever the model is",
        weight=Weight.DETAIL,
        lines=("Against exact search on the same vectors. A loss here is mended in the index, not in the model.",),
        table=Table(head=("release", "k", "queries", "mean", "worst query"), rows=rows),
    )


def _recall_rows(rehearsal: Rehearsal) -> Iterator[tuple[str, ...]]:
    sides: tuple[tuple[str, Side | None], ...] = (("base", rehearsal.base), ("head", rehearsal.head))
    for name, side in sides:
        if side is not None and side.recall is not None:
            found = side.recall
            yield name, f"{found.k:,}", f"{found.queries:,}", plain(found.mean), plain(found.least)
