"""What became of a mutation, as a value that is appended to a file of JSON lines as soon as it is known."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec

Verdict = Literal["pass", "fail", "inconclusive", "unclear"]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a mutation ended.

    `caught` holds what stands against it, as `step: rule`. `unclear` means that the environment stopped it: nothing was
    judged, and the drill has to be repeated. `gain` is head minus base in the gate's metric, where it was measured.
    """

    name: str
    harmful: bool
    verdict: Verdict
    caught: tuple[str, ...]
    change: str
    seconds: float
    gain: float | None = None
    recall: float | None = None
    """ANN recall of the head."""
    why: str = ""
    """The first finding in words."""

    @property
    def stopped(self) -> bool:
        """Whether the gate says no; not knowing is a no, too."""
        return self.verdict in ("fail", "inconclusive")

    @property
    def wrong(self) -> bool:
        """A harmful one that went through, or a harmless one that didn't."""
        return self.stopped is not self.harmful


def read(path: Path) -> dict[str, Outcome]:
    """The outcomes of an earlier drill by name; a torn last line and unclear ones are left out."""
    found: dict[str, Outcome] = {}
    for line in path.read_bytes().splitlines() if path.exists() else ():
        try:
            outcome = msgspec.json.decode(line, type=Outcome)
        except msgspec.DecodeError:
            continue
        if outcome.verdict != "unclear":
            found[outcome.name] = outcome
    return found


def append(path: Path, outcome: Outcome) -> None:
    """Add a line."""
    with path.open("ab") as file:
        file.write(msgspec.json.encode(outcome) + b"\n")


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of a drill."""

    harmful: int
    harmless: int
    harmful_missed: int
    harmless_stopped: int
    unclear: int


def tally(outcomes: Iterable[Outcome]) -> Tally:
    """Count."""
    found = tuple(outcomes)
    judged = [outcome for outcome in found if outcome.verdict != "unclear"]
    return Tally(
        harmful=sum(outcome.harmful for outcome in judged),
        harmless=sum(not outcome.harmful for outcome in judged),
        harmful_missed=sum(outcome.harmful and outcome.wrong for outcome in judged),
        harmless_stopped=sum(not outcome.harmful and outcome.wrong for outcome in judged),
        unclear=len(found) - len(judged),
    )
