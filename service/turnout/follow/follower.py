"""Keep one view up to date. Used by the command line, by apply for a backfill, and by tests.

Backfill is following from zero, catching up is following from the checkpoint: there is one loop.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType

from turnout.elastic.client import connect
from turnout.elastic.reader import Reader, Shards
from turnout.elastic.state import Epoch
from turnout.elastic.writer import Writer
from turnout.embedding import Embedder
from turnout.embedding.hosted import Billed
from turnout.errors import EnvironmentProblem, Unavailable
from turnout.follow.crew import Crew
from turnout.follow.engine import Engine, OnPage, Stop
from turnout.follow.job import Counts, Job, Lag, Progress, Task
from turnout.follow.progress import FIRST_EPOCH, current_epoch, documents_shards, lag, tasks
from turnout.follow.sweep import sweep
from turnout.follow.view import followed_view, reusable_view

logger = logging.getLogger(__name__)

OnProgress = Callable[[Progress], None]
# A documents index that is replaced this often within one catch-up is not a source of truth.
_ROUNDS = 5


class Follower:
    """Follows the documents index into one view. A context manager; workers live as long as it is open.

    Args:
        embedder: for `processes=0`; None to load the release's model from the job's folder.
        billed: told what a hosted model is paid that is loaded here.

    Raises:
        Refused: from `with`, `catch_up` or `run`: the view is missing or doesn't fit the release, or the model doesn't
            give the vectors that the view's probes hold.
    """

    def __init__(self, job: Job, *, embedder: Embedder | None = None, billed: Billed | None = None) -> None:
        # Rate limit and budget of a hosted model hold for one process, and its time is spent waiting.
        self._processes = 0 if job.release.model.hosted else job.processes
        if embedder is not None and self._processes:
            raise ValueError("an embedder can't be sent to worker processes; use processes=0")
        self._job = job
        self._embedder = embedder
        self._billed = billed
        self._client = connect(job.url, api_key=job.api_key, ca=job.ca)
        self._reader = Reader(self._client)
        self._writer = Writer(self._client)
        self._hands: Crew | _OwnHands | None = None
        self._rounds = 0

    def __enter__(self) -> Follower:
        try:
            self._start()
        except BaseException:
            self._client.close()
            raise
        return self

    def _start(self) -> None:
        job = self._job
        followed_view(self._reader, job.names, job.release, job.view)
        if job.reuse_from:
            reusable_view(self._reader, job.names, job.release, job.reuse_from)
        if self._processes:
            self._hands = Crew(job)
        else:
            engine = Engine(job, self._reader, self._writer, embedder=self._embedder, billed=self._billed)
            self._hands = _OwnHands(engine)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._hands is not None:
            self._hands.close()
        self._hands = None
        self._client.close()

    def catch_up(self, progress: OnProgress | None = None, *, stop: threading.Event | None = None) -> Lag:
        """Follow every shard of the job until it has reached the global checkpoint that was read at the start.

        Args:
            progress: called after every page.
            stop: end after the pages that are being worked on; the lag tells what is left.

        Returns:
            What came in meanwhile.

        Raises:
            Unavailable: Elasticsearch didn't answer for as long as the job's patience lasts.
            EnvironmentProblem: the documents index is gone (the view keeps what it has), or a worker process died.
        """
        told: Stop = stop.is_set if stop else _never
        for _ in range(_ROUNDS):
            epoch, shards = current_epoch(self._reader, self._writer, self._job.names)
            if not self._round(epoch, shards, progress, told):
                return self._own(lag(self._reader, self._job.names, self._job.view).shards)
            now = documents_shards(self._reader, self._job.names)
            if now.identity == shards.identity:
                return self._own({shard: upto - shards.checkpoints[shard] for shard, upto in now.checkpoints.items()})
            logger.warning("%s was replaced while it was followed: starting again", self._job.names.documents)
        raise EnvironmentProblem(
            "the documents index was replaced again and again while it was followed", where=self._job.names.documents
        )

    def run(
        self,
        stop: threading.Event,
        *,
        interval_s: float = 1.0,
        progress: OnProgress | None = None,
        on_lag: Callable[[Lag], None] | None = None,
    ) -> None:
        """Keep following until `stop` is set. Waits and tries again while Elasticsearch is away.

        Args:
            interval_s: rest between two rounds when there is nothing to do, in seconds.
            on_lag: called after every round.
        """
        failures = 0
        while not stop.is_set():
            try:
                left = self.catch_up(progress, stop=stop)
            except Unavailable as error:
                failures += 1
                logger.warning("following %s is interrupted: %s", self._job.view, error.what)
                stop.wait(min(interval_s * 2 ** min(failures, 10), 30.0))
                continue
            failures = 0
            if on_lag is not None:
                on_lag(left)
            if not left.total:
                stop.wait(interval_s)

    def _own(self, behind: dict[int, int]) -> Lag:
        return Lag({shard: operations for shard, operations in behind.items() if self._job.covers(shard)})

    def _round(self, epoch: Epoch, shards: Shards, progress: OnProgress | None, stop: Stop) -> bool:
        """Follow to the given checkpoints; False if it was stopped before."""
        if self._hands is None:
            raise ValueError("a follower is used inside its `with` block")
        job = self._job
        found = tasks(self._reader, job.names, job.view, epoch=epoch, shards=shards)
        todo = [task for task in found if job.covers(task.shard)]
        if todo:
            self._reader.refresh(job.names.documents)
        if any(task.after < 0 for task in todo):
            for index in {job.view, job.reuse_from or job.view}:
                self._reader.refresh(index)  # vectors are taken from what is visible
        self._rounds += 1
        on_page = _reporter(progress, self._most(todo, progress), self._rounds)
        if not self._hands.follow(todo, on_page, stop):
            return False
        # The sweep is about the whole view: it is left to whoever follows all of it.
        if epoch.epoch > FIRST_EPOCH and job.shards is None:
            if any(task.after < 0 for task in todo):
                self._reader.refresh(job.view)
            sweep(self._reader, self._writer, names=job.names, view=job.view, epoch=epoch)
        return True

    def _most(self, todo: Sequence[Task], progress: OnProgress | None) -> int:
        """No more documents than this have to be followed; several operations may be of one document."""
        operations = sum(task.upto - task.after for task in todo)
        if progress is None or all(task.after >= 0 for task in todo):
            return operations
        return min(operations, self._reader.count(self._job.names.documents))


class _OwnHands:
    """The crew's work in this process."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def follow(self, tasks: Sequence[Task], on_page: OnPage, stop: Stop) -> bool:
        return all(self._engine.follow(task, on_page, stop) for task in tasks)

    def close(self) -> None:
        self._engine.close()


def _reporter(progress: OnProgress | None, total: int, number: int) -> OnPage:
    """Adds up pages and tells the caller."""
    began = time.monotonic()
    counts = Counts()

    def on_page(page: Counts) -> None:
        nonlocal counts
        counts = counts + page
        if progress is not None:
            most = max(total, counts.documents)
            progress(Progress(counts=counts, total=most, seconds=time.monotonic() - began, round=number))

    return on_page


def _never() -> bool:
    return False
