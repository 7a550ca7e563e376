"""How many searches run at once, and how many may wait. Called around every search."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Shed(Exception):
    """Too many are waiting already; come back in a second."""


class Admission:
    """At most `limit` searches at once, at most `queue` waiting, none longer than half of its deadline.

    A search that waited longer would run out of time on the way and only burn what others could use.
    """

    def __init__(self, *, limit: int, queue: int) -> None:
        self._slots = asyncio.Semaphore(limit)
        self._queue = queue
        self._waiting = 0

    @asynccontextmanager
    async def slot(self, deadline_s: float) -> AsyncIterator[None]:
        """Hold a place for as long as the context lasts.

        Raises:
            Shed: the queue is full, or the wait got too long.
        """
        await self._enter(deadline_s / 2)
        try:
            yield
        finally:
            self._slots.release()

    async def _enter(self, patience_s: float) -> None:
        if self._slots.locked() and self._waiting >= self._queue:
            raise Shed
        self._waiting += 1
        try:
            async with asyncio.timeout(patience_s):
                await self._slots.acquire()
        except TimeoutError as error:
            raise Shed from error
        finally:
            self._waiting -= 1
