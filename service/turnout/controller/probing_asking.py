"""Asks one query set, on a thread of its own, and holds what came of it. Made by `probing`, which writes it down."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeAlias

from msgspec.structs import replace

from turnout.canary.judgment import ProbeResult
from turnout.controller.act import told
from turnout.controller.probing_measure import Outcome, Ways
from turnout.controller.probing_wanted import Task
from turnout.controller.tools import Deposed, Tools
from turnout.elastic.state import ProbeRecord
from turnout.errors import TurnoutError
from turnout.evaluation import QuerySet
from turnout.judge.probe import Manner, Stopped

log = logging.getLogger(__name__)

Measure: TypeAlias = Callable[[Task, QuerySet, Ways], Outcome]


class Asking:
    """What is being asked. It measures and changes nothing; it stops by itself when this replica may not act.

    Args:
        record: what was written down when it began.
        pods: gives base URLs by pod template hash; must not wait.

    Attributes:
        asked: how many queries were answered so far.
        outcome: set when it came to an end by itself.
        told_at: when its progress was last written down, by the monotonic clock.
    """

    def __init__(
        self, task: Task, record: ProbeRecord, tools: Tools, *, pods: Callable[[str], Sequence[str]], measure: Measure
    ) -> None:
        self.task, self.record = task, record
        self._tools, self._pods, self._measure = tools, pods, measure
        self._stop = threading.Event()
        self.asked = 0
        self.outcome: Outcome | None = None
        self.told_at = time.monotonic()

    def start(self, query_set: QuerySet) -> None:
        """Begin, and return."""
        threading.Thread(target=self._work, args=(query_set,), name="probe", daemon=True).start()

    def stop(self) -> None:
        """End within a second; there will be no outcome."""
        self._stop.set()

    def _work(self, query_set: QuerySet) -> None:
        of = self.task.release.collection, self.task.release.id
        ways = Ways(
            reader=self._tools.elastic,
            pods=self._pods,
            manner=Manner(per_s=self._tools.probe_per_s),
            stopped=lambda: self._stop.is_set() or self._is_deposed(),
            progress=self._answered,
        )
        try:
            self.outcome = self._measure(self.task, query_set, ways)
        except Stopped:
            log.info("%s: asking the query set of release %s was stopped", *of)
        except Exception as error:
            if not isinstance(error, TurnoutError):
                log.exception("%s: the query set of release %s can't be asked", *of)
            self.outcome = Outcome(problem=told(error))

    def _answered(self, asked: int) -> None:
        self.asked = asked

    def _is_deposed(self) -> bool:
        try:
            self._tools.check()
        except Deposed:
            return True
        return False


def concluded(record: ProbeRecord, outcome: Outcome) -> ProbeRecord:
    """The record of what was measured; of a watch that measured nothing, the figures from before stay."""
    if outcome.problem and not record.stable:
        return replace(record, state="impossible", reason=outcome.problem, attempts=0)
    if outcome.problem:
        result = ProbeResult(verdict="inconclusive", reason=outcome.problem)
        return replace(record, state="done", reason="", result=result)
    return replace(
        record,
        state="done",
        reason="",
        attempts=record.attempts if record.stable else 0,
        result=outcome.result,
        values=outcome.values,
        stable_values=outcome.stable_values,
        reference=record.reference if record.stable or record.reference else outcome.values,
        ann_recall=outcome.ann_recall,
    )
