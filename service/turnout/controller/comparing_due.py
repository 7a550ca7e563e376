"""Which view should be compared with documents now, and what is wrong by what is known. Pure; called by `comparing`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from turnout.controller.following import followed
from turnout.controller.observed import Observed, SeenView
from turnout.controller.seen import is_behind
from turnout.elastic.state import ParityRecord
from turnout.elastic.views import View
from turnout.verify.differences import KINDS

AGAIN_S = 600.0
"""Seconds after which a view that differed, or couldn't be compared, is compared again."""

Records = Mapping[str, ParityRecord]


def compared_views(observed: Observed) -> dict[str, SeenView]:
    """The filled views that a follower keeps up to date, most needed first, by index name."""
    filled = {seen.view.index: seen for seen in observed.views if seen.filled}
    return {index: filled[index] for index, release in followed(observed).items() if release and index in filled}


def record_of(view: View, records: Records) -> ParityRecord | None:
    """What is known of this very incarnation of a view."""
    record = records.get(f"parity:{view.index}")
    return record if record is not None and record.view_uuid == view.uuid else None


def due(views: Mapping[str, SeenView], records: Records, *, now: datetime, every_s: float) -> SeenView | None:
    """The view that should be compared next; None if none is due.

    A view that lacks many documents is told of by another word, and would only differ for the same reason.

    Args:
        every_s: seconds between two comparisons of a view.
    """
    for seen in views.values():
        record = record_of(seen.view, records)
        if not is_behind(seen) and (record is None or _is_old(record, now, every_s)):
            return seen
    return None


def _is_old(record: ParityRecord, now: datetime, every_s: float) -> bool:
    soon = bool(record.reason or record.differences)
    age_s = (now - datetime.fromisoformat(record.at)).total_seconds()
    return age_s >= (min(AGAIN_S, every_s) if soon else every_s)


def broken(views: Mapping[str, SeenView], records: Records, searched: frozenset[str]) -> dict[str, str]:
    """The problem with the views that differ from documents; empty if none is known to.

    Args:
        searched: the views that searches go to.
    """
    said = []
    for index, seen in views.items():
        record = record_of(seen.view, records)
        if record is not None and record.differences:
            kinds = [(kind, meaning) for kind, meaning in KINDS.items() if kind in record.differences]
            counts = ", ".join(f"{record.differences[kind]} {kind} ({meaning})" for kind, meaning in kinds)
            said.append(
                f"{index}{', which is searched,' if index in searched else ''} differs from documents: {counts}"
            )
    return {"parity-broken": "; ".join(said)} if said else {}
