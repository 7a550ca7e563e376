"""Does the plan's classifier say what the real server does? Every type and transition that it claims to know.

`measure(url)` is called by the bench of the gate; alone, this prints the matrix and writes `classifier` into gate.json.
An integration test runs a seeded few of the same cases.
"""

from __future__ import annotations

import os
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.gate_file import keep
from support.classifier_cases import field_cases
from support.classifier_server import Outcome, field_outcomes, known_here
from support.classifier_settings import whole_cases
from support.classifier_vectors import OPTIONS
from support.classifier_whole import whole_outcomes
from turnout.cli.settings import from_environment
from turnout.elastic import node
from turnout.elastic.client import connect
from turnout.plan import Change
from turnout.plan.types import KNOWN_TYPES

SECTION = "classifier"
_LETTER = {"takes": "T", "refuses": "r", "not asked": "-"}


def measure(url: str) -> dict[str, Any]:
    """Hold the classifier against the server at `url`; prints the matrix, returns the figures.

    `agreement` is the share of cases with a claim in which server and rule say the same and, for class in-place, the
    stable release's documents and searches went on as before.
    """
    started = time.monotonic()
    prefix = f"turnout-bench-{uuid.uuid4().hex[:8]}-"
    with connect(url) as client:
        try:
            types = known_here(client, prefix)
            outcomes = [*field_outcomes(client, prefix, field_cases(types))]
            outcomes += whole_outcomes(client, prefix, whole_cases())
        finally:
            left = list(client.indices.get(index=f"{prefix}*", expand_wildcards="all"))
            if left:
                client.indices.delete(index=left)
    figures = summary(outcomes)
    figures |= {"not_measurable": sorted(KNOWN_TYPES - types), "seconds": round(time.monotonic() - started, 1)}
    for part in rendered(outcomes, figures):
        Console(width=140).print(part)
    return figures


def summary(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The figures of these outcomes."""
    counted = [outcome for outcome in outcomes if outcome.agreed is not None]
    wrong = [outcome for outcome in counted if not outcome.agreed]
    return {
        "agreement": round(1 - len(wrong) / len(counted), 4) if counted else None,
        "cases": len(counted),
        "disagreements": [
            f"{item.group}: {item.what}: {item.claim} ({item.change.value}), server {item.answer}: "
            f"{item.harmed or item.words}"[:300]
            for item in wrong
        ],
        "unclaimed": len(outcomes) - len(counted),
        "unclaimed_in_place": sum(item.claim == "unknown" and item.change <= Change.IN_PLACE for item in outcomes),
        "matrix": {
            group: _counts([item for item in outcomes if item.group == group])
            for group in sorted({item.group for item in outcomes})
        },
        "index_options": _transitions(outcomes),
    }


def _counts(outcomes: Sequence[Outcome]) -> dict[str, int]:
    said = Counter(item.claim if item.agreed is not None else "unclaimed" for item in outcomes)
    return {
        "cases": len(outcomes),
        **{word: said[word] for word in ("takes", "refuses", "unclaimed")},
        "in_place": sum(item.change is Change.IN_PLACE for item in outcomes),
        "disagreements": sum(item.agreed is False for item in outcomes),
    }


def _transitions(outcomes: Sequence[Outcome]) -> dict[str, dict[str, str]]:
    """What the server does with each change of the type of index_options, at 64 dims."""
    found: dict[str, dict[str, str]] = {kind: {} for kind in OPTIONS}
    for item in outcomes:
        for old in OPTIONS:
            for new in OPTIONS:
                if item.what == f"index_options {old} → {new} (float, 64 dims)":
                    found[old][new] = item.answer
    return found


def rendered(outcomes: Sequence[Outcome], figures: dict[str, Any]) -> Iterator[Any]:
    """What to print, in order."""
    yield _by_type(figures["matrix"])
    yield _by_parameter(outcomes)
    yield _grid(figures["index_options"])
    if figures["not_measurable"]:
        yield Text(f"not on this server, so not measured: {', '.join(figures['not_measurable'])}")
    yield Text(
        f"agreement {figures['agreement']} over {figures['cases']} cases; the rules claim nothing about "
        f"{figures['unclaimed']} more, {figures['unclaimed_in_place']} of them in-place; {figures['seconds']} s"
    )
    for line in figures["disagreements"]:
        yield Text(line, style="red")


def _by_type(matrix: dict[str, dict[str, int]]) -> Table:
    names = ("cases", "takes", "refuses", "unclaimed", "in_place", "disagreements")
    table = Table("type", *names, title="claims by type", box=None)
    for group, counts in matrix.items():
        table.add_row(group, *(str(counts[name]) for name in names))
    return table


def _by_parameter(outcomes: Sequence[Outcome]) -> Table:
    """A letter per case, in the order generated: T taken, r refused, - not asked; a question mark where unclaimed."""
    table = Table("type", "cases", title="T takes, r refuses, - not asked, ? the rules claim nothing", box=None)
    for group in sorted({item.group for item in outcomes}):
        found: dict[str, str] = {}
        for item in outcomes:
            if item.group == group:
                name = item.what.split(":")[0].split(" → ")[0].split(" of ")[0]
                name = "index_options" if name.startswith("index_options ") else name
                mark = "!" if item.agreed is False else "?" if item.agreed is None else ""
                found[name] = found.get(name, "") + mark + _LETTER[item.answer]
        table.add_row(group, Text("  ".join(f"{name} {marks}" for name, marks in found.items()), overflow="fold"))
    return table


def _grid(transitions: dict[str, dict[str, str]]) -> Table:
    table = Table("from \\ to", *transitions, title="index_options, 64 dims", box=None)
    for old, row in transitions.items():
        table.add_row(old, *("." if new == old else _LETTER.get(row.get(new, ""), " ") for new in transitions))
    return table


def main() -> int:
    """Measure on the server of the environment, write, and fail unless all agree."""
    figures = measure(node.ensure(from_environment().build, env=os.environ, port=0).url)
    keep(SECTION, figures)
    return 0 if figures["agreement"] == 1 and not figures["unclaimed_in_place"] else 1


if __name__ == "__main__":
    sys.exit(main())
