"""Keeps two rehearsals out of one space: a document that only one can make, with an expiry that its owner moves on.

The owner's beat is a thread, because a page of a hosted model can take minutes. Whoever dies stops to beat, and a
minute later the space is free.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from types import TracebackType

from turnout.elastic.reader import Reader
from turnout.elastic.views import write_alias
from turnout.elastic.writer import BulkItem, Writer
from turnout.errors import EnvironmentProblem, Unavailable

HELD_S = 60
BEAT_S = 15.0
_ID = "lock"
_TAKE = (
    "if (ctx.op == 'create' || ctx._source.until < params.now || ctx._source.owner == params.owner)"
    " { ctx._source.owner = params.owner; ctx._source.until = params.until } else { ctx.op = 'noop' }"
)
_DROP = "if (ctx._source.owner == params.owner) { ctx.op = 'delete' } else { ctx.op = 'noop' }"


def seconds(at: str) -> int:
    """A time as seconds, to be compared by the server."""
    return int(datetime.fromisoformat(at).timestamp())


class Lock:
    """The lock of one space, by the index of its marker. A context manager that beats while it is open."""

    def __init__(self, writer: Writer, marker: str, owner: str, now: Callable[[], str]) -> None:
        self._writer, self._marker, self._owner, self._now = writer, marker, owner, now
        self._stop = threading.Event()
        self._lost = False
        self._beating = threading.Thread(target=self._beat, name="rehearsal lock", daemon=True)

    def take(self) -> bool:
        """Whether it is ours now. One atomic call; taking again moves the expiry on."""
        now = seconds(self._now())
        script = {"source": _TAKE, "params": {"owner": self._owner, "now": now, "until": now + HELD_S}}
        return self._send({"scripted_upsert": True, "upsert": {}, "script": script})

    def check(self) -> None:
        """Called between the phases.

        Raises:
            EnvironmentProblem: another rehearsal took the space over, because this one stood still for too long.
        """
        if self._lost:
            raise EnvironmentProblem(
                "another rehearsal took over the space of this one, which stood still for a minute or more",
                where=self._marker,
                remedy="try again",
            )

    def _send(self, body: dict[str, object]) -> bool:
        # By the alias: a write to a marker that was deleted meanwhile must not bring an index back.
        item = BulkItem("update", _ID, body)
        outcome = next(self._writer.bulk(write_alias(self._marker), [item], require_alias=True))
        return outcome.ok and outcome.result != "noop"

    def _beat(self) -> None:
        while not self._stop.wait(BEAT_S):
            try:
                self._lost = not self.take()
            except Unavailable:
                continue  # the rehearsal itself will notice

    def __enter__(self) -> Lock:
        self._beating.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._beating.join()

    def drop(self) -> None:
        """Give it back, if it is ours still."""
        self._send({"script": {"source": _DROP, "params": {"owner": self._owner}}})


def is_held(reader: Reader, marker: str, now: str) -> bool | None:
    """Whether somebody holds the lock; None if nobody ever took it."""
    found = reader.get_many(marker, [_ID]).get(_ID)
    return None if found is None else int(found.source["until"]) >= seconds(now)
