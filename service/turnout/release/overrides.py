"""Permissions to break a rule end by themselves: which of overrides.yaml have ended, or reach too far. Called by
`checking`, which gets the day from its caller."""

from __future__ import annotations

import calendar
from collections.abc import Iterator

from turnout.errors import BadInput
from turnout.release.artifacts import Overrides
from turnout.release.document import Document
from turnout.release.findings import Finding, shown

MAX_DAYS = 30


def day_number(text: str) -> int | None:
    """Days since 1970-01-01 of an ISO date; None for a day that no calendar has."""
    try:
        year, month, day = (int(part) for part in text.split("-"))
        if not 1 <= day <= calendar.monthrange(year, month)[1]:
            return None
        return calendar.timegm((year, month, day, 0, 0, 0)) // 86_400
    except (ValueError, OverflowError):  # IllegalMonthError is a ValueError
        return None


def ended_overrides(document: Document, overrides: Overrides, today: str) -> Iterator[Finding]:
    """Findings about the days of overrides; `today` is an ISO date.

    Raises:
        BadInput: today is no date.
    """
    now = day_number(today)
    if now is None:
        raise BadInput(f"{shown(today)} is not a day", where="today", remedy="give an ISO date, YYYY-MM-DD")
    for place, override in enumerate(overrides.overrides):
        path = ("overrides", place, "expires")
        last = day_number(override.expires)
        if last is None:
            problem = f"{shown(override.expires)} is not a day"
            yield document.finding(path, "bad-date", problem, "write the last day as YYYY-MM-DD")
        elif last < now:
            problem = f"the permission to break {override.rule} ended on {override.expires}"
            yield document.finding(path, "override-expired", problem, "mend what it allowed and drop it")
        elif last > now + MAX_DAYS:
            problem = f"{override.expires} is {last - now} days ahead, more than {MAX_DAYS}"
            yield document.finding(path, "override-too-long", problem, "name a nearer day and renew it in a review")
