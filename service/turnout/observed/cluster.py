"""Looks at a collection's indexes and records, and converts what it sees."""

from __future__ import annotations

import msgspec

from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.state import Freeze, ReleaseRecord
from turnout.elastic.views import View
from turnout.errors import EnvironmentProblem, Unavailable
from turnout.follow import lag
from turnout.observed.sample import live_documents, sample_tokens
from turnout.plan import Observed, ObservedView
from turnout.release.artifacts import Release

FILLED = frozenset({"verifying", "ready", "live", "former", "failed"})
"""States that a release reaches only after its view's backfill has ended."""


def observe(reader: Reader, names: Names) -> Observed:
    """What is there now. A collection that was never built is known and empty.

    Raises:
        Unavailable: Elasticsearch can't be reached.
    """
    targets = reader.alias_targets(names.alias)
    records = reader.states(names, ReleaseRecord)
    filled = {record.view for record in records if record.state in FILLED}
    live = _live_record(records, targets)
    freezes = reader.states(names, Freeze)
    adopted = reader.adopted(names)
    views = [_view(reader, names, view, targets, filled) for view in reader.views(names)]
    return Observed(
        known=True,
        documents=live_documents(reader, names),
        sample_tokens=sample_tokens(reader, names),
        views=(*views, *([_adopted(reader, adopted)] if adopted else [])),
        alias_targets=tuple(sorted(targets)),
        live_release_id=live.release_id if live else None,
        frozen=bool(freezes) and freezes[-1].frozen,
    )


def live_release(reader: Reader, names: Names) -> Release | None:
    """The release that the alias serves; None if it points nowhere or no record says which release that is.

    Raises:
        Unavailable: Elasticsearch can't be reached.
    """
    record = _live_record(reader.states(names, ReleaseRecord), reader.alias_targets(names.alias))
    return msgspec.convert(record.release, Release) if record else None


def _live_record(records: tuple[ReleaseRecord, ...], targets: frozenset[str]) -> ReleaseRecord | None:
    """The record and the alias must agree: one without the other is a flip that didn't end."""
    live = [record for record in records if record.state == "live" and targets == {record.view}]
    return live[-1] if live else None


def _view(reader: Reader, names: Names, view: View, targets: frozenset[str], filled: set[str | None]) -> ObservedView:
    is_live = view.index in targets
    return ObservedView(
        index=view.index,
        index_fingerprints=view.meta.index_fingerprints,
        embedding_fingerprint=view.meta.embedding_fingerprint,
        documents=live_documents(reader, names, view.index),
        is_live=is_live,
        caught_up=_caught_up(reader, names, view.index),
        filled=is_live or view.index in filled,
    )


def _adopted(reader: Reader, view: View) -> ObservedView:
    """All its documents count as live: it knows no tombstones."""
    return ObservedView(
        index=view.index,
        index_fingerprints=view.meta.index_fingerprints,
        embedding_fingerprint=view.meta.embedding_fingerprint,
        documents=reader.count(view.index),
        is_live=True,
        caught_up=False,
        adopted=True,
    )


def _caught_up(reader: Reader, names: Names, view: str) -> bool:
    try:
        return lag(reader, names, view).total == 0
    except Unavailable:
        raise
    except EnvironmentProblem:
        # Without a documents index there is nothing to be level with.
        return False
