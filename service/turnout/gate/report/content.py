"""What the report is made of, before it is Markdown, a page or terminal text: all three draw these very parts.

Every text in here may come from a pull request: none is markup, and each renderer escapes all of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

import msgspec

from turnout.gate.report.key_figures import KeyFigure
from turnout.verify import Verdict


class Weight(IntEnum):
    """How soon a part is left out where there is too little room: the highest goes first."""

    FINDINGS = 1
    QUALITY = 2
    COST = 3
    STAGES = 4
    DETAIL = 5
    NOTES = 6
    LISTS = 7


class Code(str):
    """A cell that holds a name or a value as it is written somewhere."""

    __slots__ = ()


class Bullet(msgspec.Struct, frozen=True, kw_only=True):
    """One finding: `mark` is a word of ours, the rest is the finding's."""

    mark: str
    rule: str
    where: str
    what: str
    remedy: str
    lifted_by: str = ""


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of cells; the columns in `words` hold words, all others numbers."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: tuple[int, ...] = (0,)


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a collection's report: sentences (steps where `ordered`), findings, a table.

    `folded` parts are closed at first where that is possible.
    """

    key: str
    title: str
    weight: Weight
    lines: tuple[str, ...] = ()
    bullets: tuple[Bullet, ...] = ()
    table: Table | None = None
    ordered: bool = False
    folded: bool = False

    def cut(self, rows: int) -> Section:
        """The same with at most so many bullets, table rows and lines."""
        table = self.table and msgspec.structs.replace(self.table, rows=self.table.rows[:rows])
        changes = {"lines": self.lines[:rows], "bullets": self.bullets[:rows], "table": table}
        return msgspec.structs.replace(self, **changes)

    @property
    def length(self) -> int:
        """The least `rows` with which `cut` leaves nothing out."""
        return max(len(self.lines), len(self.bullets), len(self.table.rows) if self.table else 0)


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One collection: its line in the overview, its key figures and its sections.

    `place` is its position in the report, for the order here is another.
    """

    place: int
    collection: str
    change: str
    verdict: Verdict
    reason: str
    releases: str
    figures: tuple[KeyFigure, ...]
    sections: tuple[Section, ...]

    def section(self, key: str) -> Section | None:
        """The section of that key."""
        return next((section for section in self.sections if section.key == key), None)


def sentence(text: str) -> str:
    """Text with a full stop, unless it brings its own end."""
    return text if text.endswith((".", "…", "!", "?")) or not text else f"{text}."


def worst_first(verdicts: Sequence[Verdict]) -> list[int]:
    """Positions in the order in which a reviewer wants to see them; equal ones stay as they were."""
    order = ("fail", "inconclusive", "pass")
    return sorted(range(len(verdicts)), key=lambda place: order.index(verdicts[place]))
