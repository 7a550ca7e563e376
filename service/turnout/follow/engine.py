"""The loop over one shard. One engine per process: a worker's, or the caller's own."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from elasticsearch import BadRequestError, NotFoundError
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from turnout.elastic.reader import Hit, Reader
from turnout.elastic.writer import Writer
from turnout.embedding import Embedder
from turnout.embedding.hosted import Billed, backfilling
from turnout.embedding.store import load
from turnout.errors import EnvironmentProblem, Unavailable
from turnout.follow.job import Counts, Job, Task
from turnout.follow.page import PageWriter
from turnout.follow.progress import save_checkpoint
from turnout.follow.view import attest, followed_view, reusable_view

OnPage = Callable[[Counts], None]
Stop = Callable[[], bool]


class _Page(NamedTuple):
    counts: Counts
    reached: int


class Engine:
    """Follows shards into the view of a job.

    Args:
        embedder: None to load the release's model; it is loaded at once, or for a copy when a text needs it.
        threads: how many the model may use.
        billed: told what a hosted model is paid that is loaded here.

    Raises:
        Refused: the view doesn't fit the release, or the model doesn't give the view's vectors.
    """

    def __init__(
        self,
        job: Job,
        reader: Reader,
        writer: Writer,
        *,
        embedder: Embedder | None = None,
        threads: int = 1,
        billed: Billed | None = None,
    ) -> None:
        self._job = job
        self._reader = reader
        self._writer = writer
        self._given = embedder
        self._loaded: Embedder | None = None
        self._threads = threads
        self._billed = billed
        self._view = followed_view(reader, job.names, job.release, job.view)
        source = reusable_view(reader, job.names, job.release, job.reuse_from) if job.reuse_from else None
        self._pages = PageWriter(
            reader, writer, release=job.release, view=self._view, embedder=self._embedder, source=source
        )
        if source is None:
            self._embedder()

    def close(self) -> None:
        """Give the model's memory back, unless the caller brought it."""
        if self._loaded is not None and self._given is None:
            self._loaded.close()

    def follow(self, task: Task, on_page: OnPage, stop: Stop) -> bool:
        """Bring the shard's operations into the view; False if it was told to stop before the end.

        Raises:
            Unavailable: Elasticsearch didn't answer for as long as the job's patience lasts.
        """
        reached = task.after
        while reached < task.upto:
            if stop():
                return False
            page = self._patiently(task, reached, stop)
            reached = page.reached
            on_page(page.counts)
        return True

    def _embedder(self) -> Embedder:
        """The model; no vector of one that fails attestation is ever written."""
        if self._loaded is None:
            embedder = self._given or self._load()
            attest(embedder, self._view, self._job.release)
            self._loaded = embedder
        return self._loaded

    def _load(self) -> Embedder:
        job = self._job
        hosting = backfilling(job.release, job.embedding_key, billed=self._billed)
        return load(job.release.model, job.models, threads=self._threads, hosting=hosting)

    def _patiently(self, task: Task, after: int, stop: Stop) -> _Page:
        """One page, tried again while the server is away: doing it twice is harmless."""
        patience = stop_after_delay(self._job.patience_s)
        attempts = Retrying(
            retry=retry_if_exception_type(Unavailable),
            wait=wait_random_exponential(multiplier=0.25, max=5),
            stop=lambda state: stop() or patience(state),
            sleep=lambda seconds: _sleep(seconds, stop),
            reraise=True,
        )
        for attempt in attempts:
            with attempt:
                return self._page(task, after, again=_is_repetition(attempt.retry_state))
        raise AssertionError("unreachable")

    def _page(self, task: Task, after: int, *, again: bool) -> _Page:
        size = self._job.page_size
        hits = self._changes(task, after, again=again)
        counts = self._pages.write(hits, task.epoch)
        # Everything up to `upto` was visible before the first page, so a page that isn't full is the last.
        reached = hits[-1].seq_no if len(hits) == size else task.upto
        save_checkpoint(self._writer, self._job.names, self._job.view, task, reached)
        return _Page(counts, reached)

    def _changes(self, task: Task, after: int, *, again: bool) -> list[Hit]:
        documents = self._job.names.documents
        try:
            if again:
                self._reader.refresh(documents)
            pages = self._reader.changes(documents, task.shard, after=after, upto=task.upto, size=self._job.page_size)
            return next(pages, [])
        except (NotFoundError, BadRequestError) as error:
            raise EnvironmentProblem(
                f"the documents index can't be read any more ({error.error}); nothing was deleted in the view",
                where=documents,
                remedy="restore or open it, then follow again",
            ) from error


def _is_repetition(state: RetryCallState) -> bool:
    return state.attempt_number > 1


def _sleep(seconds: float, stop: Stop) -> None:
    until = time.monotonic() + seconds
    while not stop() and (left := until - time.monotonic()) > 0:
        time.sleep(min(left, 0.1))
