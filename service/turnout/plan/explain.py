"""A plan in words. Every renderer goes through here, so all say the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, assert_never

from turnout.plan.build import Plan
from turnout.plan.change import ABSENT, Change, Difference, pointer, tokens_of
from turnout.plan.stages import (
    Backfill,
    CatchUp,
    ChangeMapping,
    CreateView,
    Flip,
    KeepFollowing,
    Stage,
    Verify,
)
from turnout.release.findings import printable
from turnout.release.fingerprint import canonical

UNKNOWN = "-"
_LONGEST_VALUE = 60
_MOST_ALIKE = 50
_NEW_VIEW = "the new view"


def explain(plan: Plan) -> tuple[str, ...]:
    """One sentence per stage, in the order in which `apply` walks them."""
    return tuple(_sentence(stage) for stage in plan.stages)


def _sentence(stage: Stage) -> str:
    match stage:
        case CreateView(index_fingerprint=fingerprint):
            return f"create a view for {fingerprint}"
        case ChangeMapping(view=view):
            return f"change the mapping of {view} in place"
        case Backfill(view=view, source_view=source, documents=documents):
            how = f"vectors copied from {source}" if source else "embedding each"
            number = "all" if documents is None else count(documents)
            return f"backfill {_name(view)} with {number} documents, {how}"
        case CatchUp(view=view):
            return f"catch {_name(view)} up with documents"
        case Verify(view=view):
            return f"verify {_name(view)}: attestation, parity, placeholders, ANN recall, judged quality"
        case Flip():
            return _flip(stage)
        case KeepFollowing(view=view):
            return f"keep following {view}, so that going back loses no write"
        case _:
            assert_never(stage)


def _flip(stage: Flip) -> str:
    if stage.from_view is None:
        return f"point the alias at {_name(stage.view)}"
    if stage.from_view == stage.view:
        return f"make the release live on {stage.view}; the alias stays"
    return f"flip the alias from {stage.from_view} to {_name(stage.view)}"


def _name(view: str | None) -> str:
    return _NEW_VIEW if view is None else view


def estimate_rows(plan: Plan) -> tuple[tuple[str, str], ...]:
    """The estimate as label and value; a dash where it is unknown."""
    cost = plan.estimate
    return (
        ("documents", count(cost.documents)),
        ("passages", count(cost.passages)),
        ("tokens embedded", count(cost.tokens)),
        ("backfill time (p50)", _bound(duration(cost.backfill_seconds), cost.bound_by)),
        ("at the rate limit", duration(cost.rate_limit_seconds)),
        ("requests to the model", count(cost.provider_requests)),
        ("cost", UNKNOWN if cost.cost is None else f"{cost.cost:.2f} {cost.currency}"),
        ("vectors on disk, new", size(cost.new_vectors_disk_bytes)),
        ("vectors in memory, new", size(cost.new_vectors_ram_bytes)),
        ("vectors on disk, both", size(cost.coexisting_vectors_disk_bytes)),
        ("vectors in memory, both", size(cost.coexisting_vectors_ram_bytes)),
    )


class Alike(NamedTuple):
    """The differences under one parent that the same rule explains; `more` of them aren't shown."""

    shown: tuple[Difference, ...]
    more: int

    @property
    def rest(self) -> str:
        """What to say of those that aren't shown."""
        parent = pointer(tokens_of(self.shown[0].path)[:-1])
        return f"and {count(self.more)} more like it under {parent or '/'}"


def alike(differences: Iterable[Difference]) -> Iterator[Alike]:
    """The differences in groups, each in the order of its first: ten thousand new fields are one thing to a reader."""
    groups: dict[tuple[Change, str, tuple[str, ...]], list[Difference]] = {}
    for item in differences:
        groups.setdefault((item.change, item.reason, tokens_of(item.path)[:-1]), []).append(item)
    for members in groups.values():
        yield Alike(tuple(members[:_MOST_ALIKE]), max(0, len(members) - _MOST_ALIKE))


def _bound(text: str, by: str) -> str:
    return f"{text}, bound by {by}" if by in ("throughput", "rate limit") else text


def count(number: int | None) -> str:
    """A whole number with thousands set apart."""
    return UNKNOWN if number is None else f"{number:,}"


def duration(seconds: float | None) -> str:
    """Seconds as people say them."""
    if seconds is None:
        return UNKNOWN
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"


def size(number: int | None) -> str:
    """Bytes in binary units."""
    if number is None:
        return UNKNOWN
    for unit, length in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if number >= length:
            return f"{number / length:.1f} {unit}"
    return f"{number} B"


def value(anything: Any) -> str:
    """A JSON value on one line, cut when long; a dash where nothing is written."""
    if anything is ABSENT:
        return UNKNOWN
    text = printable(canonical(anything).decode())
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"
