"""A ledger that can't catch up with the documents that are replaced is a gap, after a bounded time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.fake_documents import FakeDocuments, Index
from turnout.elastic.names import Names
from turnout.elastic.reader import Shards
from turnout.restore.catching_up import catch_up

NAMES = Names("toys")
AT = "2026-01-01T00:00:00+00:00"


class Replaced(FakeDocuments):
    """Another index has taken the name since it was first looked at."""

    first = True

    def shards(self, index: str) -> Shards | None:
        found = super().shards(index)
        if self.first and found:
            self.first = False
            return Shards("the old one", found.checkpoints)
        return found


def test_documents_that_were_made_anew_meanwhile_are_a_gap_and_no_endless_wait(tmp_path: Path) -> None:
    path = tmp_path / "toys.ledger"
    path.touch()
    reader: Any = Replaced(**{NAMES.documents: Index()})
    assert "hasn't caught up" in catch_up(reader, NAMES, path, now=lambda: AT, patience_s=0.3)
