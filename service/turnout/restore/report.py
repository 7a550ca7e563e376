"""What a restore has done, in figures. Made by `Restoration`, shown by `turnout restore`."""

from __future__ import annotations

import msgspec


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a restore.

    Attributes:
        restored: live documents of the snapshot.
        replayed: of those, how many are tombstones now because the ledger says that they were deleted.
        superseded: of the replayed, the ids of those that had been written again since with other content.
        live: live documents now; restored less replayed.
        lost_since: writes after this time are lost: read the sources again.
        lost_operations: how many operations after the snapshot the ledger knows of; None if it can't tell.
        ledger_synced_at: deletes after this time come back; empty without a ledger.
        gap: why deletes may be missing in the ledger; empty if none are.
        seconds: by phase.
    """

    collection: str
    repository: str
    snapshot: str
    restored: int
    replayed: int
    superseded: tuple[str, ...]
    live: int
    lost_since: str
    lost_operations: int | None
    ledger_synced_at: str
    gap: str
    seconds: dict[str, float]
