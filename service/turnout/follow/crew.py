"""Worker processes that follow shards. Python holds one lock per process, so work is spread over processes.

The caller and each worker talk through a pipe and share nothing else: no lock can be left behind by a process that
is killed, and either side sees the other's death as the end of the pipe.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections import deque
from collections.abc import Sequence
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from typing import Any

from turnout.errors import EnvironmentProblem, TurnoutError
from turnout.follow.engine import OnPage, Stop
from turnout.follow.job import Counts, Job, Task
from turnout.follow.worker import END, STOP, Finished, Ready, work

_POLL_S = 0.2
# A worker that was told to stop ends its page first.
_GRACE_S = 30.0


class _Worker:
    """One process and this side of its pipe. It is idle, busy with a task, or still starting."""

    def __init__(self, number: int, job: Job, threads: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.name = f"follower {number}"
        self.process: SpawnProcess = context.Process(
            target=work, args=(job, theirs, threads), name=self.name, daemon=True
        )
        self.process.start()
        theirs.close()
        self.idle = False
        self.started = False
        self.dead = False

    @property
    def gone(self) -> bool:
        """Whether it can do nothing any more; one that was idle may have died without anybody noticing."""
        return self.dead or (self.idle and not self.process.is_alive())

    def send(self, message: object) -> bool:
        """Whether it was sent; if not, the process is dead."""
        try:
            self.pipe.send(message)
        except OSError:
            self.dead = True
        return not self.dead

    def death(self) -> EnvironmentProblem:
        """The error that names this process and how it ended."""
        self.dead = True
        self.process.join(timeout=5)
        return EnvironmentProblem(
            f"worker process {self.name!r} (pid {self.process.pid}) died with exit code {self.process.exitcode}",
            remedy="look for a lack of memory (exit code -9); follow again, it goes on from its checkpoint",
        )


class Crew:
    """Keeps a job's worker processes alive between catch-ups."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._threads = max(1, _cores() // job.processes)
        self._workers = [self._worker(number) for number in range(job.processes)]

    def _worker(self, number: int) -> _Worker:
        return _Worker(number + 1, self._job, self._threads)

    def follow(self, tasks: Sequence[Task], on_page: OnPage, stop: Stop) -> bool:
        """Have all tasks done, the largest first; False if it was told to stop before the end.

        Waits for workers that are still starting even without tasks, so that a model that is refused is reported.
        """
        self._replace_gone()
        queue = deque(sorted(tasks, key=lambda task: task.after - task.upto))
        error: BaseException | None = None
        complete, told, deadline = True, False, float("inf")
        while True:
            ending = error is not None or stop()
            if ending and not told:
                self._tell(STOP)
                told, deadline = True, time.monotonic() + _GRACE_S
            if not ending:
                error = self._hand_out(queue)
            busy = [worker for worker in self._workers if not worker.idle and not worker.dead]
            if not busy or time.monotonic() > deadline:
                break
            for worker in self._heard(busy):
                match self._receive(worker):
                    case Counts() as counts:
                        on_page(counts)
                    case Finished(complete=whole):
                        complete = complete and whole
                    case BaseException() as problem:
                        error = error or problem
        self._end([worker for worker in self._workers if not worker.idle])
        if error is not None:
            raise error
        return complete and not queue

    def _replace_gone(self) -> None:
        gone = [worker for worker in self._workers if worker.gone]
        self._end(gone)
        self._workers = [self._worker(n) if worker in gone else worker for n, worker in enumerate(self._workers)]

    def _hand_out(self, queue: deque[Task]) -> EnvironmentProblem | None:
        """Give work to who has none; the death of one that had none, if that shows now."""
        for worker in self._workers:
            if queue and worker.idle and not worker.dead:
                worker.idle = False
                if not worker.send(queue[0]):
                    return worker.death()
                queue.popleft()
        return None

    def _heard(self, busy: Sequence[_Worker]) -> list[_Worker]:
        pipes: dict[Any, _Worker] = {worker.pipe: worker for worker in busy}
        return [pipes[pipe] for pipe in wait(list(pipes), timeout=_POLL_S)]

    def _receive(self, worker: _Worker) -> object:
        try:
            message = worker.pipe.recv()
        except (EOFError, OSError):
            return worker.death()
        if isinstance(message, TurnoutError) and not worker.started:
            worker.dead = True  # it could not start and has ended
        elif isinstance(message, Ready | Finished | TurnoutError):
            worker.started = worker.idle = True
        return message

    def _tell(self, message: object) -> None:
        for worker in self._workers:
            if not worker.dead and (message is END or not worker.idle):
                worker.send(message)

    def close(self) -> None:
        """End all workers after the page that they are at."""
        self._tell(STOP)
        self._tell(END)
        for worker in self._workers:
            worker.process.join(timeout=_GRACE_S)
        self._end(self._workers)

    def _end(self, workers: Sequence[_Worker]) -> None:
        """Be sure that these are gone; what they left undone is behind no checkpoint."""
        for worker in workers:
            worker.dead, worker.idle = True, True
            if worker.process.is_alive():
                worker.process.kill()
            worker.process.join(timeout=5)
            worker.pipe.close()


def _cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
