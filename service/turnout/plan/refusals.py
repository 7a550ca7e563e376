"""What policy refuses already in the plan. An active override of the rule's name lifts it, the freeze excepted."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import msgspec

from turnout.plan.estimate import Estimate
from turnout.plan.observed import Observed
from turnout.plan.stages import Flip, Stage
from turnout.release.artifacts import Release

COST_ABOVE_BUDGET = "cost-above-budget"
CURRENCIES_DIFFER = "currencies-differ"
BACKFILL_TOO_LONG = "backfill-too-long"
FROZEN = "frozen"
ALIAS_ON_SEVERAL = "alias-on-several-indexes"
REPLACES_ADOPTED = "replaces-adopted"
DOCUMENTS_MISSING = "documents-missing"

# Only these can be lifted: the others mean that a flip would fail or that someone has said no.
LIFTABLE = frozenset({COST_ABOVE_BUDGET, CURRENCIES_DIFFER, BACKFILL_TOO_LONG, REPLACES_ADOPTED})

LONGEST_BACKFILL_SECONDS = 7 * 24 * 3600


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that says no, why, and what to do."""

    rule: str
    what: str
    remedy: str


def refusals(
    head: Release, stages: tuple[Stage, ...], estimate: Estimate, observed: Observed, overrides: Collection[str] = ()
) -> tuple[Refusal, ...]:
    """Why this plan may not be applied; empty if it may."""
    found = [*_money(head, estimate), *_time(estimate), *_flip(stages, observed), *_adopted(stages, observed)]
    return tuple(refusal for refusal in found if refusal.rule not in LIFTABLE or refusal.rule not in overrides)


def _money(head: Release, estimate: Estimate) -> Iterator[Refusal]:
    budget, cost = head.pipeline.budget, estimate.cost
    if not cost:
        return
    if budget.currency != estimate.currency:
        yield Refusal(
            rule=CURRENCIES_DIFFER,
            what=f"the price is in {estimate.currency}, the budget in {budget.currency}: they can't be compared",
            remedy="give price and budget in one currency",
        )
    elif cost > budget.per_backfill:
        yield Refusal(
            rule=COST_ABOVE_BUDGET,
            what=f"the backfill would cost {cost:.2f} {budget.currency}, "
            f"budget.per_backfill is {budget.per_backfill:.2f}",
            remedy=f"raise budget.per_backfill, or add an override of {COST_ABOVE_BUDGET} with a reason and a day",
        )


def _time(estimate: Estimate) -> Iterator[Refusal]:
    seconds = estimate.backfill_seconds
    if seconds is not None and seconds > LONGEST_BACKFILL_SECONDS:
        yield Refusal(
            rule=BACKFILL_TOO_LONG,
            what=f"the backfill would take {seconds / 86_400:.1f} days, bound by {estimate.bound_by}",
            remedy="raise the rate limit or use a faster runtime, "
            f"or add an override of {BACKFILL_TOO_LONG} with a reason and a day",
        )


def _flip(stages: tuple[Stage, ...], observed: Observed) -> Iterator[Refusal]:
    if not any(isinstance(stage, Flip) for stage in stages):
        return
    if observed.frozen:
        yield Refusal(
            rule=FROZEN,
            what="the collection is frozen, so a flip would be refused",
            remedy="see who froze it and why with `turnout status`, then lift it with `turnout freeze`",
        )
    if len(observed.alias_targets) > 1:
        yield Refusal(
            rule=ALIAS_ON_SEVERAL,
            what=f"the alias points at {len(observed.alias_targets)} indexes: " + ", ".join(observed.alias_targets),
            remedy="take it off all but the one that should be live, then plan again",
        )


def _adopted(stages: tuple[Stage, ...], observed: Observed) -> Iterator[Refusal]:
    """The first view of turnout's own takes over from an index that nothing of turnout's can be compared with."""
    live = observed.live_view
    if live is None or not live.adopted or not any(isinstance(stage, Flip) for stage in stages):
        return
    yield Refusal(
        rule=REPLACES_ADOPTED,
        what=f"live is {live.index}, which was adopted: its ranking isn't compared with, it isn't followed, "
        "and `turnout revert` can't go back to it",
        remedy="compare the two yourself, keep the index for as long as you may want it back, "
        f"and add an override of {REPLACES_ADOPTED} with a reason and a day",
    )
    if (observed.documents or 0) < live.documents:
        yield Refusal(
            rule=DOCUMENTS_MISSING,
            what=f"{live.index} holds {live.documents} documents, the documents index {observed.documents or 0}",
            remedy="ingest the others (`turnout ingest`); delete from the adopted index what should not come along",
        )
