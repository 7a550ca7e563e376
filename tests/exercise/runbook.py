"""RUNBOOK.md as data: its entries, their fixed sub-headings and their commands. For the exercise and for its tests."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).parents[2] / "RUNBOOK.md"
FIRST_PAGE = "Before you start"
LOST = "Documents are lost"
"""What no alert leads to, and what `python -m disaster` plays."""
PARTS = ("What users see", "First look", "Likely causes", "What to do", "It is over when")
"""What every entry has, in this order."""
CHANGES, YOURS = "# CHANGES", "# YOURS"
"""How a block begins that changes something, and one with the reader's own values."""
_HEADING = re.compile(r"^## (.+)$", re.MULTILINE)
_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PART = re.compile(r"^\*\*([A-Z][^*]+)\*\*", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """One fenced block of commands, pasted as a whole."""

    text: str

    @property
    def changes(self) -> bool:
        """Whether it changes something."""
        return self.text.startswith(CHANGES)

    @property
    def is_yours(self) -> bool:
        """Whether it holds values that the reader fills in."""
        return self.text.startswith(YOURS)


@dataclass(frozen=True)
class Entry:
    """The text under one heading of the second level."""

    name: str
    text: str

    @property
    def blocks(self) -> tuple[Block, ...]:
        """Its commands, in order."""
        return tuple(Block(found) for found in _BLOCK.findall(self.text))

    @property
    def parts(self) -> tuple[str, ...]:
        """Its bold words at the beginning of a line, in order."""
        return tuple(_PART.findall(self.text))

    def looks(self) -> tuple[Block, ...]:
        """The commands that only look."""
        return tuple(block for block in self.blocks if not block.changes and not block.is_yours)

    def change(self, words: str) -> Block:
        """The one block that changes something and holds these words.

        Raises:
            KeyError: there is none, or more than one.
        """
        found = [block for block in self.blocks if block.changes and words in block.text]
        if len(found) != 1:
            raise KeyError(f"{len(found)} blocks of {self.name} that change something hold {words!r}")
        return found[0]


def read(path: Path = FILE) -> Mapping[str, Entry]:
    """All entries by their headings, the first page included."""
    text = path.read_text()
    headings = list(_HEADING.finditer(text))
    ends = [each.start() for each in headings[1:]] + [len(text)]
    return {each[1]: Entry(each[1], text[each.end() : end]) for each, end in zip(headings, ends, strict=True)}


def preamble(entries: Mapping[str, Entry]) -> str:
    """What every command of the entries needs: the first page's blocks up to the first look, but the reader's own."""
    before, _, _ = entries[FIRST_PAGE].text.partition("**The first look**")
    return "\n".join(block.text for block in Entry(FIRST_PAGE, before).blocks if not block.is_yours)
