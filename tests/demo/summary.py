"""The figures of the demo, and whether they keep the promises."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from demo.accounting import Account
from demo.traffic import Load
from demo.trials import Tried

LEAST_REQUESTS = 1000


@dataclass
class Outcome:
    """What the acts found. `seconds` by act; `quality` is the check of release B's verify; `refused` by bad release.

    `marks` are moments in seconds since the load began; `views` the views of releases A and B; `canary` the trials, or
    `canary_left_out` says why there were none.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    quality: dict[str, Any] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    marks: list[tuple[float, str]] = field(default_factory=list)
    views: list[str] = field(default_factory=list)
    canary: list[Tried] = field(default_factory=list)
    canary_left_out: str = ""


def summarize(outcome: Outcome, load: Load, account: Account) -> dict[str, Any]:
    """build/demo/summary.json."""
    metric = outcome.quality["metrics"][outcome.quality["metric"]]
    return {
        "requests": {
            "sent": load.searches.sent,
            "failed": load.searches.failed,
            "mixed": load.searches.mixed,
            "degraded": load.searches.degraded,
        },
        "alias_reader": {"sent": load.alias_reads.sent, "failed": load.alias_reads.failed},
        "writes": {"acknowledged": load.writes.acknowledged, "missing": len(account.missing)},
        "deletes": {"acknowledged": load.writes.deleted, "resurrected": len(account.resurrected)},
        "writer": {"failed": load.writes.failed},
        "quality": {
            "metric": outcome.quality["metric"],
            "a": metric["live"],
            "b": metric["candidate"],
            "gain": metric["gain"],
            "gain_low": metric["gain_low"],
            "gain_high": metric["gain_high"],
        },
        "refused": outcome.refused,
        "canary": {"left_out": outcome.canary_left_out, "trials": [tried.figures() for tried in outcome.canary]},
        "seconds": {name: round(seconds, 1) for name, seconds in outcome.seconds.items()},
    }


def broken(summary: dict[str, Any]) -> list[str]:
    """The promises that the figures don't keep."""
    zeros = [
        ("requests", "failed"),
        ("requests", "mixed"),
        ("alias_reader", "failed"),
        ("writes", "missing"),
        ("deletes", "resurrected"),
    ]
    found = [f"{group}.{name} is {summary[group][name]}, not 0" for group, name in zeros if summary[group][name] != 0]
    if summary["requests"]["sent"] < LEAST_REQUESTS:
        found.append(f"requests.sent is {summary['requests']['sent']}, less than {LEAST_REQUESTS}")
    if not summary["quality"]["gain_low"] > 0:
        found.append(f"quality.gain_low is {summary['quality']['gain_low']:.4f}, not above 0")
    return [*found, *(problem for trial in summary["canary"]["trials"] for problem in _broken_trial(trial))]


def _broken_trial(trial: dict[str, Any]) -> list[str]:
    """What is wrong with one canary: its verdict, or what followed from it."""
    found = []
    name, expected = f"canary {trial['name']}", trial["expected"]
    if trial["verdict"] != expected:
        found.append(f"{name}: the verdict is {trial['verdict']}, not {expected}: {trial['reason']}")
    if trial["alias_moved"] != (expected == "pass"):
        found.append(f"{name}: the alias {'moved' if trial['alias_moved'] else 'did not move'}")
    return found


def write(summary: dict[str, Any], path: Path) -> None:
    """Write summary.json."""
    path.write_bytes(orjson.dumps(summary, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def show(summary: dict[str, Any], console: Console) -> None:
    """The closing table."""
    table = Table(title="What happened", show_header=False, title_justify="left")
    for group in ("requests", "alias_reader", "writes", "deletes"):
        table.add_row(group, ", ".join(f"{name} {value}" for name, value in summary[group].items()))
    quality = summary["quality"]
    table.add_row(
        "quality",
        f"{quality['metric']} {quality['a']:.3f} -> {quality['b']:.3f}, "
        f"gain {quality['gain']:+.3f} (95 %: {quality['gain_low']:+.3f} to {quality['gain_high']:+.3f})",
    )
    for name, stage in summary["refused"].items():
        table.add_row(f"refused: {name}", stage)
    for trial in summary["canary"]["trials"]:
        alias = "alias moved" if trial["alias_moved"] else "alias stayed"
        what = f"{trial['verdict']} after {trial['seconds']} s and {trial['requests']} searches, {alias}"
        table.add_row(f"canary: {trial['name']}", what)
    if summary["canary"]["left_out"]:
        table.add_row("canary", "left out, there is no Prometheus")
    table.add_row("seconds", ", ".join(f"{name} {value}" for name, value in summary["seconds"].items()))
    console.print(table)
