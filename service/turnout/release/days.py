"""Days in artifact files: ISO dates in UTC, and permissions that end on one. Used by overrides, policy, quarantine."""

from __future__ import annotations

import calendar

from turnout.errors import BadInput
from turnout.release.document import Document
from turnout.release.findings import Finding, Path, shown

MAX_DAYS = 30
"""The furthest that a permission may reach, in days from today."""


def day_number(text: str) -> int | None:
    """Days since 1970-01-01 of an ISO date; None for a day that no calendar has."""
    try:
        year, month, day = (int(part) for part in text.split("-"))
        if not 1 <= day <= calendar.monthrange(year, month)[1]:
            return None
        return calendar.timegm((year, month, day, 0, 0, 0)) // 86_400
    except (ValueError, OverflowError):  # IllegalMonthError is a ValueError
        return None


def known_day(today: str) -> int:
    """The number of a day that a caller gives.

    Raises:
        BadInput: it is no date.
    """
    now = day_number(today)
    if now is None:
        raise BadInput(f"{shown(today)} is not a day", where="today", remedy="give an ISO date, YYYY-MM-DD")
    return now


def not_a_day(document: Document, path: Path, text: str) -> Finding:
    """The finding about a day that no calendar has."""
    return document.finding(path, "bad-date", f"{shown(text)} is not a day", "write the day as YYYY-MM-DD")


def expiry_finding(document: Document, path: Path, expires: str, now: int, what: str) -> Finding | None:
    """What is wrong with the last day of a permission, at `path`; None if it holds today and ends soon enough.

    Args:
        now: the number of today.
        what: the permission in words, the subject of a sentence.
    """
    last = day_number(expires)
    if last is None:
        return not_a_day(document, path, expires)
    if last < now:
        problem = f"{what} ended on {expires}"
        return document.finding(path, "override-expired", problem, "mend what it allowed and drop it")
    if last > now + MAX_DAYS:
        problem = f"{expires} is {last - now} days ahead, more than {MAX_DAYS}"
        return document.finding(path, "override-too-long", problem, "name a nearer day and renew it in a review")
    return None
