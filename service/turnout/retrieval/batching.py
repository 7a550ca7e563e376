"""Embedding queries beside the event loop: a few threads, and queries that come together go through the model together.

Called by `search`; made by `pinning` when the model is loaded.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from turnout.embedding import Embedder, Vectors
from turnout.retrieval.messages import DegradedReason
from turnout.retrieval.metrics import Metrics

_log = logging.getLogger(__name__)

# How long a query waits for company while another batch runs. With the model idle nothing waits.
_LINGER_S = 0.002


class EmbeddingProblem(Exception):
    """No vector for this query."""

    def __init__(self, reason: DegradedReason) -> None:
        super().__init__(reason)
        self.reason: DegradedReason = reason


@dataclass(frozen=True)
class Batching:
    """How queries are put together.

    Args:
        threads: calls of the model at once.
        most: queries in one call.
        waiting: queries that may wait; what comes on top is told at once that the model is slow.
        stuck_s: a call that has run for so long counts as stuck, and nothing waits behind it.
    """

    threads: int = 1
    most: int = 16
    waiting: int = 256
    stuck_s: float = 5.0


class QueryEmbedder:
    """An embedder for many waiting coroutines."""

    def __init__(self, embedder: Embedder, metrics: Metrics, batching: Batching) -> None:
        self.embedder = embedder
        self._metrics = metrics
        self._batching = batching
        self._pool = ThreadPoolExecutor(batching.threads, thread_name_prefix="embed")
        self._waiting: deque[tuple[str, asyncio.Future[Vectors]]] = deque()
        self._started: dict[int, float] = {}  # batch number -> when it began
        self._batches = 0
        self._pump: asyncio.Task[None] | None = None
        self._free = asyncio.Event()

    async def embed(self, text: str) -> Vectors:
        """The vector of one query.

        Raises:
            EmbeddingProblem: the model failed, is stuck, or gave a vector that has no direction.
        """
        if len(self._waiting) >= self._batching.waiting or self._stuck():
            raise EmbeddingProblem("embedding_slow")
        future: asyncio.Future[Vectors] = asyncio.get_running_loop().create_future()
        self._waiting.append((text, future))
        if self._pump is None or self._pump.done():
            self._pump = asyncio.create_task(self._run())
        vector = await future
        if not np.isfinite(vector).all() or not vector.any():
            raise EmbeddingProblem("embedding_failed")
        return vector

    def close(self) -> None:
        """Stop taking work and give the model's memory back once no call runs."""
        for _, future in self._waiting:
            future.cancel()
        self._waiting.clear()
        self._pool.submit(self.embedder.close)
        self._pool.shutdown(wait=False)

    def _stuck(self) -> bool:
        oldest = min(self._started.values(), default=None)
        return oldest is not None and time.monotonic() - oldest > self._batching.stuck_s

    async def _run(self) -> None:
        """Hand out batches until nobody waits."""
        while self._waiting:
            await asyncio.sleep(_LINGER_S if self._started else 0)
            while len(self._started) >= self._batching.threads:
                self._free.clear()
                await self._free.wait()
            batch = [pair for pair in self._take() if not pair[1].done()]
            if batch:
                self._dispatch(batch)

    def _take(self) -> list[tuple[str, asyncio.Future[Vectors]]]:
        return [self._waiting.popleft() for _ in range(min(len(self._waiting), self._batching.most))]

    def _dispatch(self, batch: list[tuple[str, asyncio.Future[Vectors]]]) -> None:
        self._batches += 1
        number = self._batches
        self._started[number] = time.monotonic()
        texts = [text for text, _ in batch]
        call = asyncio.get_running_loop().run_in_executor(self._pool, self._embed, texts)
        call.add_done_callback(lambda done: self._finish(number, batch, done))

    def _embed(self, texts: list[str]) -> Vectors:
        started = time.perf_counter()
        vectors = self.embedder.embed(texts, kind="query")
        self._metrics.embedded(len(texts), time.perf_counter() - started)
        return vectors

    def _finish(
        self, number: int, batch: list[tuple[str, asyncio.Future[Vectors]]], done: asyncio.Future[Vectors]
    ) -> None:
        del self._started[number]
        self._free.set()
        error = None if done.cancelled() else done.exception()
        if error is not None:
            # The type only: the message of a tokenizer may hold the query.
            _log.error("the model failed on a batch of %d: %s", len(batch), type(error).__name__)
        for place, (_, future) in enumerate(batch):
            if future.done():
                continue
            if done.cancelled() or error is not None:
                future.set_exception(EmbeddingProblem("embedding_failed"))
            else:
                future.set_result(done.result()[place])
