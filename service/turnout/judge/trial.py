"""What is judged: one canary against one stable release since one moment. Made by the controller and by `replay`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Trial:
    """A canary on trial.

    Args:
        collection: whose searches are counted.
        stable, canary: pod template hashes of the two sides.
        since: the trial's start, Unix seconds.
        window_s: seconds of each window that is counted by; windows are disjoint and begin at `since`.
    """

    collection: str
    stable: str
    canary: str
    since: float
    window_s: float = 30.0
