"""What one reading of documents and a view counted, in bounded memory. Used by parity."""

from __future__ import annotations

from typing import Any

import msgspec

from turnout.verify.differences import Entry, Source, difference

EXAMPLES = 20
MAX_SUSPECTS = 10_000  # ids kept for a second look: about 5 MB at the longest


class Tally(msgspec.Struct):
    """Counts of both sides, and the ids that differ (`suspects`). `full` once there are more than memory allows.

    Documents under placeholders are followed but can't be found: they count as present and are named.
    """

    documents: int = 0
    tombstones: int = 0
    view: int = 0
    placeholders: int = 0
    placeholder_examples: list[str] = []
    tombstones_only_in_documents: int = 0
    tombstones_only_in_view: int = 0
    suspects: list[str] = []
    full: bool = False

    def add(self, source: Source | None, entry: Entry | None) -> None:
        """Count one pair of the merge."""
        if source is not None:
            self.documents += 1
            self.tombstones += source.deleted
            self.tombstones_only_in_documents += source.deleted and entry is None
        if entry is not None:
            self.view += 1
            self.tombstones_only_in_view += entry.state == "deleted" and source is None
            self._placeholder(entry)
        if difference(source, entry) is not None:
            self.suspect(source.id if source is not None else entry.id)  # type: ignore[union-attr]

    def suspect(self, document: str) -> None:
        """Look at this id again later."""
        if len(self.suspects) < MAX_SUSPECTS:
            self.suspects.append(document)
        else:
            self.full = True

    def evidence(self) -> dict[str, Any]:
        """The counts as JSON values."""
        counts = {name: value for name, value in msgspec.to_builtins(self).items() if name != "suspects"}
        return {**counts, "looked_at_again": len(self.suspects)}

    def _placeholder(self, entry: Entry) -> None:
        if entry.state == "placeholder":
            self.placeholders += 1
            if len(self.placeholder_examples) < EXAMPLES:
                self.placeholder_examples.append(entry.id)
