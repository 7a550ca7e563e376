"""Money, hours and bytes in the report, before and after."""

from __future__ import annotations

from collections.abc import Iterator

from turnout.cost.result import Cost, Side, Spread
from turnout.gate.report.content import Section, Table, Weight, sentence
from turnout.gate.report.numbers import clip, data_size, hours, money, quantity, share, times
from turnout.plan.explain import UNKNOWN

_LINE = 400
_EMPTY = {"", UNKNOWN}


def costs(cost: Cost, *, embeds: bool) -> Iterator[Section]:
    """What running the release costs, what the change costs once, and where the figures come from.

    Args:
        embeds: the change computes vectors, so a backfill without figures is an unknown one.
    """
    rows = (*_months(cost), *_worst_hour(cost), *_backfill(cost, embeds=embeds), *_sizes(cost))
    known = tuple(row for row in rows if set(row[1:]) - _EMPTY)
    yield Section(
        key="cost",
        title="Cost, before and after",
        weight=Weight.COST,
        lines=tuple(_sentences(cost)),
        table=Table(head=("", "base", "head", "head over base"), rows=known),
    )
    yield Section(
        key="assumptions",
        title="Where the figures come from",
        weight=Weight.LISTS,
        lines=(
            f"{cost.repetitions:,} simulated months, seed {cost.seed}.",
            *(clip(line, _LINE) for line in cost.assumptions),
        ),
        folded=True,
    )


def worst_hour(cost: Cost) -> str:
    """The spend of the worst hour before and after, as a sentence."""
    head = money(cost.head.worst_hour.money, cost.currency)
    if cost.base is None:
        return f"The worst hour can cost {head} for each process that embeds."
    base, ratio = money(cost.base.worst_hour.money, cost.currency), _ratio(cost)
    if ratio is None or abs(ratio - 1) < 0.005:
        return f"The worst hour can cost {head} for each process that embeds, as before."
    return (
        f"The worst hour can cost {head} for each process that embeds, {base} before: "
        f"{times(cost.base.worst_hour.money, cost.head.worst_hour.money)} as much."
    )


def _ratio(cost: Cost) -> float | None:
    base = cost.base.worst_hour.money if cost.base else 0.0
    return cost.head.worst_hour.money / base if base > 0 else None


def _sentences(cost: Cost) -> Iterator[str]:
    if cost.price_per_million_tokens == 0 and (cost.base is None or cost.base.worst_hour.money == 0):
        yield "The model runs on own machines: no money for each token."
    else:
        yield worst_hour(cost) + " It is what the limiter lets through when something asks without end."
        yield "Policy holds tokens_per_minute as it is written against the budget, so its figure can be higher."
    if cost.head.month is None:
        yield "No load is declared (`expected` in pipeline.yaml) or measured, so the month isn't known."
    fill = cost.backfill
    if fill is not None and fill.beyond_budget > 0:
        yield f"budget.per_backfill would have stopped {share(fill.beyond_budget)} of the simulated backfills."
    if fill is not None and fill.gave_up > 0:
        began_again = share(fill.gave_up)
        yield f"In {began_again} of the simulated backfills the provider failed for too long and it all began again."
    if cost.unknown:
        yield sentence(clip(f"Not known: {', '.join(cost.unknown)}", _LINE))


def _months(cost: Cost) -> Iterator[tuple[str, ...]]:
    for label, level in (("a month, p50", "p50"), ("a month, p95", "p95")):
        base, head = _month(cost.base, level), _month(cost.head, level)
        yield label, money(base, cost.currency), money(head, cost.currency), times(base, head)


def _month(side: Side | None, level: str) -> float | None:
    if side is None or side.month is None:
        return None
    return side.month.money.p50 if level == "p50" else side.month.money.p95


def _worst_hour(cost: Cost) -> Iterator[tuple[str, ...]]:
    base = cost.base.worst_hour if cost.base else None
    head = cost.head.worst_hour
    was = base.money if base else None
    yield "the worst hour", money(was, cost.currency), money(head.money, cost.currency), times(was, head.money)
    requests = base.requests if base else None
    yield "requests in it", quantity(requests), quantity(head.requests), times(requests, head.requests)


def _backfill(cost: Cost, *, embeds: bool) -> Iterator[tuple[str, ...]]:
    fill = cost.backfill
    if fill is None:
        yield "backfill, once", "", "unknown" if embeds else "nothing is embedded", ""
        return
    for label, spread, unit in (
        ("backfill, once", fill.money, "money"),
        ("backfill, time", fill.hours, "hours"),
        ("backfill, tokens", fill.tokens, "count"),
        ("backfill, requests", fill.requests, "count"),
        ("of these again, after errors", fill.retried, "count"),
    ):
        yield label, "", _spread(spread, unit, cost.currency), ""


def _spread(spread: Spread, unit: str, currency: str) -> str:
    match unit:
        case "money":
            low, high = money(spread.p50, currency), money(spread.p95, currency)
        case "hours":
            low, high = hours(spread.p50), hours(spread.p95)
        case _:
            low, high = quantity(spread.p50), quantity(spread.p95)
    return low if low == high else f"{low}, p95 {high}"


def _sizes(cost: Cost) -> Iterator[tuple[str, ...]]:
    found = cost.sizes
    for label, base, head, both in (
        ("vectors on disk", found.base_disk_bytes, found.head_disk_bytes, found.both_disk_bytes),
        ("vectors in memory", found.base_ram_bytes, found.head_ram_bytes, found.both_ram_bytes),
    ):
        yield label, data_size(base), data_size(head), times(base, head)
        yield f"{label}, both while they coexist", "", data_size(both), ""
