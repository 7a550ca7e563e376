"""The report for a terminal, short: verdict, collections, findings, key figures. Values go in as plain text."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from turnout.gate.report import verdicts
from turnout.gate.report.content import Bullet, Part, Section, sentence
from turnout.gate.report.parts import general, parts
from turnout.gate.result import CheckReport

_STYLES = {"pass": "green", "fail": "red", "inconclusive": "yellow", "lifted": "yellow", "note": "dim"}


def text(report: CheckReport) -> Iterator[RenderableType]:
    """What to print, in order."""
    made = parts(report)
    if made:
        yield _overview(made)
    yield from _findings("", general(report))
    for part in made:
        yield from _findings(part.collection, part.sections)
        if part.figures:
            yield Text(f"\n{part.collection}: key figures", style="bold")
            yield _figures(part)
    yield Text(f"\n{verdicts.headline(report)}", style=f"bold {_STYLES[report.verdict]}")
    yield Text(verdicts.compared(report), style="dim")


def _overview(made: tuple[Part, ...]) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 2, 0, 0))
    for name in ("collection", "class", "verdict", "reason"):
        table.add_column(name, overflow="fold")
    for part in made:
        verdict = Text(part.verdict, style=_STYLES[part.verdict])
        table.add_row(Text(part.collection), Text(part.change), verdict, Text(part.reason))
    return table


def _findings(collection: str, sections: tuple[Section, ...]) -> Iterator[Text]:
    for section in sections:
        if section.bullets:
            title = section.title[0].lower() + section.title[1:]
            yield Text(f"\n{collection}: {title}" if collection else f"\n{section.title}", style="bold")
            yield from map(_bullet, section.bullets)


def _bullet(bullet: Bullet) -> Text:
    made = Text.assemble("  ", (bullet.mark, _STYLES[bullet.mark]), f" {bullet.rule}")
    if bullet.where:
        made.append(f" at {bullet.where}", style="dim")
    made.append(f"\n    {sentence(bullet.what)}")
    last = f"Lifted, because: {bullet.lifted_by}" if bullet.lifted_by else bullet.remedy
    return made.append(f"\n    {sentence(last)}", style="dim") if last else made


def _figures(part: Part) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2))
    for figure in part.figures:
        table.add_row(Text(figure.label), Text(figure.value, justify="right"), Text(figure.note, style="dim"))
    return table
