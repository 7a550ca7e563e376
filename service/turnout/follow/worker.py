"""What runs in a worker process: an engine at the end of a pipe."""

from __future__ import annotations

import logging
import signal
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Final

from turnout.elastic.client import connect
from turnout.elastic.reader import Reader
from turnout.elastic.writer import Writer
from turnout.errors import EnvironmentProblem, TurnoutError
from turnout.follow.engine import Engine
from turnout.follow.job import Job, Task

logger = logging.getLogger(__name__)

# Messages to a worker besides a Task: stop the task after its page; end the process.
STOP: Final = "stop"
END: Final = "end"


@dataclass(frozen=True)
class Ready:
    """The engine is up."""


@dataclass(frozen=True)
class Finished:
    """A task is done; not `complete` if the worker was told to stop."""

    complete: bool


def work(job: Job, pipe: Connection, threads: int) -> None:
    """Follow the tasks that come through `pipe` until END or the end of the pipe.

    Signals are the caller's to handle: Ctrl-C reaches the whole process group, and a worker must end its page first.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with connect(job.url, api_key=job.api_key, ca=job.ca) as client:
            _serve(job, pipe, Reader(client), Writer(client), threads)
    except (EOFError, OSError):
        logger.info("the calling process is gone, ending")


def _serve(job: Job, pipe: Connection, reader: Reader, writer: Writer, threads: int) -> None:
    try:
        engine = Engine(job, reader, writer, threads=threads)
    except Exception as error:
        pipe.send(_portable(error))
        return
    pipe.send(Ready())
    try:
        while isinstance(task := pipe.recv(), Task) or task == STOP:
            if isinstance(task, Task):
                pipe.send(_followed(engine, task, pipe))
    finally:
        engine.close()


def _followed(engine: Engine, task: Task, pipe: Connection) -> Finished | TurnoutError:
    """The task's end as a message. STOP is the only thing that comes through the pipe meanwhile."""
    told = False

    def stop() -> bool:
        nonlocal told
        if not told and pipe.poll():
            pipe.recv()
            told = True
        return told

    try:
        return Finished(engine.follow(task, pipe.send, stop))
    except (EOFError, BrokenPipeError):
        raise
    except Exception as error:
        return _portable(error)


def _portable(error: Exception) -> TurnoutError:
    """The error in a form that survives the way to another process."""
    if isinstance(error, TurnoutError):
        return error
    logger.error("worker failed", exc_info=error)
    return EnvironmentProblem(f"a worker failed: {type(error).__name__}: {error}", remedy="see the log of the worker")
