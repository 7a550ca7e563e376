"""Turn into tombstones what the ledger knows deleted, in the scratch index, and prove that it was done."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from turnout.elastic.reader import Hit, Reader
from turnout.elastic.writer import BulkItem, Writer
from turnout.errors import EnvironmentProblem, Unavailable
from turnout.ingest.operations import tombstone
from turnout.ledger import Change, Known, Ledger, verdict
from turnout.restore.mark import Mark

_BATCH = 500
_FIELDS = ("deleted", "updated_at", "content_hash")
LIVE = {"bool": {"must_not": {"term": {"deleted": True}}}}


class Histories(NamedTuple):
    """The ledger's lines by document: those of the snapshot's incarnation, and those of later ones."""

    own: dict[str, list[Change]]
    later: dict[str, list[Change]]


def histories(ledger: Ledger, created: int) -> Histories:
    """What the ledger knows since the incarnation with this creation date.

    Where several share it (a shard lost operations and counted anew), `_seq_no`s can't be compared and times decide.
    """
    same = [number for number, section in enumerate(ledger.sections) if section.created == created]
    own: dict[str, list[Change]] = defaultdict(list)
    later: dict[str, list[Change]] = defaultdict(list)
    for number, section in enumerate(ledger.sections):
        if same and number < same[0]:
            continue
        side = own if same == [number] else later
        for change in section.changes:
            side[change.id].append(change)
    return Histories(own, later)


def replay(
    reader: Reader, writer: Writer, index: str, found: Histories, *, told: Callable[[int, int], None], at: str
) -> None:
    """Write the tombstones that are missing. Doing it twice changes nothing.

    Args:
        told: called with how many documents were looked at, of how many.
        at: the time of a delete whose own time the ledger doesn't know.

    Raises:
        Unavailable: some weren't acknowledged; call again.
    """
    ids = iter(sorted(found.own.keys() | found.later.keys()))
    total, done = len(found.own.keys() | found.later.keys()), 0
    while batch := list(islice(ids, _BATCH)):
        decided = _decided(reader, index, found, batch)
        items = [tombstone(id_, at=change.updated_at or at) for id_, (_, change) in decided.items()]
        _write(writer, index, items)
        done += len(batch)
        told(done, total)


def superseded(found: Histories, ids: Iterable[str]) -> tuple[str, ...]:
    """Those of the replayed documents that had been written again by the time of the last sync."""
    changes = {id_: found.later.get(id_) or found.own.get(id_) for id_ in ids}
    return tuple(sorted(id_ for id_, known in changes.items() if known and not known[-1].deleted))


def replayed(reader: Reader, index: str, mark: Mark) -> tuple[frozenset[str], int]:
    """What was written to the scratch index since the snapshot: ids of tombstones, and how many other writes."""
    shards = reader.shards(index)
    reader.refresh(index)
    ids: set[str] = set()
    odd = 0
    for shard, upto in (shards.checkpoints if shards else {}).items():
        after = mark.checkpoints.get(shard, -1)
        for page in reader.changes(index, shard, after=after, upto=upto, fields=["deleted"]):
            ids |= {hit.id for hit in page if hit.source.get("deleted") is True}
            odd += sum(hit.source.get("deleted") is not True for hit in page)
    return frozenset(ids), odd


def require_whole(reader: Reader, index: str, found: Histories, mark: Mark) -> frozenset[str]:
    """The ids of the replayed deletes, if the scratch index is the snapshot less the ledger's deletes.

    Raises:
        EnvironmentProblem: it isn't. It must not be used.
    """
    ids, odd = replayed(reader, index, mark)
    odd += len(ids - found.own.keys() - found.later.keys())
    left = sum(1 for _ in _all_decided(reader, index, found))
    live = reader.count(index, LIVE)
    if odd or left or live != mark.live - len(ids):
        raise EnvironmentProblem(
            f"the restored documents don't add up: {mark.live:,} live in the snapshot, {len(ids):,} deletes replayed,"
            f" {live:,} live now, {left:,} deletes missing, {odd:,} writes that aren't the ledger's",
            where=index,
            remedy="delete this index and restore again; look who else writes there",
        )
    return ids


def _all_decided(reader: Reader, index: str, found: Histories) -> Iterator[str]:
    ids = iter(found.own.keys() | found.later.keys())
    while batch := list(islice(ids, _BATCH)):
        yield from _decided(reader, index, found, batch)


def _decided(reader: Reader, index: str, found: Histories, batch: list[str]) -> dict[str, tuple[str, Change]]:
    """Those of a batch that must become tombstones, with the verdict and the delete."""
    decided: dict[str, tuple[str, Change]] = {}
    for id_, hit in reader.get_many(index, batch, fields=_FIELDS).items():
        if hit.source.get("deleted") is True:
            continue
        word, change = verdict(_known(hit), found.own.get(id_, ()), found.later.get(id_, ()))
        if change is not None:
            decided[id_] = (word, change)
    return decided


def _known(hit: Hit) -> Known:
    return Known(hit.seq_no, str(hit.source.get("updated_at", "")), str(hit.source.get("content_hash", "")))


def _write(writer: Writer, index: str, items: list[BulkItem]) -> None:
    for outcome in writer.bulk(index, items):
        if not outcome.ok:
            raise Unavailable(
                f"a delete wasn't acknowledged: {outcome.error_type}: {outcome.error}",
                where=index,
                remedy="run the same command again: it goes on where it was",
            )
