"""The few figures that a reviewer looks for: cards on the page, lines in the terminal."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from turnout.cost.result import Cost
from turnout.gate.report.numbers import clip, interval, money, plain, share, signed, times
from turnout.gate.result import CollectionReport
from turnout.plan.explain import UNKNOWN
from turnout.rehearsal.result import Rehearsal

_NAME = 40


class KeyFigure(msgspec.Struct, frozen=True, kw_only=True):
    """A figure, its name and what it is to be compared with."""

    label: str
    value: str
    note: str


def key_figures(collection: CollectionReport) -> tuple[KeyFigure, ...]:
    """Those that this check has found, the most telling first."""
    found: list[KeyFigure] = []
    if collection.rehearsal is not None:
        found += _rehearsed(collection.rehearsal)
    if collection.cost is not None:
        found += _spent(collection.cost)
    return tuple(found)


def _rehearsed(rehearsal: Rehearsal) -> Iterator[KeyFigure]:
    compared = rehearsal.comparison
    metrics = compared.metrics if compared else ()
    gain = next((item for item in metrics if compared and item.metric == compared.metric), None)
    if gain is not None:
        note = f"{plain(gain.base)} to {plain(gain.head)}; 95 %: {interval(gain.gain_low, gain.gain_high)}"
        yield KeyFigure(label=f"gain in {clip(gain.metric, _NAME)}", value=signed(gain.gain), note=note)
    head, base = rehearsal.head, rehearsal.base
    if head is not None and head.recall is not None:
        was = f"base {plain(base.recall.mean)}; " if base is not None and base.recall is not None else ""
        note = f"{was}the index's part alone"
        yield KeyFigure(label=f"ANN recall@{head.recall.k:,}", value=plain(head.recall.mean), note=note)
    if rehearsal.latency is not None:
        found = rehearsal.latency
        note = f"median {plain(found.base_p50_ms, 1)} to {plain(found.head_p50_ms, 1)} ms"
        yield KeyFigure(label="search time, head over base", value=f"{plain(found.ratio, 2)} times", note=note)
    if rehearsal.spaces is not None:
        note = "of a passage's ten nearest"
        yield KeyFigure(label="neighbours kept@10", value=share(rehearsal.spaces.neighbours_kept_at_10), note=note)


def _spent(cost: Cost) -> Iterator[KeyFigure]:
    if not _costs_money(cost):
        yield KeyFigure(label="money for each token", value="none", note="the model runs on own machines")
        return
    before = cost.base.month.money.p50 if cost.base is not None and cost.base.month is not None else None
    if cost.head.month is not None:
        month = cost.head.month.money
        note = f"p95 {money(month.p95, cost.currency)}{_before(before, cost.currency)}"
        yield KeyFigure(label="a month, p50", value=money(month.p50, cost.currency), note=note)
    worst, was = cost.head.worst_hour.money, cost.base.worst_hour.money if cost.base else None
    ratio = times(was, worst)
    note = "for each process" + (f"; {ratio}" if ratio == "the same" else _before(was, cost.currency))
    yield KeyFigure(label="the worst hour", value=money(worst, cost.currency), note=note)
    if cost.backfill is not None:
        note = f"p95 {money(cost.backfill.money.p95, cost.currency)}"
        yield KeyFigure(label="backfill, once", value=money(cost.backfill.money.p50, cost.currency), note=note)


def _costs_money(cost: Cost) -> bool:
    sides = [cost.head, *([cost.base] if cost.base else [])]
    return any(side.worst_hour.money > 0 or (side.month and side.month.money.p95 > 0) for side in sides)


def _before(amount: float | None, currency: str) -> str:
    shown = money(amount, currency)
    return "" if shown == UNKNOWN else f"; {shown} before"
