"""What the exercise came to: build/exercise/summary.json, a table, and whether one of the zeros isn't zero."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from exercise.monitoring import Rule
from exercise.runbook import Entry
from exercise.schedule import Played
from exercise.shell import Ran

ZEROS = (
    "metrics.unaccounted",
    "panels.empty",
    "alerts.without_tests",
    "alerts.without_runbook",
    "restore.documents_lost",
    "restore.deletes_undone",
    "manifests.findings",
    "commands.failed",
)
"""Figures that must be 0."""


def alerts_figures(rules: Mapping[str, Rule], played: Sequence[Played]) -> dict[str, Any]:
    """Which alerts fired how fast, and which only rule tests show."""
    fired = [each for one in played for each in one.fired]
    exercised = {each.alert for each in fired}
    return {
        "fired": [
            {
                "alert": each.alert,
                "fault": each.fault,
                "seconds": each.seconds,
                "promise_seconds": each.promise,
                "within": each.within,
                "seconds_until_delivered": each.delivered,
                "seconds_from_mending_to_resolved": each.resolved,
                "end_by_rule_test": each.outlasts,
            }
            for each in fired
        ],
        "by_rule_test": sorted(rules.keys() - exercised),
        "late": sum(not each.within for each in fired),
    }


def commands_figures(entries: Mapping[str, Entry], ran: Sequence[Ran]) -> dict[str, Any]:
    """How many of the runbook's blocks were run, which failed, and which were not run and why."""
    texts = {each.text for each in ran}
    left = [(name, block) for name, entry in entries.items() for block in entry.blocks if block.text not in texts]
    failed = [each for each in ran if each.failed]
    return {
        "blocks": sum(len(entry.blocks) for entry in entries.values()),
        "run": len(texts),
        "runs": len(ran),
        "failed": len(failed),
        "failures": [{"entry": each.entry, "failed": list(each.failed)} for each in failed],
        "not_run": [{"entry": name, "block": block.text.splitlines()[0]} for name, block in left],
    }


def value(summary: Mapping[str, Any], name: str) -> Any:
    """A figure by its dotted name; None if it couldn't be had."""
    group, _, key = name.partition(".")
    return summary.get(group, {}).get(key)


def broken(summary: Mapping[str, Any]) -> list[str]:
    """What isn't as it must be: figures that aren't 0, alerts that came late or never."""
    needed = [name for name in ZEROS if summary["whole"] or value(summary, name) is not None]
    told = [f"{name} is {value(summary, name)}, not 0" for name in needed if value(summary, name) != 0]
    for each in summary["alerts"]["fired"]:
        if not each["within"]:
            told.append(f"{each['alert']}: {each['seconds']} s after {each['fault']}, not {each['promise_seconds']} s")
        elif each["seconds_from_mending_to_resolved"] is None and not each["end_by_rule_test"]:
            told.append(f"{each['alert']} wasn't over after {each['fault']} was mended")
    return told + [f"{name}: {text}" for name, text in summary["problems"]]


def write(summary: Mapping[str, Any], path: Path) -> None:
    """Write summary.json."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(orjson.dumps(summary, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def show(summary: Mapping[str, Any], console: Console) -> None:
    """The closing tables."""
    table = Table(title="Alerts", title_justify="left", box=None, padding=(0, 2, 0, 0))
    for column in ("alert", "fault", "seconds", "promise", "delivered", "over after"):
        table.add_column(column, justify="left" if column in ("alert", "fault") else "right")
    for each in summary["alerts"]["fired"]:
        numbers = (each["seconds"], each["promise_seconds"], each["seconds_until_delivered"])
        over = each["seconds_from_mending_to_resolved"]
        table.add_row(each["alert"], each["fault"], *map(_shown, (*numbers, over)))
    console.print(table)
    console.print(f"by rule test: {', '.join(summary['alerts']['by_rule_test'])}", soft_wrap=True)
    console.print(", ".join(f"{name} {value(summary, name)}" for name in ZEROS), soft_wrap=True)
    for problem in broken(summary):
        console.print(f"broken: {problem}", soft_wrap=True, markup=False)


def _shown(number: float | None) -> str:
    return "-" if number is None else f"{number:.0f}"
