"""The embedder on a virtual clock: the same limiter, packing, purse and retries, with events in place of threads.

What `embedding.hosted.embedder` does with a thread pool is done here with a heap: `concurrency` requests at once, in
the order given, each through its turn, its sending, its answer and its pauses. Used for backfills, and by the bench
that holds this against the real client.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from itertools import chain, repeat

from turnout.cost.provider import Luck, Provider
from turnout.embedding.hosted.hosting import Hosting
from turnout.embedding.hosted.request import Request, Size, Terms
from turnout.release.artifacts import Model

_NEVER = (float("inf"), float("inf"))


@dataclass(frozen=True)
class Tally:
    """What was done. `tokens` are those that are billed; `retried` counts the attempts that failed."""

    seconds: float = 0.0
    tokens: float = 0.0
    requests: int = 0
    retried: int = 0

    def __sub__(self, other: Tally) -> Tally:
        return Tally(
            self.seconds - other.seconds,
            self.tokens - other.tokens,
            self.requests - other.requests,
            self.retried - other.retried,
        )


class GaveUp(Exception):
    """The patience with a request is at its end."""


class _Phase(IntEnum):
    ASK = 0
    SEND = 1
    ANSWER = 2


class _Flight:
    """A request under way, and what will befall it."""

    def __init__(self, terms: Terms, size: Size, failures: int) -> None:
        self.request = Request(terms, size)
        self.size = size
        self.left = failures
        self.failed = False
        self.retry_after_s: float | None = None
        self.billed: int | None = 0


class Client:
    """One embedder. `now` is its clock, in seconds from 0.

    Args:
        hosting: as for the real one; patience, timeout, concurrency and jitter are taken from provider and luck.
        storms: beginnings and ends of times when everything is answered with 429, in order.
    """

    def __init__(
        self,
        model: Model,
        hosting: Hosting,
        provider: Provider,
        *,
        luck: Luck,
        storms: Iterable[tuple[float, float]] = (),
    ) -> None:
        terms = replace(hosting, patience=provider.patience, concurrency=provider.concurrency, rng=luck.jitter)
        self.terms = Terms(model, terms, url=model.id, now=0.0)
        self.now = 0.0
        self._provider = provider
        self._luck = luck
        self._storms: Iterator[tuple[float, float]] = chain(storms, repeat(_NEVER))
        self._storm = next(self._storms)
        self._tokens, self._requests, self._retried = 0.0, 0, 0

    @property
    def tally(self) -> Tally:
        """All that was done so far."""
        return Tally(self.now, self._tokens, self._requests, self._retried)

    def embed(self, sizes: Sequence[Size]) -> None:
        """One call of `embed` with so many requests; `now` is then the time of its end.

        Raises:
            Refused: the budget is used up; what was under way is settled.
            GaveUp: so is it here.
        """
        waiting = deque(sizes)
        events: list[tuple[float, int, _Phase, _Flight]] = []
        order = 0
        for _ in range(min(self._provider.concurrency, len(waiting))):
            heapq.heappush(events, (self.now, order := order + 1, _Phase.ASK, self._next(waiting)))
        while events:
            self.now, _, phase, flight = heapq.heappop(events)
            try:
                following = self._step(phase, flight)
            except BaseException:
                self._settle_all(events)
                raise
            if following is None and waiting:
                following = self.now, _Phase.ASK, self._next(waiting)
            if following is not None:
                at, phase, flight = following
                heapq.heappush(events, (at, order := order + 1, phase, flight))

    def rest(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    def _next(self, waiting: deque[Size]) -> _Flight:
        return _Flight(self.terms, waiting.popleft(), self._luck.failures())

    def _step(self, phase: _Phase, flight: _Flight) -> tuple[float, _Phase, _Flight] | None:
        """The event that follows; None when the request is done."""
        if phase is _Phase.ASK:
            start = flight.request.book(self.now)
            if start is None:
                raise GaveUp
            return start, _Phase.SEND, flight
        if phase is _Phase.SEND:
            flight.request.pay(self.now)
            return self.now + self._sent(flight), _Phase.ANSWER, flight
        self._settle(flight)
        if not flight.failed:
            return None
        pause = flight.request.failed(flight.retry_after_s, now=self.now)
        if pause is None:
            raise GaveUp
        return self.now + pause, _Phase.ASK, flight

    def _sent(self, flight: _Flight) -> float:
        """Decide what comes of an attempt; seconds until it is known."""
        self._requests += 1
        flight.retry_after_s, flight.billed, flight.failed = None, 0, True
        if self._in_storm():
            flight.retry_after_s = self._provider.retry_after_s
        elif flight.left > 0:
            flight.left -= 1
            if self._luck.lost():
                flight.billed = None
                return self._provider.timeout_s
        else:
            flight.failed, flight.billed = False, round(flight.size.tokens * self._provider.billed_per_token)
        return self._luck.latency_s()

    def _in_storm(self) -> bool:
        while self.now >= self._storm[1] < float("inf"):
            self._storm = next(self._storms)
        return self.now >= self._storm[0]

    def _settle(self, flight: _Flight) -> None:
        flight.request.settle(flight.billed)
        self._tokens += flight.size.tokens if flight.billed is None else flight.billed
        self._retried += flight.failed

    def _settle_all(self, events: list[tuple[float, int, _Phase, _Flight]]) -> None:
        for at, _, phase, flight in sorted(events, key=lambda event: event[:2]):
            if phase is _Phase.ANSWER:
                self.now = max(self.now, at)
                self._settle(flight)
