"""What has become of a document of a snapshot, by the ledger: a pure function. Used by `turnout.restore`.

Within the incarnation that the snapshot was taken of, `_seq_no`s tell what came first; restoring keeps them. Later
incarnations count anew, so there the times of the writes decide. A document that was deleted after the snapshot and
written again is kept only if the snapshot has what was written again: other content is what somebody deleted, and
the source must deliver the new one once more.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from turnout.ledger.lines import Change

Verdict = Literal["keep", "delete", "superseded"]


class Known(NamedTuple):
    """A live document as the snapshot has it."""

    seq_no: int
    updated_at: str
    content_hash: str


def verdict(known: Known, own: Iterable[Change], later: Iterable[Change]) -> tuple[Verdict, Change | None]:
    """What a restore must do with a live document.

    Args:
        known: the document in the snapshot.
        own: the ledger's lines on this document in the section of the snapshot's incarnation, in order.
        later: those of the sections after it, in order.

    Returns:
        keep, or delete, or superseded: deleted since then and written again with other content, so that the old one
        must not come back. With the line of the last delete for the latter two.
    """
    deleted: Change | None = None
    back: Change | None = None
    for change in own:
        if change.seq_no > known.seq_no:
            deleted, back = (change, None) if change.deleted else (deleted, change)
    for change in later:
        if change.deleted and (deleted is not None or _after(change, known.updated_at)):
            deleted, back = change, None
        elif not change.deleted and deleted is not None and _after(change, deleted.updated_at):
            back = change
    if deleted is None or (back is not None and back.content_hash == known.content_hash):
        return "keep", None
    return ("delete" if back is None else "superseded"), deleted


def _after(change: Change, at: str) -> bool:
    """Whether a change is later than a time; a time that can't be read counts against keeping what was deleted."""
    try:
        return _time(change.updated_at) > _time(at)
    except ValueError:
        return change.deleted


def _time(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
