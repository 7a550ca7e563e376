"""One ingestion run: read a source, write what changed, turn what vanished into tombstones.

Called by `turnout ingest`. The order is what makes it safe: what is known is read *before* the source, so that a
document which appears meanwhile can't look vanished; deletes come last, after the source was read to its end.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

import msgspec

from turnout.elastic.documents import DEFAULT_TENANT
from turnout.errors import BadInput, Refused, TurnoutError
from turnout.ingest import operations
from turnout.ingest.documents import Documents
from turnout.ingest.journal import IngestReport, Journal
from turnout.ingest.operations import Known
from turnout.ingest.source import Connector, SourceDocument, Unreadable

BATCH = 500
BATCH_CHARS = 8_000_000  # bounds the memory of a run over large documents
MASS_DELETE_SHARE = 0.3
MASS_DELETE_FLOOR = 20  # small collections change a lot in percent


class RunSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How a run goes.

    owner: who owns the documents, see `owner_of`. tenant: whose they are. max_document_bytes: larger ones become dead
    letters (UTF-8 bytes of title, text and fields as JSON). allow_mass_delete: a person has looked at what would
    vanish; lifts both guards on deletes.
    """

    owner: str
    max_document_bytes: int
    tenant: str = DEFAULT_TENANT
    allow_mass_delete: bool = False


Progress = Callable[[IngestReport], None]


def owner_of(connector_name: str, connector: Connector) -> str:
    """The owner of what this source delivers."""
    return f"{connector_name}:{connector.identity}"


def run(
    connector: Connector,
    documents: Documents,
    settings: RunSettings,
    *,
    now: Callable[[], str],
    progress: Progress = lambda _: None,
) -> IngestReport:
    """Bring the documents of one source up to date and say what was done.

    Raises:
        Refused: too many documents would vanish at once; the others were written, none was deleted.
        TurnoutError: the source can't be read to its end, or the server is away. Running again is safe.
        Whatever it raises is in the ingest log, too (`failed`, or `interrupted` for Ctrl-C).
    """
    started = now()
    report = IngestReport(
        run_id=f"{started}-{secrets.token_hex(4)}", owner=settings.owner, tenant=settings.tenant, started_at=started
    )
    documents.ensure()
    journal = documents.journal(report)
    journal.open()
    try:
        _Run(documents, journal, report, settings, now, progress).execute(connector)
    except BaseException as error:
        report.state = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
        report.message = str(error)[:500]
        report.ended_at = now()
        with suppress(TurnoutError):  # if the server is away, its entry stays `running`; the cause matters more
            journal.save()
        raise
    report.state, report.ended_at = "done", now()
    journal.save()
    return report


def _batches(items: Iterable[SourceDocument | Unreadable]) -> Iterator[list[SourceDocument | Unreadable]]:
    batch: list[SourceDocument | Unreadable] = []
    chars = 0
    for item in items:
        batch.append(item)
        chars += len(item.text) if isinstance(item, SourceDocument) else 0
        if len(batch) == BATCH or chars > BATCH_CHARS:
            yield batch
            batch, chars = [], 0
    if batch:
        yield batch


class _Run:
    """The state of one run: what was known at its start, and what the source has delivered so far."""

    def __init__(
        self,
        documents: Documents,
        journal: Journal,
        report: IngestReport,
        settings: RunSettings,
        now: Callable[[], str],
        progress: Progress,
    ) -> None:
        self._documents = documents
        self._journal = journal
        self._report = report
        self._settings = settings
        self._now = now
        self._progress = progress
        self._seen: set[str] = set()
        self._nameless = 0

    def execute(self, connector: Connector) -> None:
        known = self._documents.known(self._settings.owner, tenant=self._settings.tenant)
        for batch in _batches(connector.read()):
            self._take(batch)
            self._progress(self._report)
        vanished = {source_id: value for source_id, value in known.items() if source_id not in self._seen}
        self._forget(vanished, known_count=len(known))
        self._journal.resolve(at=self._now())
        self._progress(self._report)

    def _take(self, batch: list[SourceDocument | Unreadable]) -> None:
        self._report.seen += len(batch)
        checked = [self._checked(item) for item in batch]
        failures = [item for item in checked if isinstance(item, Unreadable)]
        readable = [item for item in checked if isinstance(item, SourceDocument)]
        failures.extend(self._store(readable))
        self._nameless += sum(failure.source_id is None for failure in failures)
        if failures:
            self._journal.bury(failures, at=self._now())

    def _checked(self, item: SourceDocument | Unreadable) -> SourceDocument | Unreadable:
        """The document, or why it can't be one. Either way its id is accounted for."""
        if item.source_id is None or (isinstance(item, Unreadable) and item.source_id in self._seen):
            return item
        repeated = item.source_id in self._seen
        self._seen.add(item.source_id)
        if isinstance(item, Unreadable):
            return item
        reason = "the id was already read in this run" if repeated else self._objection(item)
        place = item.place or item.source_id
        return Unreadable(place=place, reason=reason, source_id=item.source_id) if reason else item

    def _objection(self, document: SourceDocument) -> str:
        if not document.text.strip() and not document.title.strip():
            return "neither title nor text"
        try:
            size = operations.size(document)
        except BadInput as error:
            return error.what
        limit = self._settings.max_document_bytes
        return f"{size} bytes, more than the limit of {limit} (limits.max_document_bytes)" if size > limit else ""

    def _store(self, batch: list[SourceDocument]) -> Iterator[Unreadable]:
        outcomes = self._documents.upsert_many(batch, tenant=self._settings.tenant, owner=self._settings.owner)
        for document, outcome in zip(batch, outcomes, strict=True):
            self._report.written += outcome.result == "written"
            self._report.unchanged += outcome.result == "unchanged"
            if outcome.result == "rejected":
                place = document.place or document.source_id
                yield Unreadable(place=place, reason=outcome.reason, source_id=document.source_id)

    def _forget(self, vanished: dict[str, Known], *, known_count: int) -> None:
        """Tombstones for what vanished, unless that is more likely a mistake."""
        if not self._settings.allow_mass_delete:
            if self._nameless:
                self._report.kept = len(vanished)
                return
            self._guard(len(vanished), known_count)
        outcomes = self._documents.delete_unchanged(vanished, tenant=self._settings.tenant)
        self._report.deleted = sum(outcome.result == "deleted" for outcome in outcomes)

    def _guard(self, vanished: int, known_count: int) -> None:
        if vanished > MASS_DELETE_FLOOR and vanished > MASS_DELETE_SHARE * known_count:
            raise Refused(
                f"{vanished} of {known_count} documents are not in the source any more; none of them was deleted",
                where=self._settings.owner,
                remedy="check the source; if they are really gone, run again with --allow-mass-delete",
            )
