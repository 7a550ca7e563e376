"""What is refused already in the plan: by policy, and by what the plan would cost or run into.

An active override of the rule's name lifts it, if `release.overridable` knows the name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from turnout.plan.estimate import Estimate
from turnout.plan.observed import Observed
from turnout.plan.policy import breaches
from turnout.plan.refusal import Refusal, or_override
from turnout.plan.stages import Flip, Stage
from turnout.release.artifacts import Policy, Release
from turnout.release.overridable import OVERRIDABLE

COST_ABOVE_BUDGET = "cost-above-budget"
CURRENCIES_DIFFER = "currencies-differ"
BACKFILL_TOO_LONG = "backfill-too-long"
FROZEN = "frozen"
ALIAS_ON_SEVERAL = "alias-on-several-indexes"
REPLACES_ADOPTED = "replaces-adopted"
DOCUMENTS_MISSING = "documents-missing"

LONGEST_BACKFILL_SECONDS = 7 * 24 * 3600


def refusals(
    base: Release | None,
    head: Release,
    stages: tuple[Stage, ...],
    estimate: Estimate,
    observed: Observed,
    *,
    policy: Policy,
) -> tuple[Refusal, ...]:
    """Why this plan may not be applied, before overrides; empty if it may."""
    return (
        *breaches(policy, base, head),
        *_money(head, estimate),
        *_time(estimate),
        *_flip(stages, observed),
        *_adopted(stages, observed),
    )


def lift(found: Iterable[Refusal], overrides: Collection[str]) -> tuple[tuple[Refusal, ...], tuple[Refusal, ...]]:
    """What stays refused, and what overrides lift."""
    stays: list[Refusal] = []
    lifted: list[Refusal] = []
    for refusal in found:
        (lifted if refusal.rule in OVERRIDABLE and refusal.rule in overrides else stays).append(refusal)
    return tuple(stays), tuple(lifted)


def _money(head: Release, estimate: Estimate) -> Iterator[Refusal]:
    budget, cost = head.pipeline.budget, estimate.cost
    if budget.currency != estimate.currency and head.model.price.per_million_tokens:
        yield Refusal(
            rule=CURRENCIES_DIFFER,
            what=f"the price is in {estimate.currency}, the budget in {budget.currency}: they can't be compared",
            remedy="give price and budget in one currency",
        )
    elif cost and cost > budget.per_backfill:
        yield Refusal(
            rule=COST_ABOVE_BUDGET,
            what=f"the backfill would cost {cost:.2f} {budget.currency}, "
            f"budget.per_backfill is {budget.per_backfill:.2f}",
            remedy=or_override("raise budget.per_backfill", COST_ABOVE_BUDGET),
        )


def _time(estimate: Estimate) -> Iterator[Refusal]:
    seconds = estimate.backfill_seconds
    if seconds is not None and seconds > LONGEST_BACKFILL_SECONDS:
        yield Refusal(
            rule=BACKFILL_TOO_LONG,
            what=f"the backfill would take {seconds / 86_400:.1f} days, bound by {estimate.bound_by}",
            remedy=or_override("raise the rate limit, use a faster runtime", BACKFILL_TOO_LONG),
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
        f"and add an override of {REPLACES_ADOPTED} to overrides.yaml, with a reason and a day",
    )
    if (observed.documents or 0) < live.documents:
        yield Refusal(
            rule=DOCUMENTS_MISSING,
            what=f"{live.index} holds {live.documents} documents, the documents index {observed.documents or 0}",
            remedy="ingest the others (`turnout ingest`); delete from the adopted index what should not come along",
        )
