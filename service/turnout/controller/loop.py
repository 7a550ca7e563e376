"""The controller's loop: every few seconds each collection gets a round, while this replica leads. Run by the CLI.

A timer and nothing else: what is missed now is seen the next time. Each round has a thread of its own, a few at once,
so that a comparison that takes minutes holds up its own collection only. The threads are daemons: one that reads a
large index when the process is told to end has nothing to lose, and must not keep the lease from being given back.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from turnout.controller.board import Board
from turnout.controller.look import collections
from turnout.controller.reconcile import Counts, Reconciler, look_problem
from turnout.controller.tools import Deposed, Tools
from turnout.errors import TurnoutError
from turnout.kube.reader import Reader as KubeReader

log = logging.getLogger(__name__)
_AT_ONCE = 4
_JITTER = 0.1
_FAREWELL_S = 20.0


@dataclass
class _Term:
    """One time of leading. Work of a former term must not act in the next one."""

    over: bool = False
    reconcilers: dict[str, Reconciler] = field(default_factory=dict)


class Loop:
    """Runs rounds until it is told to stop.

    Args:
        leads: whether this replica may act now.
        tools: makes the tools of a collection; the second argument raises `Deposed` and is asked before each action.
        period_s: seconds between two rounds of a collection.
    """

    def __init__(
        self,
        kube: KubeReader,
        tools: Callable[[str, Callable[[], None]], Tools],
        board: Board,
        counts: Counts,
        *,
        leads: Callable[[], bool],
        period_s: float,
    ) -> None:
        self._kube, self._tools, self._board, self._counts = kube, tools, board, counts
        self._leads, self._period_s = leads, period_s
        self._term = _Term(over=True)
        self._running: dict[str, threading.Thread] = {}
        self._slots = threading.BoundedSemaphore(_AT_ONCE)
        self._turned_at = time.monotonic()
        self._stop = threading.Event()

    def run(self, stop: threading.Event) -> None:
        """Rounds until `stop`; then no action begins any more, and those under way get some seconds to end."""
        self._stop = stop
        while not stop.is_set():
            self.turn()
            stop.wait(self._period_s * random.uniform(1 - _JITTER, 1 + _JITTER))  # noqa: S311  (no secret)
        self._end_term()
        self.settle(_FAREWELL_S)

    def settle(self, timeout_s: float) -> None:
        """Wait until no round is under way, or for so long."""
        until = time.monotonic() + timeout_s
        for thread in self._running.values():
            thread.join(max(0.0, until - time.monotonic()))

    def turn(self) -> None:
        """Start a round for each collection that has none under way; nothing while another replica leads."""
        self._turned_at = time.monotonic()
        if not self._leads():
            self._end_term()
            return
        if self._term.over:
            self._term = _Term()
        try:
            names = collections(self._kube)
        except TurnoutError as error:
            log.warning("collections can't be listed: %s", error)
            for name in self._term.reconcilers:
                self._counts.errors.labels(name).inc()
                self._board.problems(name, look_problem(error))
            return
        self._board.only(names)
        self._term.reconcilers = {name: self._term.reconcilers.get(name) or self._made(name) for name in names}
        for name, reconciler in self._term.reconcilers.items():
            running = self._running.get(name)
            if running is None or not running.is_alive():
                thread = threading.Thread(target=self._round, args=(reconciler,), name=f"round-{name}", daemon=True)
                self._running[name] = thread
                thread.start()

    def alive(self) -> bool:
        """Whether the loop still turns: a call that hangs for longer than its timeouts allow is no life."""
        return time.monotonic() - self._turned_at < max(60.0, 6 * self._period_s)

    def _round(self, reconciler: Reconciler) -> None:
        with self._slots:
            reconciler.round()

    def _made(self, collection: str) -> Reconciler:
        term = self._term

        def check() -> None:
            if term.over or collection not in term.reconcilers or self._stop.is_set() or not self._leads():
                raise Deposed

        return Reconciler(self._tools(collection, check), self._board, self._counts)

    def _end_term(self) -> None:
        self._term.over = True
        self._term.reconcilers = {}
        self._board.only(())
