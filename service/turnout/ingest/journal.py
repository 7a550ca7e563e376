"""What ingestion runs leave behind for people: a log entry per run, and a dead letter per thing that failed.

Written by `turnout.ingest.ingestion`; both indexes are plain ones that any tool can read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import msgspec

from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.writer import BulkItem, Writer
from turnout.errors import EnvironmentProblem
from turnout.ingest.source import Unreadable

MAX_REASON_CHARS = 1000
MAX_PLACE_CHARS = 500
# More than anyone reads; a file of another format under the right name would otherwise fill the index.
MAX_LETTERS_PER_RUN = 10_000

_KEYWORD = {"type": "keyword"}
_SETTINGS = {"number_of_shards": 1, "auto_expand_replicas": "0-1"}
_LOG_MAPPING: dict[str, Any] = {
    "dynamic": False,
    "properties": {
        **dict.fromkeys(("run_id", "owner", "tenant", "state", "message"), _KEYWORD),
        **{name: {"type": "date"} for name in ("started_at", "ended_at")},
        **{name: {"type": "long"} for name in ("seen", "written", "unchanged", "deleted", "kept", "failed")},
    },
}
_LETTER_MAPPING: dict[str, Any] = {
    "dynamic": False,
    "properties": {
        **dict.fromkeys(("id", "run_id", "owner", "tenant", "place", "source_id"), _KEYWORD),
        "reason": {"type": "text"},
        "at": {"type": "date"},
        "resolved": {"type": "boolean"},
        "resolved_at": {"type": "date"},
    },
}

RunState = Literal["running", "done", "failed", "interrupted"]


class IngestReport(msgspec.Struct, kw_only=True):
    """One ingestion run, also as its log entry.

    seen: documents that the source delivered, readable or not; written, unchanged: of these, what happened to them;
    deleted: vanished documents that became tombstones; kept: vanished ones that stayed, because something unreadable
    could have been they; failed: dead letters. A run that was killed stays `running` without `ended_at`.
    """

    run_id: str
    owner: str
    tenant: str
    started_at: str
    state: RunState = "running"
    ended_at: str | None = None
    seen: int = 0
    written: int = 0
    unchanged: int = 0
    deleted: int = 0
    kept: int = 0
    failed: int = 0
    message: str = ""


class Journal:
    """The log entry and the dead letters of one run."""

    def __init__(self, reader: Reader, writer: Writer, names: Names, report: IngestReport) -> None:
        self._reader = reader
        self._writer = writer
        self._names = names
        self._report = report
        self._letters: set[str] = set()

    def open(self) -> None:
        """Create both indexes where they are missing and leave the entry of a run that has begun."""
        self._writer.create_index(self._names.ingest_log, mappings=_LOG_MAPPING, settings=_SETTINGS)
        self._writer.create_index(self._names.dead_letters, mappings=_LETTER_MAPPING, settings=_SETTINGS)
        self.save()

    def save(self) -> None:
        """Write the report as it is now."""
        entry = msgspec.to_builtins(self._report)
        self._write(self._names.ingest_log, [BulkItem("index", self._report.run_id, entry)])

    def bury(self, failures: Sequence[Unreadable], *, at: str) -> None:
        """Record failures; the same thing failing in every run is one letter."""
        self._report.failed += len(failures)
        room = MAX_LETTERS_PER_RUN - len(self._letters)
        items = [self._letter(failure, at) for failure in failures[: max(room, 0)]]
        self._letters.update(item.id for item in items)
        self._write(self._names.dead_letters, items)

    def resolve(self, *, at: str) -> None:
        """Mark what failed in earlier runs and not in this one, which has read its source to the end."""
        if len(self._letters) >= MAX_LETTERS_PER_RUN:
            return
        change = {"doc": {"resolved": True, "resolved_at": at}}
        stale = [key for key in self._unresolved() if key not in self._letters]
        self._write(self._names.dead_letters, [BulkItem("update", key, change) for key in stale])

    def _unresolved(self) -> Iterator[str]:
        mine = {"owner": self._report.owner, "tenant": self._report.tenant, "resolved": False}
        query = {"bool": {"filter": [{"term": {key: value}} for key, value in mine.items()]}}
        self._reader.refresh(self._names.dead_letters)
        for hit in self._reader.scan(self._names.dead_letters, sort="id", query=query, fields=["id"]):
            yield hit.id

    def _letter(self, failure: Unreadable, at: str) -> BulkItem:
        place = _printable(failure.place)[:MAX_PLACE_CHARS]
        key = [self._report.owner, self._report.tenant, failure.source_id or "", place]
        letter_id = hashlib.sha256("\0".join(map(_printable, key)).encode()).hexdigest()[:32]
        body = {
            "id": letter_id,
            "run_id": self._report.run_id,
            "owner": self._report.owner,
            "tenant": self._report.tenant,
            "place": place,
            "source_id": _printable(failure.source_id)[:MAX_PLACE_CHARS] if failure.source_id else None,
            "reason": _printable(failure.reason)[:MAX_REASON_CHARS],
            "at": at,
            "resolved": False,
        }
        return BulkItem("index", letter_id, body)

    def _write(self, index: str, items: Sequence[BulkItem]) -> None:
        for outcome in self._writer.bulk(index, items, refresh=True):
            if not outcome.ok:
                raise EnvironmentProblem(
                    f"the journal of ingestion can't be written: {outcome.error}",
                    where=index,
                    remedy="look for a full disk or a write block",
                )


def _printable(text: str) -> str:
    """Text that UTF-8 can hold; file names of other systems may not be."""
    return text.encode("utf-8", "backslashreplace").decode()
