"""Moments as people write them on a command line: ISO 8601, Unix seconds, or how long ago. Used by `judge`."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from turnout.errors import BadInput
from turnout.release.findings import printable

_AGO = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|m|h|d|w)", re.ASCII)
_UNIX = re.compile(r"\d{9,11}(?:\.\d+)?", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def moment(text: str, *, option: str, now: float) -> float:
    """Unix seconds.

    Args:
        text: `2026-03-01T10:00:00Z`, with another zone or none (then UTC), also a day alone; Unix seconds; or how long
            ago: `90s`, `15m`, `2h`, `3d`, `1w`.
        option: where the text was given, for the error.
        now: Unix seconds.

    Raises:
        BadInput: none of these.
    """
    text = text.strip()
    if ago := _AGO.fullmatch(text):
        return now - float(ago[1]) * _SECONDS[ago[2]]
    if _UNIX.fullmatch(text):
        return float(text)
    try:
        when = datetime.fromisoformat(text)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        remedy = "give a time such as 2026-03-01T10:00:00Z, Unix seconds, or how long ago: 90s, 15m, 2h, 3d"
        raise BadInput(f"{printable(text)!r} is no time", where=option, remedy=remedy) from None


def shown(seconds: float) -> str:
    """A moment as people read it, to the second, in UTC; it can be given to `--since` again."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return "a time beyond all calendars"


def lasting(seconds: float) -> str:
    """A length of time as people read it: `45 s`, `12 min`, `2 h 5 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"
