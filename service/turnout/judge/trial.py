"""What is judged: one canary against one stable release since one moment. Made by the controller and by `replay`."""

from __future__ import annotations

import re
from dataclasses import dataclass

TEMPLATE_HASH = re.compile(r"[a-z0-9]{1,63}")
"""A pod template hash, whole: it goes into PromQL and label selectors."""


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
