"""Asks releases the queries of a query set through their own pods, slowly, and gives what they answered.

Not through the Service, whose balancer would mix releases, and not with the index alone, which knows nothing of the
model and the code that answer users. Several releases are asked each query one after the other, in changing order, so
that what goes on in Elasticsearch meets all of them. What is measured here is ranking, so an answer that is less than
was asked for is no answer: it is asked for again, and left out of all releases' runs in the end. Called by the
controller, on a thread of its own.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import httpx

from turnout.evaluation import JudgedQuery
from turnout.judge.probe_request import Answer, Problem, Rota, Side, request

_LOOK_S = 0.1  # how often it is asked whether to stop
_POD_TRIES = 2
_IN_VAIN = 10  # queries in a row without an answer, at least, before the others are left alone


class Stopped(Exception):
    """Asking ended before all was asked, because it was told to."""


@dataclass(frozen=True)
class Manner:
    """How to ask: queries begun each second, at most so many at once, the longest wait for an answer, and how long to
    wait before asking again what wasn't answered, for each time. Once nobody answered anything for `in_vain_s`, that
    time is over: pods that say nothing would hold up a large query set for hours.
    """

    per_s: float = 5.0
    at_once: int = 2
    timeout_s: float = 10.0
    again_after_s: tuple[float, ...] = (5.0, 20.0)
    in_vain_s: float = 60.0


@dataclass(frozen=True)
class Asked:
    """What came of it.

    Args:
        runs: by side, query id -> source ids, best first; the queries are those that every side answered wholly.
        missing: all other queries' ids, with what the last try came to.
        views: by side, the index that it answered from last; empty if it never answered.
    """

    runs: tuple[dict[str, tuple[str, ...]], ...]
    missing: dict[str, str]
    views: tuple[str, ...]

    @property
    def share_missing(self) -> float:
        """The share of the queries that isn't in the runs."""
        return len(self.missing) / (len(self.missing) + len(self.runs[0]) or 1)

    def why_missing(self) -> str:
        """In a sentence's part: how many, and what most of them came to."""
        (most, _) = Counter(self.missing.values()).most_common(1)[0]
        return f"{len(self.missing)} of {len(self.missing) + len(self.runs[0])} queries got no whole answer: {most}"


def ask(
    sides: Sequence[Side],
    queries: Sequence[JudgedQuery],
    *,
    k: int,
    manner: Manner,
    stopped: Callable[[], bool],
    progress: Callable[[int], None],
) -> Asked:
    """Ask all sides all queries, each for `k` documents of the default tenant, in the release's own mode.

    Args:
        stopped: asked many times a second; must not wait.
        progress: takes the number of queries that all sides have answered, after each.

    Raises:
        Stopped: `stopped` said so; within a second of it.
    """
    return asyncio.run(_until_stopped(_Asking(sides, queries, k, manner, progress), stopped))


async def _until_stopped(asking: _Asking, stopped: Callable[[], bool]) -> Asked:
    task = asyncio.create_task(asking.all())
    try:
        while not task.done():
            if stopped():
                raise Stopped
            await asyncio.wait({task}, timeout=_LOOK_S)
        return task.result()
    finally:
        task.cancel()
        await asyncio.wait({task})


@dataclass
class _Asking:
    sides: Sequence[Side]
    queries: Sequence[JudgedQuery]
    k: int
    manner: Manner
    progress: Callable[[int], None]
    missing: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rotas = [Rota(side.pods) for side in self.sides]
        self.runs: list[dict[str, tuple[str, ...]]] = [{} for _ in self.sides]
        self.views = [""] * len(self.sides)
        self._hopeless: set[str] = set()
        self._in_vain = 0
        self._answered_at = time.monotonic()
        self._last_problem = ""

    async def all(self) -> Asked:
        # Never through a proxy of the environment: pods are neighbours.
        async with httpx.AsyncClient(trust_env=False, timeout=self.manner.timeout_s) as http:
            await self._each(http, self.queries)
            for pause in self.manner.again_after_s:
                left = [query for query in self.queries if query.id in self.missing.keys() - self._hopeless]
                if left:
                    await asyncio.sleep(pause)
                    await self._each(http, left)
        return Asked(tuple(self.runs), self.missing, tuple(self.views))

    async def _each(self, http: httpx.AsyncClient, queries: Sequence[JudgedQuery]) -> None:
        slots = asyncio.Semaphore(self.manner.at_once)
        self._in_vain, self._answered_at = 0, time.monotonic()

        async def one(number: int, query: JudgedQuery) -> None:
            try:
                await self._all_sides(http, number, query)
            finally:
                slots.release()

        async with asyncio.TaskGroup() as group:
            for number, query in enumerate(queries):
                await slots.acquire()
                if self._is_in_vain():
                    for left in queries[number:]:
                        self.missing.setdefault(left.id, self._last_problem)
                    break
                group.create_task(one(number, query))
                await asyncio.sleep(1.0 / self.manner.per_s)

    def _is_in_vain(self) -> bool:
        return self._in_vain >= _IN_VAIN and time.monotonic() > self._answered_at + self.manner.in_vain_s

    async def _all_sides(self, http: httpx.AsyncClient, number: int, query: JudgedQuery) -> None:
        """One query to every side; a side that doesn't answer spares the others the work."""
        order = range(len(self.sides)) if number % 2 == 0 else reversed(range(len(self.sides)))
        found: dict[int, Answer] = {}
        for side in order:
            answer = await self._one(http, side, query)
            if isinstance(answer, Problem):
                self._last_problem = f"release {self.sides[side].release_id} {answer.said}"
                self.missing[query.id] = self._last_problem
                self._in_vain += 1
                if not answer.may_pass:
                    self._hopeless.add(query.id)
                return
            found[side] = answer
        for side, answer in found.items():
            self.runs[side][query.id] = answer.documents
            self.views[side] = answer.view
        self.missing.pop(query.id, None)
        self._in_vain, self._answered_at = 0, time.monotonic()
        self.progress(len(self.runs[0]))

    async def _one(self, http: httpx.AsyncClient, side: int, query: JudgedQuery) -> Answer | Problem:
        """One query to one side; a pod that can't answer is given up for another, for a while."""
        problem = Problem("has no ready pod")
        for _ in range(_POD_TRIES):
            pod = self.rotas[side].next()
            if pod is None:
                return problem
            answer = await request(http, pod, self.sides[side], query, k=self.k, timeout_s=self.manner.timeout_s)
            if isinstance(answer, Answer) or not answer.pod_is_away:
                return answer
            self.rotas[side].is_away(pod)
            problem = answer
        return problem
