"""What `turnout dashboards` prints of what it found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from turnout.release.findings import printable

if TYPE_CHECKING:
    from turnout.dashboards.check import Checked

_COLOURS = {"data": "green", "quiet": "dim", "empty": "red", "broken": "red"}


def print_text(checked: tuple[Checked, ...], collection: str, drawn: Path | None) -> None:
    """A table for each dashboard and one line for all; `drawn` is where the pictures are."""
    console = Console(soft_wrap=True, highlight=False)
    for each in checked:
        table = Table("panel", "", "why", box=None, title=each.dashboard.title, title_justify="left", pad_edge=False)
        for looked in each.panels:
            table.add_row(
                looked.panel.title, Text(looked.found, _COLOURS[looked.found]), Text(printable(looked.reason))
            )
        for mark, answered in each.marks:
            word = "broken" if answered.error else "data" if answered.has_data else "quiet"
            table.add_row(mark.title, Text(word, _COLOURS[word]), Text(printable(answered.error)))
        console.print(table)
        console.print()
    counts = {found: sum(looked.found == found for each in checked for looked in each.panels) for found in _COLOURS}
    told = ", ".join(f"{count} {found}" for found, count in counts.items())
    console.print(Text(f"{printable(collection)}: {sum(counts.values())} panels: {told}"))
    if drawn is not None:
        console.print(Text(f"pictures in {drawn}"))


def print_json(checked: tuple[Checked, ...], collection: str) -> None:
    """The same as a record, with the queries."""
    click.echo(msgspec.json.format(msgspec.json.encode({"collection": collection, "dashboards": _records(checked)})))


def _records(checked: tuple[Checked, ...]) -> list[dict[str, Any]]:
    return [
        {
            "name": each.dashboard.name,
            "bad": each.bad,
            "panels": [
                {
                    "title": looked.panel.title,
                    "found": looked.found,
                    "reason": looked.reason,
                    "queries": [
                        {
                            "promql": one.query.promql,
                            "series": len(one.series),
                            "points": sum(len(series.points) for series in one.series),
                        }
                        for one in looked.answers
                    ],
                }
                for looked in each.panels
            ],
            "marks": [
                {"title": mark.title, "found": answered.has_data, "error": answered.error}
                for mark, answered in each.marks
            ],
        }
        for each in checked
    ]
