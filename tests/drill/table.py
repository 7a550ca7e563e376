"""The drill as a Markdown table: tests/drill/TABLE.md, and the part of the README between two marks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from drill.catalogue import ALL
from drill.mutation import Mutation
from drill.outcome import Outcome, tally

TABLE = Path(__file__).parent / "TABLE.md"
BEGIN, END = "<!-- drills -->", "<!-- /drills -->"


def table(outcomes: Mapping[str, Outcome], minutes: float) -> str:
    """Both tables and what was missed, as Markdown."""
    counts = tally(outcomes.values())
    summary = (
        f"{counts.harmful} harmful changes, {counts.harmful_missed} missed; {counts.harmless} harmless ones, "
        f"{counts.harmless_stopped} stopped. {minutes:.0f} minutes."
    )
    harmful = [
        f"| {each.what} | {each.hurts} | {_expected(each)} | {_caught(found)} | {found.seconds:.0f} |"
        for each, found in _pairs(outcomes, harmful=True)
    ]
    harmless = [
        f"| {each.what} | {found.change} | {'stopped by ' + _caught(found) if found.stopped else 'passed'} | "
        f"{found.seconds:.0f} |"
        for each, found in _pairs(outcomes, harmful=False)
    ]
    head = ["| harmful change | what it does to users | expected | caught by | s |", "|---|---|---|---|---|"]
    other = ["| harmless change | class | gate | s |", "|---|---|---|---|"]
    return "\n".join([summary, "", *head, *harmful, *_missed(outcomes), "", *other, *harmless, ""])


def _pairs(outcomes: Mapping[str, Outcome], *, harmful: bool) -> list[tuple[Mutation, Outcome]]:
    return [(each, outcomes[each.name]) for each in ALL if each.harmful is harmful and each.name in outcomes]


def _expected(mutation: Mutation) -> str:
    return "canary" if mutation.canary else mutation.caught.partition(":")[0]


def _caught(outcome: Outcome) -> str:
    if outcome.verdict == "unclear":
        return "not judged: the environment failed"
    return ", ".join(f"`{rule}`" for rule in outcome.caught) if outcome.stopped else "**missed**"


def _missed(outcomes: Mapping[str, Outcome]) -> list[str]:
    missed = [(each, found) for each, found in _pairs(outcomes, harmful=True) if found.verdict == "pass"]
    lines = [f"- {each.what}: {each.canary or 'no reason is known why it should be'}." for each, _ in missed]
    return ["", "Missed, and why:", "", *lines] if lines else []


def write(outcomes: Mapping[str, Outcome], minutes: float, path: Path = TABLE) -> None:
    """Write TABLE.md."""
    path.write_text(f"# Gate drills\n\nMade by `make drill`; don't edit it.\n\n{table(outcomes, minutes)}")


def into_readme(readme: Path, made: Path = TABLE) -> None:
    """Put the table of TABLE.md between the marks of a README.

    Raises:
        ValueError: the README lacks a mark.
    """
    before, mark, rest = readme.read_text().partition(BEGIN)
    _, other, after = rest.partition(END)
    if not mark or not other:
        raise ValueError(f"{readme} lacks {BEGIN} or {END}")
    content = made.read_text().split("\n\n", 2)[2]
    readme.write_text(f"{before}{BEGIN}\n{content}{END}{after}")
