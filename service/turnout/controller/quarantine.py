"""Puts a release into quarantine, and has its revert proposed. Called by `act`."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from turnout.alias.records import change_release
from turnout.controller.actions import Condemn
from turnout.controller.observed import Observed
from turnout.controller.seen import known_release
from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.state import Quarantine, ReleaseRecord
from turnout.elastic.writer import Conflict, Writer
from turnout.errors import Refused
from turnout.githost import GitHost, Revert

FIRST_S, LONGEST_S = 30.0, 600.0
"""Seconds until a proposal that failed is tried again: the first wait, doubled each time up to the longest."""


def condemn(action: Condemn, observed: Observed, elastic: tuple[Reader, Writer], names: Names, at: str) -> bool:
    """Write down that a release failed; False if that is known already. `at` is the time, ISO 8601 in UTC.

    The release's record first and the quarantine last: as long as the last is missing, this is asked for again.

    Raises:
        Refused: it is the stable release. Whatever asked for this, nobody else answers searches.
    """
    reader, writer = elastic
    stable = observed.revision("stable")
    if stable is None or stable.release is None or stable.release.id == action.release_id:
        raise Refused(f"release {action.release_id} is stable, or may be", where=names.collection)
    release = known_release(action.release_id, observed)

    def failed(record: ReleaseRecord | None) -> ReleaseRecord | None:
        if record is not None and record.state == "live":
            return None  # the alias serves it: that standing is taken by a flip alone
        if record is not None:
            return msgspec.structs.replace(record, state="failed", at=at, reason=record.reason or action.reason)
        if release is None:
            return None
        body = msgspec.to_builtins(release)
        return ReleaseRecord(
            collection=names.collection,
            at=at,
            release_id=action.release_id,
            state="failed",
            view=None,
            release=body,
            reason=action.reason,
        )

    key = ReleaseRecord(
        collection=names.collection, at=at, release_id=action.release_id, state="failed", view=None, release={}
    ).key
    writer.ensure_state_index(names)
    change_release(reader, writer, names, key, failed)
    record = Quarantine(
        collection=names.collection,
        at=at,
        release_id=action.release_id,
        by=action.by,
        reason=action.reason,
        stable=action.stable,
    )
    try:
        writer.put_state(names, record, create=True)
    except Conflict:
        return False
    return True


class Proposals:
    """Has reverts proposed, and doesn't press a host that refuses or can't be reached.

    Args:
        host: gives the Git host; raises `Refused` if none is configured.
    """

    def __init__(self, host: Callable[[], GitHost], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._host, self._clock = host, clock
        self._waits: dict[str, tuple[float, float, Exception | None]] = {}  # until when, how long, why

    def propose(self, elastic: tuple[Reader, Writer], names: Names, release_id: str) -> str:
        """Propose the revert of a quarantined release and remember its address in the record.

        Returns:
            The address; empty if nothing is left to revert, or nothing is done now.

        Raises:
            Exception: what the host said, also while waiting to ask it again.
        """
        until, waited_s, why = self._waits.get(release_id, (0.0, 0.0, None))
        if self._clock() < until:
            if why is not None:
                raise why
            return ""
        reader, writer = elastic
        stored = reader.state_versioned(names, quarantine_key(names, release_id))
        if stored is None or not isinstance(stored.record, Quarantine) or stored.record.proposal:
            return ""
        wait_s = min(max(FIRST_S, 2 * waited_s), LONGEST_S)
        try:
            address = self._host().propose(_revert(stored.record))
        except Exception as error:  # also one that nobody foresaw: a host that answers oddly isn't asked at each look
            self._waits[release_id] = (self._clock() + wait_s, wait_s, error)
            raise
        if address is None:
            # The branch is right already. Asked again now and then, for a branch can be pushed over.
            self._waits[release_id] = (self._clock() + LONGEST_S, LONGEST_S, None)
            return ""
        self._waits.pop(release_id, None)
        writer.put_state(names, msgspec.structs.replace(stored.record, proposal=address), expect=stored)
        return address


def quarantine_key(names: Names, release_id: str) -> str:
    """The key of a release's quarantine."""
    return Quarantine(collection=names.collection, at="", release_id=release_id, by="", reason="").key


def _revert(record: Quarantine) -> Revert:
    if record.stable is None:
        raise Refused(
            f"no release is known to go back to from {record.release_id}",
            where=record.collection,
            remedy="revert the commit by hand",
        )
    return Revert(
        collection=record.collection,
        failed=record.release_id,
        stable=record.stable,
        by=record.by,
        reason=record.reason,
        since=record.at[:10],
    )
