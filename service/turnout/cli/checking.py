"""How `turnout check` speaks: progress while it works, annotations for a code host, and its exit code."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from typing import NamedTuple

from rich.console import Console
from rich.status import Status

from turnout.cli.findings import annotation
from turnout.gate.result import CheckReport, GateFinding
from turnout.gate.steps import Began, Ended, Event
from turnout.release.findings import printable

_PLACE = re.compile(r"(?P<file>(?:schemas|pipelines)/[^:]+)(?::(?P<line>\d+))?(?::(?P<col>\d+))?")
_COMMIT = re.compile(r"[0-9a-f]{12}:")


class Asked(NamedTuple):
    """How the user wants it done: worker processes (None for one on each core), and services to ask for their load."""

    processes: int | None
    metrics_urls: tuple[str, ...]


class Progress:
    """Tells on stderr what is being done: a line that changes on a terminal, and one line for each step that ended."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status = Status("", console=console) if console.is_terminal else None
        self._doing = ""

    def __enter__(self) -> Progress:
        if self._status:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status:
            self._status.stop()

    def __call__(self, event: Event) -> None:
        """Show one event."""
        name = printable(event.collection)
        match event:
            case Began(step=step):
                self._doing = f"{name}: {step}"
                self._show(self._doing)
            case Ended(step=step, seconds=seconds, outcome=outcome):
                self.say(f"{name}: {step}: {outcome} ({seconds:.1f} s)")

    def detail(self, text: str) -> None:
        """What a long step is at, for a terminal only."""
        self._show(f"{self._doing}: {printable(text)}")

    def say(self, line: str) -> None:
        """One line that stays."""
        self._console.print(line, soft_wrap=True, highlight=False, markup=False)

    def crashed(self, error: Exception) -> None:
        """Where a mistake in turnout lies. Its message is left out: it could quote a document or a key."""
        self.say(f"{type(error).__name__} in turnout:\n{''.join(traceback.format_tb(error.__traceback__))}".rstrip())

    def _show(self, text: str) -> None:
        if self._status:
            self._status.update(text.replace("[", r"\["))


def exit_code(report: CheckReport) -> int:
    """0 pass; 1 fail or inconclusive; 3 if it is inconclusive because of the environment."""
    if report.verdict == "inconclusive" and any(each.step == "environment" for each in all_findings(report)):
        return 3
    return 0 if report.verdict == "pass" else 1


def all_findings(report: CheckReport) -> Iterator[GateFinding]:
    """Those of no collection first."""
    yield from report.findings
    for collection in report.collections:
        yield from collection.findings


def as_annotations(report: CheckReport) -> Iterator[str]:
    """A line for each finding, as GitHub puts it beside the line of the file; then the verdict."""
    for finding in all_findings(report):
        level = "error" if finding.verdict != "pass" else "warning" if finding.lifted_by else "notice"
        message = ". ".join(part for part in (finding.what, finding.remedy, _lifted(finding)) if part)
        yield annotation(level, message, _place(finding))  # type: ignore[arg-type]
    yield f"{len(report.collections)} collections checked against {report.base_commit[:12]}: {report.verdict}"


def _lifted(finding: GateFinding) -> str:
    return f"Lifted by an override: {finding.lifted_by}" if finding.lifted_by else ""


def _place(finding: GateFinding) -> dict[str, str]:
    found = _PLACE.match(_COMMIT.sub("", finding.where, count=1))
    place: dict[str, str] = {name: value for name, value in found.groupdict().items() if value} if found else {}
    return {**place, "title": f"turnout {finding.step}: {finding.rule}"}
