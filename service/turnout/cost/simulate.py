"""Puts the simulation of a change together. Called by `turnout check`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from turnout.cost.backfill import backfill as hosted_backfill
from turnout.cost.documents import Population
from turnout.cost.month import DAYS, month
from turnout.cost.provider import Provider, numbers
from turnout.cost.repetitions import spread
from turnout.cost.result import Cost, Fill, Side, Spread
from turnout.cost.sizes import sizes
from turnout.cost.workload import FIGURES, WORDS, Workload
from turnout.cost.worst_hour import worst_hour
from turnout.plan import Backfill, Observed, estimate, throughput
from turnout.release.artifacts import Release

_NOTHING = Spread(p50=0.0, p95=0.0)
_EMPTY = Fill(passages=_NOTHING, tokens=_NOTHING, requests=_NOTHING, retried=_NOTHING, money=_NOTHING, hours=_NOTHING)


def simulate(
    base: Release | None,
    head: Release,
    *,
    backfill: bool,
    workload: Workload,
    provider: Provider,
    seed: int,
    repetitions: int = 200,
) -> Cost:
    """What going from `base` to `head` costs, and what each costs in a month and in its worst hour.

    Args:
        base: None for a new collection.
        backfill: whether the head's view is filled with newly embedded passages (not for a copy).
    """

    def side(release: Release) -> Side:
        made = month(release, workload, provider, seed=seed, repetitions=repetitions)
        return Side(release_id=release.id, month=made, worst_hour=worst_hour(release))

    filled, how = _fill(head, workload, provider, seed, repetitions) if backfill else (None, "")
    missing = list(workload.missing())
    if backfill and filled is None:
        missing += [WORDS[name] for name in ("documents", "sample_tokens") if not workload.known(name)]
    return Cost(
        currency=head.model.price.currency,
        price_per_million_tokens=head.model.price.per_million_tokens,
        repetitions=repetitions,
        seed=seed,
        base=None if base is None else side(base),
        head=side(head),
        backfill=filled,
        sizes=sizes(base, head, workload),
        unknown=tuple(dict.fromkeys(missing)),
        assumptions=tuple(_assumptions(base, head, workload, provider, how)),
    )


def _fill(
    head: Release, workload: Workload, provider: Provider, seed: int, repetitions: int
) -> tuple[Fill | None, str]:
    """The backfill and how it was reckoned; None if the volume is unknown."""
    if workload.documents == 0:
        return _EMPTY, "backfill: there are no documents"
    if workload.documents is None or not workload.sample_tokens:
        return None, "backfill: unknown, for the number or the length of the documents is"
    population = Population.of(workload.documents, workload.sample_tokens, head)
    if not population.per_document.any():
        return _EMPTY, "backfill: no document of the sample has text"
    if not head.model.hosted:
        return _local(head, workload, population, seed, repetitions), f"backfill: time: {throughput.SOURCE}"
    runs = hosted_backfill(head, population, provider, seed=seed, repetitions=repetitions)
    return runs.fill(head), f"backfill: {runs.how}; one process, as followers of a hosted model are"


def _local(head: Release, workload: Workload, population: Population, seed: int, repetitions: int) -> Fill | None:
    """On own machines: the plan's time, for the volume of each repetition. No provider is asked."""
    observed = Observed(known=True, documents=workload.documents, sample_tokens=workload.sample_tokens)
    stage = Backfill(view=None, mode="embed", source_view=None, documents=workload.documents)
    planned = estimate(None, head, [stage], observed)
    if planned.backfill_seconds is None:
        return None
    rng = numbers(seed, "local")
    passages, tokens = population.totals(rng, repetitions).T
    money = tokens / 1e6 * head.model.price.per_million_tokens
    hours = tokens * (planned.backfill_seconds / 3600 / max(1, planned.tokens or 1))
    return Fill(
        passages=spread(passages),
        tokens=spread(tokens),
        requests=_NOTHING,
        retried=_NOTHING,
        money=spread(money),
        hours=spread(hours),
        beyond_budget=float(np.mean(money > head.pipeline.budget.per_backfill)),
    )


def _assumptions(
    base: Release | None, head: Release, workload: Workload, provider: Provider, how: str
) -> Iterator[str]:
    for figure in FIGURES:
        yield f"{WORDS[figure]}: {workload.sources.get(figure, 'given' if workload.known(figure) else 'unknown')}"
    if missing := workload.missing():
        yield f"month: unknown, for these are: {', '.join(missing)}"
    else:
        yield f"month: {DAYS} days; changes and queries are Poisson, queries with day and night; no backfill in it"
    if how:
        yield how
    if head.model.hosted or (base is not None and base.model.hosted):
        yield provider.said()
        yield "worst hour: one process; service and follower each have a limit of their own"
    if base is not None and base.model.price.currency != head.model.price.currency:
        yield f"money of the base is in {base.model.price.currency}, that of the head in {head.model.price.currency}"
    yield "sizes: vectors only, replicas included"
