"""What the load saw, one event for each request, as JSON lines: written by `load`, read by the stories' run.

Times are seconds of the machine's monotonic clock, which is the same in all processes. No query and no document text is
in them: a note's text follows from its number.
"""

from __future__ import annotations

from pathlib import Path
from typing import IO, Literal

import msgspec

Kind = Literal["search", "alias", "upsert", "delete"]


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One request, its repetition included.

    `at` and `until` are its begin and end. `status` is the HTTP status, 0 if there was no answer, for writes 200 once
    it was acknowledged. `tries` is 2 if the first connection was dropped. `release`, `view`, `degraded` and `fault` are
    what the answer said about itself; `fault` is only in errors that a faulty image makes up. `key` and `number` are a
    write's document and the number in its text; `reason` is why there was no good answer.
    """

    kind: Kind
    at: float
    until: float
    status: int
    tries: int = 1
    release: str = ""
    view: str = ""
    degraded: str = ""
    fault: str = ""
    key: str = ""
    number: int = 0
    reason: str = ""

    @property
    def ok(self) -> bool:
        """A good answer."""
        return 200 <= self.status < 300


def note(number: int) -> str:
    """The text of the note that was written as number `number`."""
    return f"A note that was written as number {number} while the index was being rebuilt."


class EventLog:
    """A file of events that another process appends to. Keeps what it has read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._decoder = msgspec.json.Decoder(Event)
        self._events: list[Event] = []
        self._file: IO[bytes] | None = None
        self._rest = b""

    def read(self) -> list[Event]:
        """All events so far, in the order in which they ended."""
        if self._file is None:
            if not self._path.exists():
                return []
            self._file = self._path.open("rb")
        *lines, self._rest = (self._rest + self._file.read()).split(b"\n")
        self._events += [self._decoder.decode(line) for line in lines]
        return self._events

    def since(self, moment: float) -> list[Event]:
        """The events that ended at or after `moment`."""
        return [event for event in self.read() if event.until >= moment]

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
