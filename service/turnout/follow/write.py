"""Write view documents and look at what became of each. Called by the page loop and the sweep."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from turnout.elastic.reader import Reader
from turnout.elastic.views import SYSTEM_FIELD, write_alias
from turnout.elastic.writer import BulkItem, BulkOutcome, Writer
from turnout.errors import EnvironmentProblem, Unavailable
from turnout.follow.view import ViewGone

_BUSY = (429, 502, 503, 504)
_REASON_CHARS = 500


def write(reader: Reader, writer: Writer, view: str, items: Sequence[BulkItem]) -> dict[str, str]:
    """Write all items; what can't be indexed becomes a placeholder of the same version.

    Returns what differs from "written" by id: `superseded` (the view had this or a newer version) or `placeholder`.

    Raises:
        Unavailable: the server is too busy or can't be reached; all of it may be sent again.
        ViewGone: the view was deleted.
        EnvironmentProblem: the server refused a write for another reason than the document.
    """
    odd: dict[str, str] = {}
    rejected, conflicts = [], []
    for item, outcome in _sent(writer, view, items):
        if outcome.status == 409:
            conflicts.append(item)
        elif outcome.status == 400:
            rejected.append(placeholder(item, f"{outcome.error_type}: {outcome.error}"))
        else:
            _require_ok(view, outcome)
    if rejected:
        for item, outcome in _sent(writer, view, rejected):
            if outcome.status == 409:
                conflicts.append(item)
            else:
                _require_ok(view, outcome)
                odd[item.id] = "placeholder"
    _require_superseded(reader, view, conflicts)
    return odd | {item.id: "superseded" for item in conflicts}


def placeholder(item: BulkItem, reason: str) -> BulkItem:
    """The item without any of the user's fields, so that it holds its version and blocks nothing else."""
    known: dict[str, Any] = (item.body or {})[SYSTEM_FIELD]
    kept = {key: known[key] for key in ("id", "tenant", "owner", "version") if key in known}
    body = kept | {"state": "placeholder", "reason": reason[:_REASON_CHARS]}
    return BulkItem("index", item.id, {SYSTEM_FIELD: body}, item.version)


def _sent(writer: Writer, view: str, items: Sequence[BulkItem]) -> Iterable[tuple[BulkItem, BulkOutcome]]:
    """Every item with its last outcome; those that the server was too busy for are sent a few times."""
    done: dict[str, tuple[BulkItem, BulkOutcome]] = {}
    left = list(items)
    attempts = Retrying(
        retry=retry_if_exception_type(Unavailable),
        wait=wait_random_exponential(multiplier=0.2, max=5),
        stop=stop_after_attempt(6),
        reraise=True,
    )
    for attempt in attempts:
        with attempt:
            outcomes = list(writer.bulk(write_alias(view), left, require_alias=True))
            done |= {item.id: (item, outcome) for item, outcome in zip(left, outcomes, strict=True)}
            left = [item for item, outcome in zip(left, outcomes, strict=True) if outcome.status in _BUSY]
            if left:
                first = done[left[0].id][1]
                raise Unavailable(f"Elasticsearch is too busy for {len(left)} writes: {first.error}", where=view)
    return list(done.values())


def _require_ok(view: str, outcome: BulkOutcome) -> None:
    if outcome.ok and outcome.result == "noop":  # nothing else makes one of a whole document
        raise EnvironmentProblem(
            "an ingest pipeline of the server drops what is written to the view",
            where=f"{view}/{outcome.id}",
            remedy="take index.default_pipeline and index.final_pipeline off the view and follow again",
        )
    if outcome.ok:
        return
    if outcome.status == 404:
        raise ViewGone(
            "the view was deleted while it was being followed", where=view, remedy="build the release's view again"
        )
    raise EnvironmentProblem(
        f"the server refused a write (HTTP {outcome.status}): {outcome.error_type}: {outcome.error[:_REASON_CHARS]}",
        where=f"{view}/{outcome.id}",
        remedy="remove the cause and follow again; the checkpoint was not moved past this document",
    )


def _require_superseded(reader: Reader, view: str, items: Sequence[BulkItem]) -> None:
    """A conflict is success only if the view really holds this version or a newer one."""
    stored = reader.get_many(view, [item.id for item in items], fields=[f"{SYSTEM_FIELD}.version"])
    for item in items:
        hit = stored.get(item.id)
        if hit is None or item.version is None or hit.version < item.version:
            held = f"version {hit.version}" if hit else "nothing"
            raise Unavailable(
                f"a conflict with version {item.version}, and yet the view holds {held}",
                where=f"{view}/{item.id}",
                remedy="follow again; if it stays, somebody else writes to the view",
            )
