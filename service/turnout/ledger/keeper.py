"""Copies deletes from the documents index to the ledger's file, the way a follower reads: by `_seq_no` per shard, up to
the global checkpoint read before a refresh, so that nothing is missed. Run by `turnout ledger`.

It sees the deletes of every writer. Of documents that were once deleted it also records that they are back.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from elasticsearch import BadRequestError, NotFoundError

from turnout.elastic.names import Names
from turnout.elastic.reader import Hit, Reader, Shards
from turnout.errors import EnvironmentProblem, Unavailable
from turnout.follow.progress import documents_shards, utc_now
from turnout.ledger.file import LedgerFile
from turnout.ledger.lines import Change

logger = logging.getLogger(__name__)

_FIELDS = ("deleted", "updated_at", "content_hash")
# Without news a line says this often, in seconds, that there are none.
HEARTBEAT_S = 60.0
_LONGEST_WAIT_S = 30.0


class Synced(NamedTuple):
    """What one pass found: operations read, and lines written of deletes and of documents that are back."""

    operations: int
    deletes: int
    returned: int


class Keeper:
    """Keeps one collection's ledger.

    Args:
        file: opened for writing.
        now: the clock, ISO 8601 in UTC.
    """

    def __init__(self, reader: Reader, names: Names, file: LedgerFile, *, now: Callable[[], str] = utc_now) -> None:
        self._reader = reader
        self._names = names
        self._file = file
        self._now = now

    def sync(self, *, page_size: int = 1000) -> Synced:
        """Bring the ledger up to the global checkpoints as they are now.

        Raises:
            EnvironmentProblem: there is no documents index, or the file can't be written.
            Unavailable: Elasticsearch can't answer, or the index was replaced meanwhile: call again.
        """
        at = self._now()
        shards = documents_shards(self._reader, self._names)
        current = self._file.current
        if current is None or current.identity != shards.identity:
            created = self._created()
            self._require_same(shards)
            self._file.open_section(identity=shards.identity, created=created, at=at)
        done = dict(self._file.current.synced) if self._file.current else {}
        todo = {shard: upto for shard, upto in shards.checkpoints.items() if done.get(shard, -1) < upto}
        total = Synced(0, 0, 0)
        if todo:
            self._reader.refresh(self._names.documents)
        for shard, upto in todo.items():
            total = _sum(total, self._shard(shards, shard, after=done.get(shard, -1), upto=upto, size=page_size))
        if todo or self._is_old(at):
            self._file.synced(shards.checkpoints, at)
        return total

    def run(
        self, stop: threading.Event, *, interval_s: float, on_pass: Callable[[Synced, str], None] | None = None
    ) -> None:
        """Keep on until `stop` is set; waits while Elasticsearch or the documents index is away.

        Args:
            interval_s: rest between two passes, in seconds.
            on_pass: told what each pass found, and up to when it holds.
        """
        wait_s = interval_s
        while not stop.is_set():
            at = self._now()
            try:
                found = self.sync()
            except (Unavailable, EnvironmentProblem) as error:
                logger.warning("the ledger of %s waits: %s", self._names.collection, error)
                wait_s = min(max(wait_s, 0.5) * 2, _LONGEST_WAIT_S)
            else:
                wait_s = interval_s
                if on_pass is not None:
                    on_pass(found, at)
            stop.wait(wait_s)

    def _shard(self, shards: Shards, shard: int, *, after: int, upto: int, size: int) -> Synced:
        total = Synced(0, 0, 0)
        pages = self._reader.changes(self._names.documents, shard, after=after, upto=upto, size=size, fields=_FIELDS)
        try:
            for page in pages:
                found = [change for hit in page if (change := self._change(hit, shard)) is not None]
                if found:
                    self._require_same(shards)
                    self._file.append(found)
                deletes = sum(change.deleted for change in found)
                total = _sum(total, Synced(len(page), deletes, len(found) - deletes))
        except (NotFoundError, BadRequestError) as error:
            raise Unavailable("the documents index went away", where=self._names.documents) from error
        self._require_same(shards)
        return total

    def _change(self, hit: Hit, shard: int) -> Change | None:
        deleted = hit.source.get("deleted") is True
        if not deleted and hit.id not in self._file.ids:
            return None
        return Change(
            id=hit.id,
            deleted=deleted,
            updated_at=str(hit.source.get("updated_at", "")),
            content_hash=str(hit.source.get("content_hash", "")),
            shard=shard,
            seq_no=hit.seq_no,
        )

    def _require_same(self, shards: Shards) -> None:
        """What was read belongs to the incarnation that the section names, or it is not written down."""
        if documents_shards(self._reader, self._names).identity != shards.identity:
            raise Unavailable("the documents index was replaced while it was read", where=self._names.documents)

    def _created(self) -> int:
        found = self._reader.describe(self._names.documents)
        if found is None:
            raise Unavailable("the documents index went away", where=self._names.documents)
        return int(found["settings"]["index"]["creation_date"])

    def _is_old(self, at: str) -> bool:
        last = self._file.synced_at
        return not last or (datetime.fromisoformat(at) - datetime.fromisoformat(last)).total_seconds() >= HEARTBEAT_S


def _sum(one: Synced, other: Synced) -> Synced:
    return Synced(*(a + b for a, b in zip(one, other, strict=True)))
