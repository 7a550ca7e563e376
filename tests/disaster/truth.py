"""What was written and deleted, remembered beside the server, and what a restore has to leave of it."""

from __future__ import annotations

from typing import NamedTuple


class Broken(NamedTuple):
    """Ids at which a promise is broken."""

    lost: set[str]
    """In the snapshot and not deleted since, but not there with its text."""
    undone: set[str]
    """Deleted since the snapshot, but there; or written again since, and there with the text that was deleted."""


class Truth:
    """Texts by id, now and at the snapshot."""

    def __init__(self) -> None:
        self.now: dict[str, str] = {}
        self.kept: dict[str, str] = {}
        self.deleted: set[str] = set()
        """Deleted at least once since the snapshot."""

    def write(self, texts: dict[str, str]) -> None:
        """Documents were written."""
        self.now |= texts

    def delete(self, ids: set[str]) -> None:
        """Documents were deleted."""
        for id_ in ids:
            del self.now[id_]
        self.deleted |= ids

    def snapshot(self) -> None:
        """A snapshot was taken."""
        self.kept, self.deleted = dict(self.now), set()

    def restored(self) -> None:
        """What was written after the snapshot is lost; what was deleted stays deleted."""
        self.now = self.expected()

    def expected(self) -> dict[str, str]:
        """What a restore has to bring back: the snapshot without what was deleted and not written again as it was."""
        return {id_: text for id_, text in self.kept.items() if id_ not in self.deleted or self.now.get(id_) == text}

    def broken(self, live: dict[str, str]) -> Broken:
        """Hold documents against it: their texts by id."""
        expected = self.expected()
        lost = {id_ for id_ in expected.keys() - self.deleted if live.get(id_) != expected[id_]}
        undone = {id_ for id_ in self.deleted & live.keys() if live[id_] != expected.get(id_)}
        return Broken(lost, undone)
