"""What a simulated cost refuses. An active override of the rule's name lifts it. Called by the gate."""

from __future__ import annotations

from collections.abc import Iterator

from turnout.cost.result import Cost
from turnout.plan import Refusal
from turnout.plan.refusal import or_override
from turnout.release.artifacts import Release

MONTH_ABOVE_BUDGET = "month-above-budget"
BACKFILL_ABOVE_BUDGET = "backfill-above-budget"
LOAD_UNKNOWN = "load-unknown"

RULES = frozenset({MONTH_ABOVE_BUDGET, BACKFILL_ABOVE_BUDGET, LOAD_UNKNOWN})


def refusals(cost: Cost, head: Release) -> tuple[Refusal, ...]:
    """Why the head may not become live at this cost; empty if it may. Overrides are the caller's to apply."""
    if head.model.price.per_million_tokens <= 0:
        return ()
    return (*_unknown(cost, head), *_above(cost, head))


def _unknown(cost: Cost, head: Release) -> Iterator[Refusal]:
    if cost.unknown:
        yield Refusal(
            rule=LOAD_UNKNOWN,
            what=f"{head.model.id} costs money, and what it will cost is unknown without: {', '.join(cost.unknown)}",
            remedy=or_override(
                "declare it under `expected` in pipeline.yaml, or measure it (TURNOUT_ELASTICSEARCH_URL, --metrics)",
                LOAD_UNKNOWN,
            ),
        )


def _above(cost: Cost, head: Release) -> Iterator[Refusal]:
    budget = head.pipeline.budget
    if budget.currency != cost.currency:
        return  # the plan refuses that as `currencies-differ`
    month, fill = cost.head.month, cost.backfill
    if month is not None and month.money.p95 > budget.per_month:
        yield _refusal(MONTH_ABOVE_BUDGET, "a month", "per_month", month.money.p95, budget.per_month, cost.currency)
    if fill is not None and fill.money.p95 > budget.per_backfill:
        yield _refusal(
            BACKFILL_ABOVE_BUDGET, "the backfill", "per_backfill", fill.money.p95, budget.per_backfill, cost.currency
        )


def _refusal(rule: str, what: str, key: str, money: float, limit: float, currency: str) -> Refusal:
    return Refusal(
        rule=rule,
        what=f"{what} may cost {money:,.2f} {currency} (p95), budget.{key} is {limit:,.2f}",
        remedy=or_override(f"embed less or raise budget.{key}", rule),
    )
