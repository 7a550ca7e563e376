"""Keeps two rehearsals out of one space: a document that only one can make, with an expiry that its owner moves on.

The owner's beat is a thread, because a page of a hosted model can take minutes. Whoever dies stops to beat, and a
minute later the space is free. Only the server's clock counts: those of two machines may be minutes apart.
"""

from __future__ import annotations

import threading
from types import TracebackType

from elasticsearch import ApiError

from turnout.elastic.reader import Reader
from turnout.elastic.views import write_alias
from turnout.elastic.writer import BulkItem, Writer
from turnout.errors import EnvironmentProblem, Unavailable

HELD_S = 60
BEAT_S = 15.0
_ID = "lock"
_OURS = "ctx._source.owner == params.owner"
_HOLD = "{ ctx._source.owner = params.owner; ctx._source.until = ctx._now + params.held_ms }"
_ELSE = " else { ctx.op = 'noop' }"
_TAKE = f"if (ctx.op == 'create' || ctx._source.until < ctx._now || {_OURS}) {_HOLD}{_ELSE}"
_KEEP = f"if ({_OURS}) {_HOLD}{_ELSE}"
_DROP = f"if ({_OURS}) {{ ctx.op = 'delete' }}{_ELSE}"


class Lock:
    """The lock of one space, by the index of its marker. A context manager that beats while it is open."""

    def __init__(self, writer: Writer, marker: str, owner: str) -> None:
        self._writer, self._marker, self._owner = writer, marker, owner
        self._stop = threading.Event()
        self._lost = False
        self._beating = threading.Thread(target=self._beat, name="rehearsal lock", daemon=True)

    def take(self) -> bool:
        """Whether it is ours now. One atomic call."""
        return self._send(_TAKE, scripted_upsert=True, upsert={})

    def check(self) -> None:
        """Called between the phases and before what is in the space is believed or deleted; moves the expiry on.

        A lock that was lost stays lost, though nobody may hold it any more: whoever did has changed the space.

        Raises:
            EnvironmentProblem: another rehearsal took the space over, because this one stood still for too long.
            Unavailable: Elasticsearch went away.
        """
        self._keep()
        if self._lost:
            raise EnvironmentProblem(
                "another rehearsal took over the space of this one, which stood still for a minute or more",
                where=self._marker,
                remedy="try again",
            )

    def _keep(self) -> None:
        if not self._lost and not self._send(_KEEP):
            self._lost = True

    def _send(self, script: str, **more: object) -> bool:
        params = {"owner": self._owner, "held_ms": 1000 * HELD_S}
        # By the alias: a write to a marker that was deleted meanwhile must not bring an index back.
        item = BulkItem("update", _ID, {"script": {"source": script, "params": params}, **more})
        outcome = next(self._writer.bulk(write_alias(self._marker), [item], require_alias=True))
        return outcome.ok and outcome.result != "noop"

    def _beat(self) -> None:
        while not self._lost and not self._stop.wait(BEAT_S):
            try:
                self._keep()
            except (Unavailable, ApiError):
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
        self._send(_DROP)


def was_taken(reader: Reader, marker: str) -> bool:
    """Whether somebody took the lock and hasn't given it back, dead or alive."""
    return _ID in reader.get_many(marker, [_ID])
