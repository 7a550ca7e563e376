"""Has the releases of one collection asked their query sets, for the leader: begins, stops and remembers.

Each round decides anew what is due; asking has a thread of its own, which only measures. What it finds is written by
the rounds, so that there is one writer, and a replica that doesn't lead any more writes nothing. Called by `reconcile`,
at the end of each round.
"""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime

from msgspec.structs import replace

from turnout.controller.aside import Aside
from turnout.controller.observed import Observed
from turnout.controller.probing_asking import Asking, Measure, concluded
from turnout.controller.probing_board import ProbeBoard
from turnout.controller.probing_measure import Outcome, measure, questions
from turnout.controller.probing_wanted import ATTEMPTS, Task, on_show, promoted, wanted
from turnout.controller.seen import is_certain
from turnout.controller.tools import Tools
from turnout.elastic.state import ProbeRecord
from turnout.errors import BadInput
from turnout.judge.quality import judged_queries

log = logging.getLogger(__name__)
PORT = 8080
"""Where a search pod listens (manifests/search)."""
_LATER_S = 60.0
"""Seconds after which what stood in the way is looked at again."""
_TELL_S = 10.0
"""Seconds between two records of how far the asking is."""


class Prober:
    """Everything about one collection's query sets that is remembered between two rounds. All of it may be lost."""

    def __init__(self, tools: Tools, board: ProbeBoard, *, measure: Measure = measure) -> None:
        self._tools, self._board, self._measure = tools, board, measure
        self._records: dict[str, ProbeRecord] | None = None
        self._pods: dict[str, tuple[str, ...]] = {}
        self._running: Asking | None = None
        self._not_before: dict[str, float] = {}
        self._aside = Aside("query sets")

    def round(self, observed: Observed) -> None:
        """Begin, stop, go on or write down, whatever is due; never waits for an answer of a release's.

        What fails is logged when it is new, for the round has done all else by now.

        Raises:
            Deposed: this replica may not act any more.
        """
        with self._aside.trying(observed.collection):
            self._round(observed)

    def stop(self) -> None:
        """Stop asking, if anything is asked."""
        if self._running is not None:
            self._running.stop()
            self._running = None

    def _round(self, observed: Observed) -> None:
        records = self._known()
        first = promoted(observed, records)
        if first is not None:
            self._put(first)
        self._end()
        self._board.show(observed.collection, on_show(observed, records))
        if is_certain(observed):  # else the roles may be yesterday's: what is being asked goes on
            self._decide(observed)

    def _decide(self, observed: Observed) -> None:
        running = self._running.task.key if self._running is not None else ""
        now, every_s = datetime.now(UTC), self._tools.probe_every_s
        task = wanted(observed, self._known(), now=now, every_s=every_s, running=running)
        if self._running is not None and (task is None or self._running.task != task):
            self.stop()
        self._pods = {hash_: self._ready_pods(observed.collection, hash_) for hash_ in task.hashes} if task else {}
        if self._running is not None:
            self._tell(self._running)
        elif task is not None and self._not_before.get(task.key, 0.0) <= time.monotonic():
            self._begin(task)

    def _known(self) -> dict[str, ProbeRecord]:
        """All records; read once, for nobody else writes any while this replica leads."""
        if self._records is None:
            stored = self._tools.elastic.states(self._tools.names, ProbeRecord)
            self._records = {each.key: each for each in stored}
        return self._records

    def _put(self, record: ProbeRecord) -> None:
        self._tools.check()
        self._tools.elastic_writer.put_state(self._tools.names, record)
        self._known()[record.key] = record

    def _ready_pods(self, collection: str, hash_: str) -> tuple[str, ...]:
        """Base URLs of the ready pods of a ReplicaSet."""
        pods = self._tools.kube.pods(collection, hash_)
        addresses = [each.status.pod_ip for each in pods if each.is_ready]
        return tuple(f"http://[{ip}]:{PORT}" if ":" in ip else f"http://{ip}:{PORT}" for ip in addresses)

    def _pods_of(self, hash_: str) -> tuple[str, ...]:
        return self._pods.get(hash_, ())

    # Beginning

    def _begin(self, task: Task) -> None:
        before = self._known().get(task.key)
        record = task.record(before, at=self._tools.now())
        try:
            query_set = questions(task, self._tools.kube.config_map(task.config_map))
            without = [hash_ for hash_ in task.hashes if not self._pods[hash_]]
            if without:
                raise BadInput(f"no pod of {' and '.join(without)} is ready")
        except BadInput as error:
            self._cannot(task, record, error.what)
            return
        if task.stable is not None and record.attempts >= ATTEMPTS:
            reason = f"asking was begun {record.attempts} times and came to no end"
            self._put(concluded(record, Outcome(problem=record.reason or reason)))
            return
        count = len(judged_queries(query_set))
        # Why it is asked again is told meanwhile; what made it impossible is over.
        reason = record.reason if record.state == "asking" else ""
        record = replace(record, state="asking", reason=reason, asked=0, queries=count, attempts=record.attempts + 1)
        self._put(record)
        self._running = Asking(task, record, self._tools, pods=self._pods_of, measure=self._measure)
        sides = " and ".join(release.id for release in task.releases)
        log.info("%s: %d queries of the query set are asked of %s", task.release.collection, count, sides)
        self._running.start(query_set)

    def _cannot(self, task: Task, record: ProbeRecord, reason: str) -> None:
        """Say why it can't be asked, once; it is looked at again in a while."""
        self._not_before[task.key] = time.monotonic() + _LATER_S
        if (record.state, record.reason) != ("impossible", reason) or task.stable is None:
            self._put(replace(record, state="impossible", reason=reason))
            log.warning("%s: the query set of release %s can't be asked: %s", *task.of, reason)

    # Ending

    def _tell(self, running: Asking) -> None:
        """Write down how far it is, for the other replicas."""
        if running.asked != running.record.asked and time.monotonic() >= running.told_at + _TELL_S:
            running.told_at = time.monotonic()
            running.record = replace(running.record, asked=running.asked, at=self._tools.now())
            self._put(running.record)

    def _end(self) -> None:
        """Write down what came of it; it is kept until that is done."""
        running = self._running
        if running is None or running.outcome is None:
            return
        record = replace(running.record, asked=running.asked, at=self._tools.now())
        if running.outcome.problem and running.task.stable is not None and record.attempts < ATTEMPTS:
            self._not_before[record.key] = time.monotonic() + _LATER_S
            self._put(replace(record, reason=running.outcome.problem))
        else:
            self._put(concluded(record, running.outcome))
        self._running = None
        said = running.outcome.problem or (running.outcome.result.reason if running.outcome.result else "measured")
        log.info("%s: the query set of release %s was asked: %s", *running.task.of, said)
