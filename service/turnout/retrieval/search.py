"""Searches of one release, with the last good answers for when Elasticsearch is down. Called by the HTTP handlers.

Steps down, each said in the answer: hybrid or vector -> words only -> the last good answer -> `Unavailable`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Hashable
from dataclasses import replace

import msgspec

from turnout.elastic.async_reader import Gone
from turnout.errors import Unavailable
from turnout.query.request import Query
from turnout.release.artifacts import Release
from turnout.retrieval.attempt import Attempt, Context
from turnout.retrieval.cache import LastGood
from turnout.retrieval.drift import BINS, PROJECTIONS, Projections
from turnout.retrieval.metrics import Metrics
from turnout.retrieval.ports import Answer, Searches, Target
from turnout.retrieval.shown import Shown

_KEPT_ANSWERS = 1000
_KEPT_HITS = 20_000  # of all kept answers; with passages about 2 KB each
_KEPT_FOR_S = 60.0


class Searcher:
    """Answers searches of one release."""

    def __init__(self, release: Release, reader: Searches, metrics: Metrics) -> None:
        self._metrics = metrics
        # Made as users' searches are, but not counted among them.
        self._apart = Context(release=release, reader=reader, metrics=metrics, shown=Shown(release))
        self._context = replace(self._apart, projections=_projections(release, metrics))
        self._kept: LastGood[Answer] = LastGood(
            entries=_KEPT_ANSWERS,
            age_s=_KEPT_FOR_S,
            clock=time.monotonic,
            weigh=lambda answer: len(answer.hits),
            weight=_KEPT_HITS,
        )

    async def answer(self, target: Target, query: Query, *, timeout_s: float, by_user: bool = True) -> Answer:
        """The best answer that can be had within `timeout_s` seconds.

        A search that no user asked (`by_user` false) may be answered from what is kept, but is not counted and pushes
        nothing out of it.

        Raises:
            BadInput: the query can't be run as asked.
            Gone: the view isn't there any more; an answer from it would be one from nowhere.
            Unavailable: Elasticsearch doesn't answer and no earlier answer is kept.
        """
        key = (target.uuid, msgspec.json.encode(query, order="deterministic"))
        try:
            async with asyncio.timeout(timeout_s):
                context = self._context if by_user else self._apart
                answer = await Attempt(context, target, query, time.monotonic() + timeout_s).run()
        except Gone:
            raise
        except (Unavailable, TimeoutError) as error:
            answer = self._kept_answer(key, error)
        if by_user:
            self._count(answer)
            if not answer.degraded:
                self._kept.put(key, answer)
        return answer

    async def warm(self, target: Target, query: Query, *, timeout_s: float) -> None:
        """Run a search for its side effects: nothing is counted and nothing is kept.

        Raises:
            BadInput, Unavailable: as `answer`; here without any step down but from hybrid to words.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await Attempt(self._apart, target, query, time.monotonic() + timeout_s).run()
        except TimeoutError as error:
            raise Unavailable("the first searches are too slow", where=target.index, remedy="wait") from error

    def forget(self) -> None:
        """Drop what is kept: it came from a view that is gone."""
        self._kept.clear()

    def _count(self, answer: Answer) -> None:
        if answer.degraded:
            self._metrics.degraded(answer.degraded)
        if not answer.hits:
            self._metrics.empty.inc()

    def _kept_answer(self, key: Hashable, error: Exception) -> Answer:
        kept = self._kept.get(key)
        if kept is not None:
            return msgspec.structs.replace(kept, degraded="elasticsearch_unavailable", stale=True)
        if isinstance(error, Unavailable):
            raise error
        raise Unavailable(
            "no answer within the deadline", where="search", remedy="try again, or ask for less"
        ) from error


def _projections(release: Release, metrics: Metrics) -> Projections | None:
    """None where a search embeds nothing unless it asks for it."""
    if release.pipeline.retrieval.mode == "lexical":
        return None
    return Projections(release.model.dims, metrics.projections(PROJECTIONS, BINS))
