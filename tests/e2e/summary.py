"""The figures of a run: build/e2e/summary.json, and a table for people.

A time is a figure and never fails a run: how long something takes is up to the machine. Stories with a bound say
whether it was kept, and `totals.bounds_missed` counts those that didn't.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from e2e.accounting import Account, Losses
from e2e.stories.story import Story

ZEROS = ("stories_failed", "failed", "mixed", "missing", "resurrected", "forbidden")


@dataclass
class Told:
    """How one story went. `requests` are those of its own time."""

    story: Story
    ok: bool
    seconds: float
    figures: dict[str, Any] = field(default_factory=dict)
    problem: str = ""
    requests: Account = field(default_factory=Account)


def summarize(told: list[Told], whole: Account, losses: Losses, forbidden: list[str], seconds: float) -> dict[str, Any]:
    """The content of summary.json. `forbidden`: calls that a credential was refused."""
    counted = [each for each in told if each.story.counted]
    return {
        "stories": [_entry(each) for each in told],
        "totals": {
            "stories": len(counted),
            "stories_failed": sum(not each.ok for each in told),
            "failed": whole.failed,
            "mixed": whole.mixed,
            "missing": len(losses.missing),
            "resurrected": len(losses.resurrected),
            "forbidden": len(forbidden),
            "injected": whole.injected,
            "unavailable": whole.unavailable,
            "degraded": whole.degraded,
            "repeated": whole.repeated,
            "bounds_missed": sum(not each.figures.get("within_bound", True) for each in told),
            "requests": dict(whole.by_kind),
        },
        "problems": [*whole.problems, *losses.missing[:5], *losses.resurrected[:5], *forbidden[:5]],
        "seconds": round(seconds, 1),
    }


def _entry(told: Told) -> dict[str, Any]:
    requests = told.requests
    return {
        "name": told.story.name,
        "given": told.story.given,
        "when": told.story.when,
        "then": told.story.then,
        "counted": told.story.counted,
        "ok": told.ok,
        "seconds": round(told.seconds, 1),
        **told.figures,
        "requests": {
            "sent": requests.sent,
            "failed": requests.failed,
            "mixed": requests.mixed,
            "injected": requests.injected,
            "unavailable": requests.unavailable,
            "degraded": requests.degraded,
        },
        **({"problem": told.problem} if told.problem else {}),
    }


def broken(summary: dict[str, Any]) -> list[str]:
    """The totals that must be 0 and aren't."""
    totals = summary["totals"]
    return [f"totals.{name} is {totals[name]}, not 0" for name in ZEROS if totals[name]]


def write(summary: dict[str, Any], path: Path) -> None:
    """Write summary.json."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(orjson.dumps(summary, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def show(summary: dict[str, Any], console: Console) -> None:
    """The closing table."""
    table = Table(title="Stories", title_justify="left", box=None, padding=(0, 2, 0, 0))
    for column in ("story", "", "seconds", "to promote", "off traffic", "requests", "failed"):
        table.add_column(column, justify="left" if column in ("story", "") else "right")
    for story in summary["stories"]:
        table.add_row(
            story["name"],
            "[green]ok[/]" if story["ok"] else "[red]failed[/]",
            f"{story['seconds']:.0f}",
            _shown(story.get("seconds_to_promote")),
            _shown(story.get("seconds_from_fault")),
            str(story["requests"]["sent"]),
            str(story["requests"]["failed"]),
        )
    console.print(table)
    totals = ", ".join(f"{name} {value}" for name, value in summary["totals"].items() if name != "requests")
    console.print(f"{totals}; {summary['seconds']:.0f} s", soft_wrap=True)
    for story in summary["stories"]:
        if not story["ok"]:
            console.print(f"[red]{story['name']}:[/] ", end="")
            console.print(story["problem"], soft_wrap=True, markup=False)
    for problem in [*broken(summary), *summary["problems"]]:
        console.print(f"broken: {problem}", soft_wrap=True, markup=False)


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"
