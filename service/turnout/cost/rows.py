"""A cost as rows of a table: label, base, head. Drawn by the report, printed by the command line."""

from __future__ import annotations

from collections.abc import Iterator

from turnout.cost.result import Cost, Side, Spread

Row = tuple[str, str, str]
UNKNOWN = "unknown"
NONE = "-"


def rows(cost: Cost) -> tuple[Row, ...]:
    """What each release costs, and the change; `-` where there is nothing, `unknown` where it isn't known."""
    return (*_sides(cost), *_sizes(cost), *_backfill(cost))


def _sides(cost: Cost) -> Iterator[Row]:
    head, base = _side(cost.head), (NONE,) * 4 if cost.base is None else _side(cost.base)
    money = cost.currency
    labels = (f"worst hour, {money}", "worst hour, tokens", f"month, {money} (p50 / p95)", "month, tokens (p50 / p95)")
    yield from zip(labels, base, head, strict=True)


def _side(side: Side) -> tuple[str, ...]:
    hour = side.worst_hour
    return f"{hour.money:,.2f}", f"{hour.tokens:,.0f}", _month(side, money=True), _month(side, money=False)


def _month(side: Side, *, money: bool) -> str:
    if side.month is None:
        return UNKNOWN
    return _both(side.month.money, 2) if money else _both(side.month.tokens, 0)


def _sizes(cost: Cost) -> Iterator[Row]:
    found, none = cost.sizes, UNKNOWN if cost.base is not None else NONE
    yield "vectors on disk", _bytes(found.base_disk_bytes, none), _bytes(found.head_disk_bytes)
    yield "vectors in memory", _bytes(found.base_ram_bytes, none), _bytes(found.head_ram_bytes)
    yield "vectors on disk, both views", NONE, _bytes(found.both_disk_bytes)
    yield "vectors in memory, both views", NONE, _bytes(found.both_ram_bytes)


def _backfill(cost: Cost) -> Iterator[Row]:
    fill = cost.backfill
    if fill is None:
        yield "backfill", NONE, "nothing is embedded" if not cost.unknown else UNKNOWN
        return
    yield f"backfill, {cost.currency} (p50 / p95)", NONE, _both(fill.money, 2)
    yield "backfill, hours (p50 / p95)", NONE, _both(fill.hours, 2)
    yield "backfill, tokens (p50 / p95)", NONE, _both(fill.tokens, 0)
    yield "backfill, requests (p50 / p95)", NONE, _both(fill.requests, 0)
    yield "backfill, failed requests (p50 / p95)", NONE, _both(fill.retried, 0)


def _both(value: Spread, digits: int) -> str:
    return f"{value.p50:,.{digits}f} / {value.p95:,.{digits}f}"


def _bytes(value: int | None, none: str = UNKNOWN) -> str:
    if value is None:
        return none
    size, unit = float(value), "B"
    for larger in ("kB", "MB", "GB", "TB", "PB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    return f"{size:,.1f} {unit}" if unit != "B" else f"{value} B"
