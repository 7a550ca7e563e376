"""Which rules of policy does a change break? Called by `refusals`, so that `plan`, `apply` and the gate say the same.

Rules about a state (`unpinned`, `worst-hour-above-budget`, ...) hold for every release, whatever was before: a
permission that has ended must not live on in the base. Rules about a change (`...-raised`, `...-lowered`,
`gates-weakened`, `filter-removed`, ...) need a base. A local model at price 0 can't cost money, so nothing about money
holds for it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from turnout.plan.narrowed import narrowed
from turnout.plan.pinned import plain, unpinned
from turnout.plan.refusal import Refusal, or_override
from turnout.plan.weakened import weakened
from turnout.release.artifacts import Budget, Model, Policy, Release
from turnout.release.endpoint import host_of
from turnout.release.findings import shown

RATE_LIMIT_RAISED = "rate-limit-raised"
PASSAGE_ABOVE_LIMIT = "passage-above-limit"
BUDGET_MISSING = "budget-missing"
BUDGET_RAISED = "budget-raised"
WORST_HOUR_ABOVE_BUDGET = "worst-hour-above-budget"
UNPINNED = "unpinned"
LICENCE_NOT_ALLOWED = "licence-not-allowed"
PRICE_UNKNOWN = "price-unknown"
PRICE_LOWERED = "price-lowered"

_MINUTES = 60
_SPECIAL_TOKENS = 2  # [CLS] and [SEP] around every passage


def breaches(policy: Policy, base: Release | None, head: Release) -> tuple[Refusal, ...]:
    """The rules that `head` breaks, by itself and as a change of `base`."""
    found = [*_identity(policy, head.model)]
    if costs(head):
        found += [*_limits_hold(head), *_budget(policy, base, head)]
    if base is not None:
        found += [*_price(base.model, head.model), *weakened(base, head), *narrowed(policy, base, head)]
        if costs(head):
            found += [*_limits_raised(policy, base, head), *_budget_raised(base, head)]
    return tuple(found)


def costs(release: Release) -> bool:
    """Whether embedding costs money: a model with a price, or somebody else's server."""
    return release.model.hosted or release.model.price.per_million_tokens > 0


def worst_hour_money(release: Release) -> float:
    """The most that one process can spend on embedding in an hour, in the currency of the price.

    60 * embed.rate_limit.tokens_per_minute / 1,000,000 * price.per_million_tokens: the limiter lets no more through in
    any minute. Processes that don't share a limiter spend as many times as much.
    """
    tokens = _MINUTES * release.pipeline.embed.rate_limit.tokens_per_minute
    return tokens / 1e6 * release.model.price.per_million_tokens


def _identity(policy: Policy, model: Model) -> Iterator[Refusal]:
    if (moving := unpinned(model)) is not None:
        yield Refusal(
            rule=UNPINNED,
            what=f"{shown(moving)} doesn't pin the model: it can be another one tomorrow",
            remedy=or_override("name a commit, a version or a day of release", UNPINNED),
        )
    if model.license.strip().casefold() not in {licence.casefold() for licence in policy.licences}:
        yield Refusal(
            rule=LICENCE_NOT_ALLOWED,
            what=f"the model's licence {shown(model.license)} is not among those allowed: {', '.join(policy.licences)}",
            remedy=or_override(
                "take another model, have it added in pipelines/policy.yaml by a change of its own", LICENCE_NOT_ALLOWED
            ),
        )
    if model.hosted and model.price.per_million_tokens <= 0:
        yield Refusal(
            rule=PRICE_UNKNOWN,
            what="the model is hosted and its price is 0, so no budget holds",
            remedy=or_override("write what the provider bills as price.per_million_tokens", PRICE_UNKNOWN),
        )


def _limits_hold(head: Release) -> Iterator[Refusal]:
    """The limiter lets a request of one passage through whatever its size, so the limit must be above a passage."""
    limit, size = head.pipeline.embed.rate_limit.tokens_per_minute, head.pipeline.chunk.size + _SPECIAL_TOKENS
    if size > limit:
        yield Refusal(
            rule=PASSAGE_ABOVE_LIMIT,
            what=f"a passage may have {size} tokens, the limit is {limit:,} tokens per minute: it can't be kept",
            remedy=or_override("make chunk.size smaller or raise tokens_per_minute", PASSAGE_ABOVE_LIMIT),
        )


def _budget(policy: Policy, base: Release | None, head: Release) -> Iterator[Refusal]:
    budget, price = head.pipeline.budget, head.model.price
    if budget.per_month <= 0:
        yield Refusal(
            rule=BUDGET_MISSING,
            what="embedding costs money and budget.per_month is 0: there is no bound to hold it against",
            remedy=or_override("write what a month may cost", BUDGET_MISSING),
        )
    if price.currency != budget.currency:
        return  # `refusals` says so: the two can't be compared
    money, allowed = worst_hour_money(head), policy.worst_hour.max_share * budget.per_month
    if money > allowed and not math.isclose(money, allowed):
        fitting = math.floor(allowed / price.per_million_tokens * 1e6 / _MINUTES)
        share = f"{policy.worst_hour.max_share:g} of budget.per_month ({budget.per_month:,.2f} {budget.currency})"
        yield Refusal(
            rule=WORST_HOUR_ABOVE_BUDGET,
            what=f"{_worst_hours(base, head)}; policy allows {share}",
            remedy=or_override(
                f"lower tokens_per_minute to {fitting:,}" if fitting else "take a cheaper model or a greater budget",
                WORST_HOUR_ABOVE_BUDGET,
            ),
        )


def _limits_raised(policy: Policy, base: Release, head: Release) -> Iterator[Refusal]:
    factor = policy.rate_limit.max_increase
    before, after = base.pipeline.embed.rate_limit, head.pipeline.embed.rate_limit
    raised = [
        f"{name} {old:,} -> {new:,} (x{new / old:.3g})"
        for name in ("requests_per_minute", "tokens_per_minute")
        if (new := getattr(after, name)) > (old := getattr(before, name)) * factor
    ]
    if raised:
        yield Refusal(
            rule=RATE_LIMIT_RAISED,
            what=f"the rate limit grows: {', '.join(raised)}, policy allows x{factor:g}; {_worst_hours(base, head)}",
            remedy=or_override("set it back", RATE_LIMIT_RAISED),
        )


def _budget_raised(base: Release, head: Release) -> Iterator[Refusal]:
    """What a base that couldn't spend anything had for a budget was agreed on by nobody: it counts as none."""
    before, after = base.pipeline.budget, head.pipeline.budget
    if not costs(base):
        before = Budget(per_month=0, per_backfill=0, currency=after.currency)
    raised = [
        f"{name} {_money(old, before.currency)} -> {_money(new, after.currency)}"
        for name in ("per_month", "per_backfill")
        if (new := getattr(after, name)) > (old := getattr(before, name))
        or (before.currency != after.currency and new > 0)  # which is more can't be seen
    ]
    if raised:
        yield Refusal(
            rule=BUDGET_RAISED,
            what=f"embedding may cost more than before: {', '.join(raised)}; {_worst_hours(base, head)}",
            remedy=or_override("set it back", BUDGET_RAISED),
        )


def _price(base: Model, head: Model) -> Iterator[Refusal]:
    """A lower price makes every figure about money smaller, so it must not come without a reason."""
    if not head.hosted or _asked(base) != _asked(head):
        return
    before, after = base.price, head.price
    if after.per_million_tokens < before.per_million_tokens or after.currency != before.currency:
        yield Refusal(
            rule=PRICE_LOWERED,
            what=f"the price of a million tokens goes from {_money(before.per_million_tokens, before.currency)} to "
            f"{_money(after.per_million_tokens, after.currency)}, and the model is the same",
            remedy=or_override("set it back; if the provider bills less", PRICE_LOWERED),
        )


def _asked(model: Model) -> tuple[object, ...]:
    """Who bills for what. Another path, port or revision doesn't make it another model with a price of its own."""
    return (model.runtime.name, host_of(str(model.endpoint)), plain(model.id))


def _worst_hours(base: Release | None, head: Release) -> str:
    after = _money(worst_hour_money(head), head.model.price.currency)
    if base is None:
        return f"the worst hour costs {after}"
    return f"the worst hour goes from {_money(worst_hour_money(base), base.model.price.currency)} to {after}"


def _money(amount: float, currency: str) -> str:
    return f"{amount:,.2f} {currency}" if amount == 0 or amount >= 0.01 else f"{amount:.2g} {currency}"
