"""Everything that can be checked before a restore, and what it will do. Changes nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.snapshots import Snapshot, SnapshotReader
from turnout.errors import EnvironmentProblem, Refused
from turnout.ledger import Ledger, read
from turnout.ledger.keeper import HEARTBEAT_S
from turnout.restore.mark import Mark, own_mark, read_mark, scratch_name

# The clocks of the ledger's machine and of the server differ by less than this.
_CLOCKS = timedelta(seconds=60 + HEARTBEAT_S)
# A clone shares the disk blocks of what it is made from; tombstones and merges take some more.
_ROOM = 1.2
_ANYWAY = "--accept-gap restores anyway; deletes that the ledger lacks come back then"


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller wants.

    `ledger` None is without one. `replace`: the documents index may exist and goes. `accept_gap`: restore although
    deletes may be missing in the ledger.
    """

    repository: str
    snapshot: str
    ledger: Path | None
    replace: bool = False
    accept_gap: bool = False


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a restore will do. `resumes`: an earlier one of this snapshot got some way and is gone on with."""

    choice: Choice
    names: Names
    snapshot: Snapshot
    ledger: Ledger
    documents: Mark | None
    scratch: Mark | None
    documents_exist: bool
    gap: str

    @property
    def replaces(self) -> bool:
        """Whether a documents index has to go."""
        return self.documents_exist and not self.finishing

    @property
    def finishing(self) -> bool:
        """Whether the restored documents are in their place already, and only the scratch index is left."""
        return self.resumes and self.documents is not None and self.documents == self.scratch

    @property
    def resumes(self) -> bool:
        """Whether the snapshot is in the scratch index already."""
        mark = self.scratch
        wanted = (self.snapshot.repository, self.snapshot.name, self.snapshot.started_at)
        return mark is not None and (mark.repository, mark.snapshot, mark.snapshot_at) == wanted


def look(reader: Reader, snapshots: SnapshotReader, names: Names, choice: Choice) -> Plan:
    """Check what can be checked.

    Raises:
        BadInput: no such repository, snapshot or ledger.
        Refused: the snapshot isn't whole, the documents index exists, or the ledger can't hold what is needed.
        EnvironmentProblem: not enough disk.
    """
    snapshot = snapshots.snapshot(choice.repository, choice.snapshot)
    _require_whole(snapshot, names)
    documents = reader.describe(names.documents)
    ledger = read(choice.ledger) if choice.ledger else Ledger()
    _require_own(ledger, names, choice)
    plan = Plan(
        choice=choice,
        names=names,
        snapshot=snapshot,
        ledger=ledger,
        documents=read_mark(documents),
        scratch=own_mark(reader.describe(scratch_name(names))),
        documents_exist=documents is not None,
        gap=_gap(ledger, snapshot, choice, readable=documents is not None and choice.replace),
    )
    if plan.replaces and not choice.replace:
        raise Refused(
            "the documents index exists" + _restored_from(plan.documents),
            where=names.documents,
            remedy="add --replace if it shall go and what the snapshot has shall take its place",
        )
    if plan.gap and not choice.accept_gap:
        raise refused_gap(plan.gap, names)
    if not plan.resumes:
        _require_room(snapshots, snapshot, names)
    return plan


def coverage(ledger: Ledger, mark: Mark) -> str:
    """Why deletes since the snapshot may be missing in the ledger; empty if it has been there all along."""
    own = [section for section in ledger.sections if section.created == mark.created]
    if not own:
        return "the ledger knows nothing of the index that the snapshot was taken of"
    if any(own[-1].synced.get(shard, -1) < upto for shard, upto in mark.checkpoints.items()):
        return f"the ledger was last synced before the snapshot was taken ({own[-1].synced_at or 'never'})"
    return ""


def refused_gap(gap: str, names: Names) -> Refused:
    """The refusal to restore without a ledger that knows all deletes."""
    return Refused(gap, where=names.documents, remedy=f"take the right ledger or an older snapshot; {_ANYWAY}")


def _require_whole(snapshot: Snapshot, names: Names) -> None:
    if snapshot.state not in ("SUCCESS", "PARTIAL") or names.documents not in snapshot.indexes:
        raise Refused(
            f"the snapshot ({snapshot.state}) doesn't hold a whole {names.documents}",
            where=f"{snapshot.repository}/{snapshot.name}",
            remedy=f"choose another: GET _snapshot/{snapshot.repository}/_all",
        )


def _require_own(ledger: Ledger, names: Names, choice: Choice) -> None:
    if ledger.documents not in ("", names.documents):
        raise Refused(
            f"this is the ledger of {ledger.documents}, not of {names.documents}",
            where=str(choice.ledger),
            remedy="name the right one, and look at TURNOUT_INDEX_PREFIX",
        )


def _gap(ledger: Ledger, snapshot: Snapshot, choice: Choice, *, readable: bool) -> str:
    """What is wrong with the ledger, as far as times tell; `coverage` knows exactly, but only after the restore.

    Args:
        readable: the documents that are replaced are still there, so the ledger can catch up.
    """
    if choice.ledger is None:
        return "without a ledger every document that was deleted after the snapshot comes back"
    if readable:
        return ""
    if not ledger.synced_at:
        return "the ledger was never synced"
    synced, taken = datetime.fromisoformat(ledger.synced_at), datetime.fromisoformat(snapshot.started_at)
    if synced + _CLOCKS < taken:
        return (
            f"the ledger was last synced at {ledger.synced_at}, before the snapshot was taken ({snapshot.started_at})"
        )
    return ""


def _restored_from(mark: Mark | None) -> str:
    return f"; it was restored from {mark.repository}/{mark.snapshot} of {mark.snapshot_at}" if mark else ""


def _require_room(snapshots: SnapshotReader, snapshot: Snapshot, names: Names) -> None:
    needed, free = int(snapshot.indexes[names.documents] * _ROOM), snapshots.free_bytes()
    if free < needed:
        raise EnvironmentProblem(
            f"the documents take {needed:,} bytes of disk, and {free:,} are free",
            where=names.documents,
            remedy="make room on the data nodes; nothing was changed",
        )
