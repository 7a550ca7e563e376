"""How far two releases' answers to one query are apart, and which queries changed most lately. Pure but for the clock.

Called by `shadow`, for people: nothing is decided by it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from turnout.retrieval.messages import SearchRequest, ShadowChange

TOP = 10
_SHOWN = 20
_KEPT = 200  # more than are shown, because some get too old or turn out to be the same again
_KEPT_FOR_S = 3600.0


@dataclass(frozen=True)
class Difference:
    """Two answers' ten first documents.

    Args:
        overlap: documents that both have, as a share of the longer answer; 1.0 if both are empty.
        moved: how many of these are at another rank.
        gone: ids that only the own answer has; `came` those that only the other one has.
    """

    overlap: float
    moved: int
    gone: tuple[str, ...]
    came: tuple[str, ...]


def compare(own: Sequence[str], other: Sequence[str]) -> Difference:
    """Compare two rankings of ids, best first; what comes after the tenth isn't looked at."""
    mine = {name: rank for rank, name in enumerate(own[:TOP])}
    theirs = {name: rank for rank, name in enumerate(other[:TOP])}
    both = mine.keys() & theirs.keys()
    longer = max(len(mine), len(theirs))
    return Difference(
        overlap=len(both) / longer if longer else 1.0,
        moved=sum(mine[name] != theirs[name] for name in both),
        gone=tuple(name for name in mine if name not in theirs),
        came=tuple(name for name in theirs if name not in mine),
    )


class Changes:
    """The searches whose answers changed most within the last hour; bounded.

    Args:
        secret: key of the hashes that stand for searches. A plain hash would tell anybody who guesses a query whether
            somebody asked it.
        text: keep and show queries, tenants and ids of documents, too.
        clock: monotonic seconds.
    """

    def __init__(self, *, secret: bytes, text: bool, clock: Callable[[], float]) -> None:
        self._secret = secret
        self._text = text
        self._clock = clock
        self._kept: dict[str, tuple[float, ShadowChange]] = {}

    def note(self, asked: SearchRequest, tenant: str, other_release: str, found: Difference) -> None:
        """Keep how an answer changed; the last comparison of a search counts, and one without a change is none."""
        name = self._hash(asked, tenant)
        self._kept.pop(name, None)
        if found.overlap == 1.0 and not found.moved:
            return
        change = ShadowChange(search=name, other_release=other_release, overlap=found.overlap, moved=found.moved)
        if self._text:
            shown = {"query": asked.query, "tenant": tenant, "gone": list(found.gone), "came": list(found.came)}
            change = msgspec.structs.replace(change, **shown)
        self._kept[name] = (self._clock(), change)
        self._forget_old()
        if len(self._kept) > _KEPT:
            del self._kept[max(self._kept, key=lambda key: _how_alike(self._kept[key][1]))]

    def worst(self) -> list[ShadowChange]:
        """Those that changed most, most first."""
        self._forget_old()
        now = self._clock()
        ordered = sorted(self._kept.values(), key=lambda entry: (_how_alike(entry[1]), -entry[0]))
        return [msgspec.structs.replace(change, age_s=round(now - at, 1)) for at, change in ordered[:_SHOWN]]

    def _forget_old(self) -> None:
        oldest = self._clock() - _KEPT_FOR_S
        for name in [name for name, (at, _) in self._kept.items() if at < oldest]:
            del self._kept[name]

    def _hash(self, asked: SearchRequest, tenant: str) -> str:
        whole = msgspec.json.encode([tenant, asked], order="deterministic")
        return hmac.new(self._secret, whole, hashlib.sha256).hexdigest()[:12]


def _how_alike(change: ShadowChange) -> tuple[float, int]:
    return change.overlap, -change.moved
