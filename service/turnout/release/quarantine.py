"""Releases that failed are refused: is this one of them, and is the list itself sound? Called by `checking`.

A release is known by its content. Any edit gives another release, which has to prove itself like every other.
"""

from __future__ import annotations

from collections.abc import Iterator

from turnout.release.artifacts import Quarantine
from turnout.release.days import day_number, known_day, not_a_day
from turnout.release.document import Document
from turnout.release.findings import Finding, shown

QUARANTINED = "quarantined"
"""The name of the rule; no override lifts it."""


def quarantine_findings(document: Document, quarantine: Quarantine, today: str) -> Iterator[Finding]:
    """Findings about the entries themselves; `today` is an ISO date.

    Raises:
        BadInput: today is no date.
    """
    now = known_day(today)
    first: dict[str, int] = {}
    for place, entry in enumerate(quarantine.releases):
        path = ("releases", place, "since")
        since = day_number(entry.since)
        if since is None:
            yield not_a_day(document, path, entry.since)
        elif since > now:
            problem = f"{entry.since} is {since - now} days ahead"
            yield document.finding(path, "quarantine-ahead", problem, "write the day on which the release failed")
        if entry.release in first:
            problem = f"{entry.release} is in quarantine already, entry {first[entry.release] + 1}"
            yield document.finding(("releases", place, "release"), "quarantine-twice", problem, "keep one of them")
        first.setdefault(entry.release, place)


def quarantined(document: Document, quarantine: Quarantine, release_id: str) -> Iterator[Finding]:
    """A finding if the release that the artifacts give is in quarantine."""
    for place, entry in enumerate(quarantine.releases):
        if entry.release == release_id:
            problem = f"the artifacts give {release_id}, in quarantine since {entry.since}: {shown(entry.reason)}"
            remedy = "go back to the release before (git revert), or mend what it failed at; no override lifts this"
            yield document.finding(("releases", place, "release"), QUARANTINED, problem, remedy)
            return
