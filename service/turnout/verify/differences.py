"""What it means that a view agrees with documents. Pure; called by parity.

A document agrees when the view holds it under the version that follows from its `_seq_no`, and in the state that
follows from it: searchable when it is live, hidden when it is deleted. Equal counts prove neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple, TypeVar

Kind = Literal["missing", "stale", "ahead", "unknown", "resurrected"]
KINDS: dict[Kind, str] = {
    "missing": "live in documents, not searchable in the view",
    "stale": "older in the view than in documents",
    "ahead": "newer in the view than documents ever was",
    "unknown": "in the view, not in documents",
    "resurrected": "deleted in documents, searchable in the view",
}


class Source(NamedTuple):
    """One document of the documents index with the version that a view must hold."""

    id: str
    version: int
    deleted: bool


class Entry(NamedTuple):
    """One document of a view. `state` is what the view says of it: live, deleted or placeholder."""

    id: str
    version: int
    state: str


Pair = tuple[Source | None, Entry | None]


def merge(sources: Iterable[Source], entries: Iterable[Entry]) -> Iterator[Pair]:
    """Pair two streams by id, both ways: whoever has no partner is paired with None. Holds one of each in memory.

    Raises:
        ValueError: a stream is not in the order of its ids.
    """
    left, right = _ordered(sources), _ordered(entries)
    source, entry = next(left, None), next(right, None)
    while source is not None or entry is not None:
        if entry is None or (source is not None and source.id < entry.id):
            yield source, None
            source = next(left, None)
        elif source is None or entry.id < source.id:
            yield None, entry
            entry = next(right, None)
        else:
            yield source, entry
            source, entry = next(left, None), next(right, None)


def difference(source: Source | None, entry: Entry | None) -> Kind | None:
    """How the two disagree; None if they agree.

    A tombstone may be absent on either side: views drop theirs when nothing can come back any more, and a view keeps
    tombstones of documents that a restore took out of the documents index. Neither is ever a result, and a placeholder
    isn't either.
    """
    if source is None:
        return None if entry is None or entry.state == "deleted" else "unknown"
    if entry is None:
        return None if source.deleted else "missing"
    if source.deleted and entry.state == "live":
        return "resurrected"
    if entry.version != source.version:
        return "stale" if entry.version < source.version else "ahead"
    if not source.deleted and entry.state not in ("live", "placeholder"):
        return "missing"
    return None


def lasting_difference(before: Source | None, entry: Entry | None, after: Source | None) -> Kind | None:
    """How the two disagree while the document may be written to all the time.

    `before` and `after` are looks at documents around a catch-up and the look at the view. A version between them is
    agreement: the view took at least what was there before, and nothing that never was.
    """
    if before is not None and entry is not None and after is not None:
        if entry.version == before.version:
            return difference(before, entry)
        if before.version < entry.version < after.version:
            return None
    return difference(after, entry)


StreamT = TypeVar("StreamT", Source, Entry)


def _ordered(stream: Iterable[StreamT]) -> Iterator[StreamT]:
    last = ""
    for item in stream:
        if item.id < last:
            raise ValueError(f"{item.id!r} comes after {last!r}")
        last = item.id
        yield item
