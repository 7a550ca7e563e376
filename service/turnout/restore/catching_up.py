"""Before documents are replaced, the ledger must have every delete of them. Called by `Restoration`."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from turnout.elastic.names import Names
from turnout.elastic.reader import Reader, Shards
from turnout.errors import Refused, Unavailable
from turnout.ledger import Keeper, LedgerFile, read

PATIENCE_S = 120.0


def catch_up(
    reader: Reader, names: Names, path: Path, *, now: Callable[[], str], patience_s: float = PATIENCE_S
) -> str:
    """Bring a ledger up to documents that take no more writes, or wait until its keeper has.

    Returns:
        Why deletes may be missing; empty if none are.
    """
    try:
        shards = reader.shards(names.documents)
    except Unavailable as error:
        return f"the documents that are replaced can't be read ({error.what}): their last deletes may be missing"
    if shards is None:
        return ""
    until = time.monotonic() + patience_s
    while not _has(path, shards):
        if time.monotonic() > until:
            return f"the ledger hasn't caught up in {patience_s:g} s"
        try:
            with LedgerFile(path, names.documents) as file:
                Keeper(reader, names, file, now=now).sync()
        except Refused:  # its keeper does it
            time.sleep(0.5)
        except Unavailable as error:
            return f"the ledger can't be brought up to date ({error.what})"
    return ""


def _has(path: Path, shards: Shards) -> bool:
    sections = read(path).sections
    if not sections or sections[-1].identity != shards.identity:
        return False
    return all(sections[-1].synced.get(shard, -1) >= upto for shard, upto in shards.checkpoints.items())
