"""A release that failed on this cluster goes nowhere any more. Asked before anything is built or moved."""

from __future__ import annotations

from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.errors import Refused


def require_free(reader: Reader, names: Names, release_id: str) -> None:
    """Do nothing if nothing speaks against the release.

    Raises:
        Refused: it is in quarantine.
        Unavailable: Elasticsearch can't say.
    """
    found = reader.quarantined(names, release_id)
    if found is None:
        return
    proposal = f"; its revert is proposed in {found.proposal}" if found.proposal else ""
    raise Refused(
        f"release {release_id} is in quarantine since {found.at} ({found.by}): {found.reason}",
        where=names.collection,
        remedy=f"make another release: change what failed and run `turnout lock {names.collection}`{proposal}",
    )
