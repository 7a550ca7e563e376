"""A documents index in memory that counts `_seq_no`s per shard as Elasticsearch does, with snapshots. For the tests of
the ledger and of restoring; readers and writers ask it for what they ask a server."""

from __future__ import annotations

import copy
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from typing import Any

from turnout.elastic.reader import Hit, Shards
from turnout.elastic.writer import BulkItem, BulkOutcome

SHARDS = 2
_numbers = count(1)


class Index:
    """One incarnation: documents by id, and the operations of each shard."""

    def __init__(self) -> None:
        self.identity = f"uuid-{next(_numbers)}"
        self.created = next(_numbers)
        self.hits: dict[str, Hit] = {}
        self.checkpoints = dict.fromkeys(range(SHARDS), -1)

    def restored(self) -> Index:
        """As a snapshot gives it back: the numbers stay, and so does the creation date."""
        twin = copy.deepcopy(self)
        twin.identity = f"uuid-{next(_numbers)}"
        return twin

    def cloned(self) -> Index:
        """As `_clone` makes it: another creation date."""
        twin = self.restored()
        twin.created = next(_numbers)
        return twin

    def put(self, id_: str, source: dict[str, Any]) -> None:
        """One operation on a document."""
        shard = shard_of(id_)
        self.checkpoints[shard] += 1
        self.hits[id_] = Hit(id=id_, source=source, seq_no=self.checkpoints[shard])


class FakeDocuments:
    """Reader and writer of indexes by name."""

    def __init__(self, **indexes: Index) -> None:
        self.indexes = indexes
        self.fail_after: int | None = None

    def shards(self, index: str) -> Shards | None:
        """As `Reader.shards`."""
        found = self.indexes.get(index)
        return Shards(found.identity, dict(found.checkpoints)) if found else None

    def describe(self, index: str) -> dict[str, Any] | None:
        """The creation date, as `Reader.describe` gives it."""
        found = self.indexes.get(index)
        return {"settings": {"index": {"creation_date": str(found.created)}}} if found else None

    def refresh(self, index: str) -> None:
        """Everything is visible always."""

    def changes(
        self,
        index: str,
        shard: int,
        *,
        after: int,
        upto: int,
        size: int = 1000,
        fields: Sequence[str] | None = None,
    ) -> Iterator[list[Hit]]:
        """As `Reader.changes`."""
        hits = [hit for hit in self.indexes[index].hits.values() if shard_of(hit.id) == shard]
        found = sorted((hit for hit in hits if after < hit.seq_no <= upto), key=lambda hit: hit.seq_no)
        for start in range(0, len(found), size):
            yield found[start : start + size]

    def get_many(self, index: str, ids: Sequence[str], *, fields: Sequence[str] | None = None) -> dict[str, Hit]:
        """As `Reader.get_many`."""
        hits = self.indexes[index].hits
        return {id_: hits[id_] for id_ in ids if id_ in hits}

    def count(self, index: str, query: dict[str, Any] | None = None) -> int:
        """How many are live."""
        return sum(not hit.source["deleted"] for hit in self.indexes[index].hits.values())

    def bulk(self, index: str, items: Iterable[BulkItem]) -> Iterator[BulkOutcome]:
        """Runs the script of a tombstone."""
        for item in items:
            assert item.body is not None
            hit = self.indexes[index].hits[item.id]
            if not hit.source["deleted"]:
                self.indexes[index].put(item.id, hit.source | item.body["script"]["params"]["tombstone"])
            yield BulkOutcome(item.id, 200, "updated")


def shard_of(id_: str) -> int:
    """Where a document lies."""
    return zlib.crc32(id_.encode()) % SHARDS
