"""The write API: the only way into the documents index, for connectors and for applications.

    documents = Documents(reader, writer, names)
    documents.ensure()
    documents.upsert("faq/17", title="Returns", text="You have 30 days ...", fields={"kind": "faq"})
    documents.delete("faq/16")

Every call is idempotent and decided on the server, so several writers and retries can't tear a document. A call that
returns was acknowledged. Ids are those of the source; two tenants may use the same one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal, NamedTuple

import msgspec
from elasticsearch import NotFoundError

from turnout.elastic.documents import DEFAULT_TENANT, DOCUMENT_SHARDS, DOCUMENTS_MAPPING
from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.views import META_KEY, write_alias
from turnout.elastic.writer import NO_PIPELINES, BulkItem, BulkOutcome, Writer
from turnout.errors import BadInput, Refused
from turnout.ingest import operations
from turnout.ingest.journal import IngestReport, Journal
from turnout.ingest.operations import Known
from turnout.ingest.sending import Delivery, Unacknowledged, index_gone
from turnout.ingest.source import SourceDocument

APPLICATION = "application"  # the owner of documents that no connector wrote
BATCH = 500

Result = Literal["written", "unchanged", "deleted", "missing", "rejected"]


class Outcome(msgspec.Struct, frozen=True):
    """What an acknowledged call did to a document.

    written: stored; unchanged: it was so already; deleted: now a tombstone; missing: there was nothing to delete;
    rejected: it can never be stored, `reason` says why (bulk calls only, a single `upsert` raises BadInput).
    """

    source_id: str
    result: Result
    reason: str = ""


def utc_now() -> str:
    """The time of a write, ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def documents_meta(names: Names) -> dict[str, str]:
    """What a documents index says about itself, by which it is told from any other index of that name."""
    return {"collection": names.collection, "role": "documents"}


class Documents:
    """The documents of one collection.

    All methods that write raise `Unacknowledged` (an `Unavailable`) with the ids that the server confirmed and those
    that it didn't, and `EnvironmentProblem` if the index is gone or blocked.

    Args:
        now: the clock that stamps writes.
        patience_s: how long a call tries again while the server is busy, away, or others write the same documents.
    """

    def __init__(
        self,
        reader: Reader,
        writer: Writer,
        names: Names,
        *,
        now: Callable[[], str] = utc_now,
        patience_s: float = 60.0,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._names = names
        self._now = now
        self._patience_s = patience_s

    @property
    def names(self) -> Names:
        """The index names of the collection."""
        return self._names

    def ensure(self, *, shards: int | None = None) -> None:
        """Create the documents index if there is none.

        Args:
            shards: for a small index that goes soon; None for what every collection has.

        Raises:
            Refused: an index of that name exists and isn't this collection's documents index.
        """
        index, alias = self._names.documents, write_alias(self._names.documents)
        meta = documents_meta(self._names)
        created = self._writer.create_index(
            index,
            mappings={**DOCUMENTS_MAPPING, "_meta": {META_KEY: meta}},
            settings={"number_of_shards": shards or DOCUMENT_SHARDS, "auto_expand_replicas": "0-1", **NO_PIPELINES},
            aliases={alias: {"is_hidden": True}},
        )
        if created:
            return
        found = self._reader.describe(index) or {}
        if found.get("mappings", {}).get("_meta", {}).get(META_KEY) != meta:
            raise Refused(
                "an index of this name exists and turnout didn't make it",
                where=index,
                remedy="rename or delete that index, or choose another TURNOUT_INDEX_PREFIX",
            )
        if alias not in found["aliases"]:  # a restore can leave aliases behind
            self._writer.update_aliases([{"add": {"index": index, "alias": alias, "is_hidden": True}}])

    def upsert(
        self,
        source_id: str,
        *,
        title: str,
        text: str,
        fields: Mapping[str, Any] | None = None,
        tenant: str = DEFAULT_TENANT,
        owner: str = APPLICATION,
    ) -> Outcome:
        """Store a document, or find that it is stored.

        Raises:
            BadInput: the document can never be stored.
        """
        document = SourceDocument(source_id=source_id, title=title, text=text, fields=dict(fields or {}))
        return _stored(self.upsert_many([document], tenant=tenant, owner=owner)[0])

    def delete(self, source_id: str, *, tenant: str = DEFAULT_TENANT) -> Outcome:
        """Turn a document into a tombstone: it is found no more, and followers carry that on to every view.

        Raises:
            BadInput: no document can have such an id.
        """
        return _stored(self.delete_many([source_id], tenant=tenant)[0])

    def upsert_many(
        self, documents: Iterable[SourceDocument], *, tenant: str = DEFAULT_TENANT, owner: str = APPLICATION
    ) -> list[Outcome]:
        """`upsert` for many; one outcome each, in order. One that can't be stored doesn't stop the others."""
        return self._send(
            "written",
            [
                _prepared(doc.source_id, partial(operations.upsert, doc, tenant=tenant, owner=owner, at=self._now()))
                for doc in documents
            ],
        )

    def delete_many(self, source_ids: Iterable[str], *, tenant: str = DEFAULT_TENANT) -> list[Outcome]:
        """`delete` for many; one outcome each, in order."""
        make = partial(operations.delete, tenant=tenant)
        return self._send("deleted", [_prepared(key, partial(make, key, at=self._now())) for key in source_ids])

    def delete_unchanged(self, known: Mapping[str, Known], *, tenant: str = DEFAULT_TENANT) -> list[Outcome]:
        """Delete what is still exactly as known; a document that anyone wrote since then stays (`unchanged`)."""
        make = partial(operations.delete, tenant=tenant)
        return self._send(
            "deleted",
            [_prepared(key, partial(make, key, at=self._now(), unless_changed=known[key])) for key in known],
        )

    def known(self, owner: str, *, tenant: str = DEFAULT_TENANT) -> dict[str, Known]:
        """What an owner has in the index now, tombstones apart, by source id.

        Raises:
            EnvironmentProblem: there is no documents index.
        """
        index = self._names.documents
        terms = {"owner": owner, "tenant": tenant, "deleted": False}
        query = {"bool": {"filter": [{"term": {key: value}} for key, value in terms.items()]}}
        fields = ["source_id", "owner", "updated_at"]
        try:
            self._reader.refresh(index)
            return {
                hit.source["source_id"]: Known(owner=hit.source["owner"], updated_at=hit.source["updated_at"])
                for hit in self._reader.scan(index, sort="id", query=query, fields=fields)
            }
        except NotFoundError as error:
            raise index_gone(index) from error

    def journal(self, report: IngestReport) -> Journal:
        """The journal of a run that writes here."""
        return Journal(self._reader, self._writer, self._names, report)

    def _send(self, changed: Result, prepared: Sequence[_Prepared]) -> list[Outcome]:
        outcomes = [Outcome(entry.source_id, "rejected", entry.reason) for entry in prepared]
        done: set[int] = {position for position, entry in enumerate(prepared) if entry.item is None}
        for batch in _batches(prepared):
            try:
                answers = self._deliver([item for _, item in batch])
            except Unacknowledged as error:
                raise _with_source_ids(error, prepared, done, batch) from error
            for (position, _), answer in zip(batch, answers, strict=True):
                outcomes[position] = _outcome(prepared[position].source_id, changed, answer)
                done.add(position)
        return outcomes

    def _deliver(self, items: list[BulkItem]) -> list[BulkOutcome]:
        return Delivery(self._writer, self._names.documents, items).complete(patience_s=self._patience_s)


class _Prepared(NamedTuple):
    source_id: str
    item: BulkItem | None
    reason: str = ""


def _prepared(source_id: str, make: Callable[[], BulkItem]) -> _Prepared:
    try:
        return _Prepared(source_id, make())
    except BadInput as error:
        return _Prepared(source_id, None, error.what)


def _batches(prepared: Sequence[_Prepared]) -> Iterator[list[tuple[int, BulkItem]]]:
    """Batches with distinct ids: when a part is sent again, operations on one document must stay in order."""
    batch: list[tuple[int, BulkItem]] = []
    ids: set[str] = set()
    for position, entry in enumerate(prepared):
        if entry.item is None:
            continue
        if len(batch) == BATCH or entry.item.id in ids:
            yield batch
            batch, ids = [], set()
        batch.append((position, entry.item))
        ids.add(entry.item.id)
    if batch:
        yield batch


def _outcome(source_id: str, changed: Result, answer: BulkOutcome) -> Outcome:
    if answer.error_type == "document_missing_exception":
        return Outcome(source_id, "missing")
    if not answer.ok:
        return Outcome(source_id, "rejected", f"{answer.error_type}: {answer.error}")
    return Outcome(source_id, "unchanged" if answer.result == "noop" else changed)


def _with_source_ids(
    error: Unacknowledged, prepared: Sequence[_Prepared], done: set[int], batch: Sequence[tuple[int, BulkItem]]
) -> Unacknowledged:
    """The error of one batch, retold for the whole call in the caller's ids."""
    confirmed = set(error.acknowledged)
    acknowledged = done | {position for position, item in batch if item.id in confirmed}
    return Unacknowledged(
        error.what,
        where=error.where,
        remedy=error.remedy,
        acknowledged=tuple(prepared[position].source_id for position in sorted(acknowledged)),
        unacknowledged=tuple(
            entry.source_id for position, entry in enumerate(prepared) if position not in acknowledged
        ),
    )


def _stored(outcome: Outcome) -> Outcome:
    if outcome.result == "rejected":
        raise BadInput(
            f"the document can't be stored: {outcome.reason}",
            where=outcome.source_id[:80],
            remedy="change what is wrong with it and call again",
        )
    return outcome
