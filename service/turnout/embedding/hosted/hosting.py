"""What a hosted model needs besides model.yaml: the key, what the release allows, and how patient to be.

Made by whoever loads a model: apply and followers (`backfilling`), the service (`serving`), tests. Only the command
line reads the key from the environment.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

from turnout.embedding.hosted.budget import Billed, Ledger, MemoryLedger
from turnout.embedding.hosted.retry import Patience
from turnout.release.artifacts import RateLimit, Release


@dataclass(frozen=True)
class Hosting:
    """The terms on which an endpoint is asked.

    Args:
        key: sent as a bearer token; None for a server on this machine that wants none.
        rate_limit: of one process. Two embedders know nothing of each other.
        batch_size: most texts in a request.
        budget: most money that may be spent, all that the ledger remembers included.
        currency: of the budget.
        ledger: remembers what is spent.
        patience: with an endpoint that fails.
        timeout_s: for one attempt, from connecting to the last byte, in seconds.
        wait_s: most that a request may wait for the rate limit, in seconds; None for as long as it takes.
        concurrency: requests under way at once.
        billed: told what each request was charged.
        rng: jitter; a seeded one makes it repeatable.
    """

    key: str | None = field(repr=False)
    rate_limit: RateLimit
    batch_size: int
    budget: float
    currency: str
    ledger: Ledger = field(default_factory=MemoryLedger)
    patience: Patience = field(default_factory=Patience)
    timeout_s: float = 60.0
    wait_s: float | None = None
    concurrency: int = 4
    billed: Billed | None = field(default=None, repr=False)
    rng: random.Random = field(default_factory=random.Random, repr=False)


def backfilling(
    release: Release, key: str | None, *, ledger: Ledger | None = None, billed: Billed | None = None
) -> Hosting:
    """For filling and following a view: patient, and within the budget of a backfill."""
    return replace(_hosting(release, key, release.pipeline.budget.per_backfill, ledger), billed=billed)


def serving(
    release: Release, key: str | None, *, ledger: Ledger | None = None, billed: Billed | None = None
) -> Hosting:
    """For queries, which have a deadline: one that can't be embedded soon is answered by words alone."""
    made = _hosting(release, key, release.pipeline.budget.per_month, ledger)
    patience = Patience(total_s=2.0, first_s=0.1, most_s=1.0)
    return replace(made, patience=patience, timeout_s=5.0, wait_s=5.0, billed=billed)


def _hosting(release: Release, key: str | None, budget: float, ledger: Ledger | None) -> Hosting:
    embed = release.pipeline.embed
    return Hosting(
        key=key,
        rate_limit=embed.rate_limit,
        batch_size=embed.batch_size,
        budget=budget,
        currency=release.pipeline.budget.currency,
        ledger=ledger or MemoryLedger(),
    )
