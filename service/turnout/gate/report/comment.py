"""report.md: a comment on a pull request. Always short enough to be posted, and nothing in it can act.

The least important parts go first where there is too little room, for all collections before any more important part.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from turnout.gate.report import verdicts
from turnout.gate.report.content import Bullet, Code, Part, Section, Table, sentence
from turnout.gate.report.parts import general, parts
from turnout.gate.result import CheckReport
from turnout.plan.markdown import code, escape

MARKER = "<!-- turnout-check -->"
"""The first line, by which a later run finds its comment again."""
LIMIT = 60_000
"""Bytes, always more than the comment has. The forge takes 65,536 characters."""

_OVERVIEW = 15_000
_SECTION = 15_000
_LEAST_SECTION = 3_000
_RESERVE = 2_000  # for the note on what was left out, which holds only words of ours
_JOINER = "&#8288;"
_WHOLE = (
    "The whole report, with plots, is in this run's artifact: "
    "<code>report&#46;html</code>, <code>report&#46;json</code>."
)


def markdown(report: CheckReport) -> str:
    """The report as GitHub-flavoured Markdown of less than `LIMIT` bytes, ending in a newline."""
    made = parts(report)
    head = _head(report, made)
    owners: list[tuple[str, Sequence[Section]]] = [("", general(report))]
    owners += [(_heading(part), part.sections) for part in made]
    kept, left_out = _fit(owners, LIMIT - _size(head) - _RESERVE)
    body: list[str] = []
    for number, (heading, sections) in enumerate(owners):
        texts = [kept[number, place] for place in range(len(sections)) if (number, place) in kept]
        body += [heading, *texts] if texts and heading else texts
    note = [_cut(left_out)] if left_out else []
    return "\n\n".join([head, *note, *body, _WHOLE]) + "\n"


def prose(text: str) -> str:
    """Escaped text in which nobody is mentioned and no issue is linked.

    The forge looks for both after entities are resolved, so a joiner of no width goes behind the sign.
    """
    return escape(text).replace("&#64;", f"&#64;{_JOINER}").replace("&#35;", f"&#35;{_JOINER}")


def _head(report: CheckReport, made: Sequence[Part]) -> str:
    lines = [MARKER, f"## turnout check: {report.verdict}", prose(verdicts.headline(report))]
    if made:
        lines.append(_overview(made))
    return "\n\n".join([*lines, f"<sub>{prose(verdicts.compared(report))}</sub>"])


def _overview(made: Sequence[Part]) -> str:
    rows: list[str] = []
    room = _OVERVIEW
    for part in made:
        row = f"| {code(part.collection)} | {prose(part.change)} | **{part.verdict}** | {prose(part.reason)} |"
        room -= _size(row) + 1
        if room < 0:
            break
        rows.append(row)
    more = len(made) - len(rows)
    text = "\n".join(["| collection | class | verdict | reason |", "| --- | --- | --- | --- |", *rows])
    return f"{text}\n\nAnd {more:,} more collections." if more else text


def _heading(part: Part) -> str:
    return f"### {code(part.collection)}: {prose(part.change)}, {part.verdict}\n\n{code(part.releases)}"


def _fit(
    owners: Sequence[tuple[str, Sequence[Section]]], room: int
) -> tuple[dict[tuple[int, int], str], dict[str, int]]:
    """What has room, by owner and place, and how often a kind of section was cut or left out."""
    queue = [
        (section.weight, number, place, section)
        for number, (_, sections) in enumerate(owners)
        for place, section in enumerate(sections)
    ]
    kept: dict[tuple[int, int], str] = {}
    left_out: dict[str, int] = {}
    named: set[int] = set()
    fair = min(_SECTION, max(_LEAST_SECTION, room // (len(owners) + 1)))
    for _, number, place, section in sorted(queue, key=lambda item: item[:3]):
        heading = 0 if number in named else _size(owners[number][0]) + 2
        text, whole = _shortened(section, min(fair, room - heading - 2))
        if text:
            kept[number, place] = text
            named.add(number)
            room -= _size(text) + 2 + heading
        if not whole:
            left_out[section.key] = left_out.get(section.key, 0) + 1
    return kept, left_out


def _shortened(section: Section, room: int) -> tuple[str, bool]:
    """The section with as many rows as have room, empty without any; and whether it is whole.

    Doubles, then halves the step: what won't fit isn't rendered at its full length, which may be millions of rows.
    """

    def rendered(rows: int) -> str:
        text = _section(section.cut(rows), cut=rows < section.length)
        return text if _size(text) <= room else ""

    fits, step, text = 0, 1, ""
    while fits < section.length and step:
        longer = rendered(min(fits + step, section.length))
        if longer:
            fits, text = min(fits + step, section.length), longer
            step *= 2
        else:
            step //= 2
    return text, fits == section.length


def _section(section: Section, *, cut: bool = False) -> str:
    blocks = []
    if section.lines:
        blocks.append(_lines(section))
    if section.bullets:
        blocks.append("\n".join(map(_bullet, section.bullets)))
    if section.table is not None:
        blocks.append(_table(section.table))
    if cut:
        blocks.append("Cut here.")
    content = "\n\n".join(blocks)
    if section.folded:
        return f"<details><summary>{prose(section.title)}</summary>\n\n{content}\n\n</details>"
    return f"#### {prose(section.title)}\n\n{content}"


def _lines(section: Section) -> str:
    if section.ordered:
        return "\n".join(f"{place}. {prose(line)}" for place, line in enumerate(section.lines, start=1))
    return (
        "\n".join(f"- {prose(line)}" for line in section.lines) if len(section.lines) > 1 else prose(section.lines[0])
    )


def _bullet(bullet: Bullet) -> str:
    where = f" at {code(bullet.where)}" if bullet.where else ""
    remedy = f" *What to do:* {prose(sentence(bullet.remedy))}" if bullet.remedy and not bullet.lifted_by else ""
    lifted = f" *Lifted, because:* {prose(sentence(bullet.lifted_by))}" if bullet.lifted_by else ""
    return f"- **{bullet.mark}** {code(bullet.rule)}{where}: {prose(sentence(bullet.what))}{lifted}{remedy}"


def _table(table: Table) -> str:
    line = ["---" if place in table.words else "---:" for place in range(len(table.head))]
    head = [_row(table.head), "| " + " | ".join(line) + " |"]
    return "\n".join([*head, *map(_row, table.rows)])


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(map(_cell, cells)) + " |"


def _cell(cell: str) -> str:
    return code(cell) if isinstance(cell, Code) else prose(cell)


def _cut(left_out: dict[str, int]) -> str:
    kinds = ", ".join(f"{key} ({count:,})" if count > 1 else key for key, count in sorted(left_out.items()))
    return f"> **Cut to fit into a comment.** Shortened or left out: {kinds}."


def _size(text: str) -> int:
    return len(text.encode("utf-8", "backslashreplace"))
