"""Compares one view with documents, on a thread of its own, and holds what came of it. Made by `comparing`."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TypeAlias

from turnout.controller.act import told
from turnout.controller.flips import Waiting
from turnout.controller.tools import Deposed, Tools
from turnout.elastic.state import ParityRecord
from turnout.elastic.views import View
from turnout.errors import TurnoutError
from turnout.verify.parity import parity
from turnout.verify.report import Check

log = logging.getLogger(__name__)
_PATIENCE_S = 120.0
"""Seconds that one comparison waits for the follower, in all."""

AT_ONCE = 2
"""Comparisons of this process, whatever the collections; the others wait. Each reads two indexes from end to end, and
after an update all are due at once: users would feel that."""
_SLOTS = threading.BoundedSemaphore(AT_ONCE)
_POLL_S = 0.5

Compare: TypeAlias = Callable[[View, Tools, Callable[[], None]], Check]
"""Compares; the last argument raises `Deposed` when it should stop."""


def compare(view: View, tools: Tools, check: Callable[[], None]) -> Check:
    """Parity of a view, with its follower's help: what differs is looked at again after that caught up."""
    waiting = Waiting(tools.elastic, tools.names, view.index, check=check, patience_s=_PATIENCE_S)
    return parity(tools.elastic, tools.names, view, catch_up=waiting, check=check)


class Comparison:
    """One comparison. It reads and changes nothing; it stops by itself when this replica may not act.

    Attributes:
        found: set when it came to an end by itself.
        ended: it is over, with or without a result.
    """

    def __init__(self, view: View, tools: Tools, *, compare: Compare) -> None:
        self.view = view
        self._tools, self._compare = tools, compare
        self._stop = threading.Event()
        self.found: Check | None = None
        self.ended = False

    def start(self) -> None:
        """Begin, and return."""
        threading.Thread(target=self._work, name="parity", daemon=True).start()

    def stop(self) -> None:
        """End at the next page that is read; there will be no result."""
        self._stop.set()

    def record(self, before: ParityRecord | None, *, collection: str, at: str) -> ParityRecord:
        """The record of the result. If there is none, what was known before stays."""
        found = self.found
        if found is not None and found.verdict != "inconclusive":
            differing = found.evidence.get("differences", {})
            differences = {kind: int(each["count"]) for kind, each in differing.items()}
            compared_at, reason = at, ""
        else:
            differences = before.differences if before is not None else {}
            compared_at = before.compared_at if before is not None else ""
            reason = found.reason if found is not None else "it was stopped"
        return ParityRecord(
            collection=collection,
            at=at,
            view=self.view.index,
            view_uuid=self.view.uuid,
            compared_at=compared_at,
            differences=differences,
            reason=reason,
        )

    def _work(self) -> None:
        try:
            while not _SLOTS.acquire(timeout=_POLL_S):
                self._check()
            try:
                self._check()
                self.found = self._compare(self.view, self._tools, self._check)
            finally:
                _SLOTS.release()
        except Deposed:
            log.info("comparing %s was stopped", self.view.index)
        except Exception as error:
            if not isinstance(error, TurnoutError):
                log.exception("%s can't be compared", self.view.index)
            self.found = Check(name="parity", verdict="inconclusive", reason=told(error))
        finally:
            self.ended = True

    def _check(self) -> None:
        if self._stop.is_set():
            raise Deposed
        self._tools.check()
