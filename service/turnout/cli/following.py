"""Listens to a follower for `turnout follow`: live progress on stderr, and metrics if they are wanted."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from types import TracebackType
from typing import TypeVar

from rich.console import Console
from rich.status import Status

from turnout.cli.serving_metrics import LOOPBACK
from turnout.cli.view_metrics import FollowerMetrics, Tally
from turnout.errors import Unavailable
from turnout.follow import Counts, Job, Lag, Progress

_log = logging.getLogger(__name__)
T = TypeVar("T")

_PLAIN_EVERY_S = 5.0
_LONGEST_WAIT_S = 10.0


def patiently(start: Callable[[], T], stop: threading.Event | None) -> T | None:
    """What `start` gives, tried again while Elasticsearch is away; None if it was stopped before.

    A follower runs for weeks: it is not to be found dead because it was restarted during an outage.

    Args:
        stop: ends the waiting; None doesn't wait at all.
    """
    wait_s = 0.5
    while True:
        try:
            return start()
        except Unavailable as error:
            if stop is None:
                raise
            _log.warning("waiting for Elasticsearch: %s", error.what)
        if stop.wait(wait_s):
            return None
        wait_s = min(wait_s * 2, _LONGEST_WAIT_S)


class Listener:
    """Adds up what was done, over all rounds. A context manager, so that the terminal is left clean."""

    def __init__(self, job: Job, *, metrics_host: str = LOOPBACK, metrics_port: int | None = None) -> None:
        self._job = job
        self._console = Console(stderr=True)
        self._status = Status("", console=self._console) if self._console.is_terminal else None
        self._total = Counts()
        self._tally = Tally()
        self._told_at = 0.0
        self.last_lag: Lag | None = None
        self._metrics = (
            FollowerMetrics(job.release, job.view, host=metrics_host, port=metrics_port) if metrics_port else None
        )

    def __enter__(self) -> Listener:
        if self._status:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status:
            self._status.stop()
        if self._metrics:
            self._metrics.__exit__(kind, error, trace)

    def progress(self, progress: Progress) -> None:
        """A page is done."""
        new = self._tally.new(progress)
        self._total = self._total + new
        if self._metrics:
            self._metrics.add(new)
        self._tell(progress)

    def lag(self, lag: Lag) -> None:
        """A round is done."""
        self.last_lag = lag
        if self._metrics:
            self._metrics.lag.set(lag.total)
            self._metrics.round_ended.set_to_current_time()
        if self._status:
            self._status.update(f"{self._job.view}: {lag.total:,} operations behind")

    def billed(self, tokens: int, cost: float) -> None:
        """A hosted model was paid."""
        if self._metrics:
            self._metrics.billed(tokens, cost)

    def summary(self) -> dict[str, int]:
        """What was done in all."""
        return asdict(self._total)

    def _tell(self, progress: Progress) -> None:
        counts = progress.counts
        text = f"{counts.documents:,} of {progress.total:,} documents, {counts.embedded:,} passages embedded"
        text += f", {counts.reused:,} reused"
        if counts.placeholders:
            text += f", {counts.placeholders:,} placeholders"
        text += f", about {progress.eta_s:.0f} s left" if progress.eta_s else ""
        now = time.monotonic()
        if self._status:
            self._status.update(text)
        elif now - self._told_at >= _PLAIN_EVERY_S:
            self._told_at = now
            self._console.print(f"{self._job.view}: {text}", highlight=False)
