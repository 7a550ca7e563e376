"""Wait for something to become true, with a bound and a last word about what it was instead."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

POLL_S = 0.5
PATIENCE = 2.5
"""The bounds of all waits are for two quiet cores. This many times as long is waited, for a machine with other work: a
wait that is given up too early is no finding."""


class Late(Exception):
    """Something that a story waits for didn't come in time, or another thing came; says what was seen last."""


def until(what: str, look: Callable[[], T | None], *, seconds: float, poll: float = POLL_S) -> T:
    """Call `look` until it gives something that counts as true, and return that.

    Args:
        look: may raise `Late` to end the waiting at once. What it raises otherwise is passed on.

    Raises:
        Late: not within `seconds` times `PATIENCE`.
    """
    seconds *= PATIENCE
    end = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() >= end:
            raise Late(f"{what}: not within {seconds:.0f} s")
        time.sleep(poll)


def until_told(what: str, look: Callable[[], str], *, seconds: float, poll: float = POLL_S) -> float:
    """Call `look` until it has nothing more to complain about; the seconds that it took.

    Raises:
        Late: not within `seconds` times `PATIENCE`; the message holds the last complaint.
    """
    seconds *= PATIENCE
    began = time.monotonic()
    while True:
        complaint = look()
        if not complaint:
            return time.monotonic() - began
        if time.monotonic() - began >= seconds:
            raise Late(f"{what}: not within {seconds:.0f} s; {complaint}")
        time.sleep(poll)
