"""Asks the other release a small share of what users ask this one, and shows how far the answers are apart.

Off unless it is set up. A search is never held up by it: it leaves a copy in a short queue, or drops it. Made by
`service`; the handler of `/search` offers what was answered.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from turnout.retrieval.comparing import TOP, Changes, compare
from turnout.retrieval.messages import SearchReply, SearchRequest, ShadowTable
from turnout.retrieval.metrics import Metrics, ShadowOutcome
from turnout.retrieval.mirror import Asks, Mirror, NoReply, NotTaken

_log = logging.getLogger(__name__)

_TIMEOUT_S = 2.0
_WAITING = 4


@dataclass(frozen=True)
class ShadowSettings:
    """What is mirrored, and where to.

    Args:
        url: the other side's Service, for example http://search-canary-docs.
        share: of the searches that are answered, 0 to 1; 0 is off.
        text: show queries, tenants and ids of documents at /shadow. Every client of the service can read that.
    """

    url: str = ""
    share: float = 0.0
    text: bool = False

    @property
    def on(self) -> bool:
        """Whether anything is mirrored at all."""
        return bool(self.url) and self.share > 0


@dataclass(frozen=True)
class ShadowPace:
    """Seconds: between two copies, and the pause after a useless answer, which doubles from the first to the most."""

    between: float = 0.5
    first: float = 1.0
    most: float = 60.0


@dataclass(frozen=True)
class _Copy:
    asked: SearchRequest
    tenant: str
    ids: tuple[str, ...]


class Shadow:
    """Mirrors, one search at a time.

    It pauses for up to a minute while the other side is this very release, as it is whenever no canary runs, and while
    it answers with errors, slowly or with less than it was asked for: then it needs its time for users.
    """

    def __init__(
        self,
        settings: ShadowSettings,
        own_release: str,
        metrics: Metrics,
        *,
        connect: Callable[[], Asks] | None = None,
        pace: ShadowPace | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._own = own_release
        self._metrics = metrics
        self._connect = connect or (lambda: Mirror(settings.url, timeout_s=_TIMEOUT_S))
        self._pace = pace or ShadowPace()
        self._clock = clock
        self._queue: asyncio.Queue[_Copy] = asyncio.Queue(_WAITING)
        self._changes = Changes(secret=secrets.token_bytes(32), text=settings.text, clock=clock)
        self._compared = 0
        self._useless = 0  # answers in a row
        self._paused_until = 0.0
        if settings.on:
            metrics.shadow_is_on()

    def offer(self, asked: SearchRequest, tenant: str, found: SearchReply) -> None:
        """Maybe mirror a search that was just answered; never waits. What was degraded is nothing to compare with."""
        settings = self._settings
        if not settings.on or found.degraded or random.random() >= settings.share:  # noqa: S311 a sample, no secret
            return
        if self._clock() < self._paused_until:
            self._metrics.shadowed("paused")
            return
        try:
            self._queue.put_nowait(_Copy(asked, tenant, tuple(hit.id for hit in found.hits[:TOP])))
        except asyncio.QueueFull:
            self._metrics.shadowed("dropped")

    async def run(self) -> None:
        """Mirror what is offered until cancelled; returns at once where the shadow is off."""
        if not self._settings.on:
            return
        mirror = self._connect()
        try:
            while True:
                copy = await self._queue.get()
                started = self._clock()
                self._learn(await self._ask(mirror, copy))
                await asyncio.sleep(max(0.0, self._pace.between - (self._clock() - started)))
        finally:
            await mirror.close()

    def table(self) -> ShadowTable:
        """What was found within the last hour."""
        return ShadowTable(
            on=self._settings.on,
            paused=self._clock() < self._paused_until,
            redacted=not self._settings.text,
            compared=self._compared,
            changes=self._changes.worst(),
        )

    async def _ask(self, mirror: Asks, copy: _Copy) -> ShadowOutcome:
        try:
            other = await mirror.ask(copy.asked, copy.tenant)
        except NotTaken:
            return "refused"
        except NoReply:
            return "unavailable"
        except Exception as error:  # the loop must live on; the type only, a message may hold the query
            _log.error("mirroring a search failed: %s", type(error).__name__)
            return "unavailable"
        if other.release == self._own:
            return "same_release"
        if other.degraded or other.stale:
            return "degraded"
        found = compare(copy.ids, [hit.id for hit in other.hits])
        self._compared += 1
        self._metrics.overlap(other.release, found.overlap)
        self._changes.note(copy.asked, copy.tenant, other.release, found)
        return "compared"

    def _learn(self, outcome: ShadowOutcome) -> None:
        self._metrics.shadowed(outcome)
        if outcome in ("compared", "refused"):
            self._useless = 0
            return
        pause = min(self._pace.first * 2.0 ** min(self._useless, 30), self._pace.most)
        self._useless += 1
        self._paused_until = self._clock() + pause
        while not self._queue.empty():
            self._queue.get_nowait()
            self._metrics.shadowed("paused")
