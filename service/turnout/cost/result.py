"""What a change is expected to cost, as values. Made by `turnout.cost`, judged by policy, drawn by the report."""

from __future__ import annotations

import msgspec


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """A simulated quantity: median and 95th percentile of its repetitions."""

    p50: float
    p95: float


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    """One backfill: tokens that are billed, requests sent (retries included), failed ones, money, hours.

    Money is what the whole backfill would take, whatever the budget says. `beyond_budget` is the share of repetitions
    that budget.per_backfill would have stopped, `gave_up` that of those in which the client's patience ended and the
    backfill had to be begun again.
    """

    passages: Spread
    tokens: Spread
    requests: Spread
    retried: Spread
    money: Spread
    hours: Spread
    beyond_budget: float = 0.0
    gave_up: float = 0.0


class Month(msgspec.Struct, frozen=True, kw_only=True):
    """Thirty days of following changes and embedding queries; no backfill in it. `samples` are sorted, for drawing."""

    tokens: Spread
    money: Spread
    samples: tuple[float, ...]


class WorstHour(msgspec.Struct, frozen=True, kw_only=True):
    """The most money that embedding can cost in any hour if something asks without end: what the rate limit allows.

    One process; `processes` of them that don't share a limiter cost as many times as much.
    """

    tokens: float
    requests: float
    money: float


class Sizes(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes of vectors, replicas included: each view alone, and both while they coexist.

    `calibration` is measured over computed bytes per vector on disk, from `_disk_usage` of a real view; None if none
    was measured.
    """

    base_disk_bytes: int | None
    base_ram_bytes: int | None
    head_disk_bytes: int | None
    head_ram_bytes: int | None
    both_disk_bytes: int | None
    both_ram_bytes: int | None
    calibration: float | None


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """What running one release costs. `month` is None when the load is neither declared nor measured."""

    release_id: str
    month: Month | None
    worst_hour: WorstHour


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """Base and head side by side; `backfill` is that of this change (None when nothing is embedded).

    `base` is None for a new collection. `assumptions` says where every input came from, `unknown` which of them were
    missing for the month or the backfill.
    """

    currency: str
    price_per_million_tokens: float
    repetitions: int
    seed: int
    base: Side | None
    head: Side
    backfill: Fill | None
    sizes: Sizes
    assumptions: tuple[str, ...]
    unknown: tuple[str, ...] = ()
