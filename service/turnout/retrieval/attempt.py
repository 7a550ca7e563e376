"""One attempt to answer a search: which bodies, in which order, and words only when the vectors can't be had.

Called by `search`, which has the last step down.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from turnout import query as bodies
from turnout.elastic.async_reader import Gone
from turnout.embedding import Vectors
from turnout.errors import BadInput, Unavailable
from turnout.query.request import Query
from turnout.release.artifacts import Release, RetrievalMode
from turnout.retrieval.batching import EmbeddingProblem
from turnout.retrieval.drift import Projections
from turnout.retrieval.messages import DegradedReason, SearchHit
from turnout.retrieval.metrics import Metrics
from turnout.retrieval.ports import Answer, RawHit, Searches, Target
from turnout.retrieval.shown import Shown

# Parts of the deadline: when the vectors have used up theirs, enough is left to show what the words found.
_EMBEDDING_SHARE = 0.5
_VECTOR_SHARE = 0.75


@dataclass(frozen=True)
class Context:
    """What all attempts share."""

    release: Release
    reader: Searches
    metrics: Metrics
    shown: Shown
    projections: Projections | None = None
    """Where the vectors of queries are counted; None if no user asked them."""


class _Ranking(msgspec.Struct, frozen=True):
    hits: list[RawHit]
    degraded: DegradedReason | None = None

    @property
    def ids(self) -> list[str]:
        return [hit["_id"] for hit in self.hits]


class Attempt:
    """One search on its way; holds what its steps share."""

    def __init__(self, context: Context, target: Target, query: Query, deadline: float) -> None:
        self._context = context
        self._release = context.release
        self._target = target
        self._query = query
        self._ids_only = msgspec.structs.replace(query, passages=False)
        self._started = time.monotonic()
        self._deadline = deadline
        self._embedding: Vectors | None = None

    async def run(self) -> Answer:
        """The answer in the mode that was asked for, or with words only.

        Raises:
            BadInput, Gone, Unavailable: as `Searcher.answer`.
        """
        match self._query.mode:
            case "lexical":
                return await self._lexical(None)
            case "vector":
                return await self._vector()
            case "hybrid":
                return await self._hybrid()

    async def _lexical(self, degraded: DegradedReason | None) -> Answer:
        if self._query.passages:
            body = bodies.lexical(self._release, self._ids_only, size=self._query.k)
            hits = await self._show(_scored(await self._ask("lexical", body)))
            return Answer(mode="lexical", hits=hits, degraded=degraded)
        body = bodies.lexical(self._release, self._query, size=self._query.k, source=self._context.shown.source)
        return self._direct("lexical", await self._ask("lexical", body), degraded)

    async def _vector(self) -> Answer:
        try:
            self._embedding = await self._embed()
        except EmbeddingProblem as problem:
            return await self._lexical(problem.reason)
        body = bodies.vector(
            self._release,
            self._query,
            self._embedding.tolist(),
            size=self._query.k,
            source=self._context.shown.source,
        )
        return self._direct("vector", await self._ask("vector", body), None)

    async def _hybrid(self) -> Answer:
        window = max(self._query.k, self._release.pipeline.retrieval.rank_window)
        words_body = bodies.lexical(self._release, self._ids_only, size=window)
        words, nearest = await self._both(words_body, window)
        if nearest.degraded:
            ranked = _scored(words)
        else:
            constant = self._release.pipeline.retrieval.rank_constant
            ranked = bodies.fuse([[hit["_id"] for hit in words], nearest.ids], constant=constant)
        hits = await self._show(ranked[: self._query.k])
        return Answer(mode="lexical" if nearest.degraded else "hybrid", hits=hits, degraded=nearest.degraded)

    async def _both(self, words_body: dict[str, Any], window: int) -> tuple[list[RawHit], _Ranking]:
        """Words and vectors at the same time; if the words fail, the vectors aren't waited for."""
        try:
            async with asyncio.TaskGroup() as group:
                words = group.create_task(self._ask("lexical", words_body))
                nearest = group.create_task(self._nearest(window))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from failures
        return words.result(), nearest.result()

    async def _nearest(self, window: int) -> _Ranking:
        """The nearest neighbours, or why there are none."""
        try:
            async with asyncio.timeout(self._share(_VECTOR_SHARE)):
                self._embedding = await self._embed()
                body = bodies.vector(self._release, self._ids_only, self._embedding.tolist(), size=window)
                return _Ranking(await self._ask("vector", body))
        except EmbeddingProblem as problem:
            return _Ranking([], problem.reason)
        except Gone:
            raise
        except (Unavailable, BadInput, TimeoutError):
            return _Ranking([], "vector_search_failed")

    async def _embed(self) -> Vectors:
        if self._target.embeds is None:
            raise EmbeddingProblem("model_unavailable")
        try:
            async with asyncio.timeout(self._share(_EMBEDDING_SHARE)):
                vector = await self._target.embeds.embed(self._query.text)
        except TimeoutError as error:
            raise EmbeddingProblem("embedding_slow") from error
        if self._context.projections is not None:
            self._context.projections.count(vector)
        return vector

    async def _show(self, ranked: Sequence[tuple[str, float]]) -> tuple[SearchHit, ...]:
        """The shown parts of the ranked documents, in their order; one that was deleted meanwhile is left out."""
        if not ranked:
            return ()
        body = bodies.fetch(
            self._release,
            self._query,
            [document for document, _ in ranked],
            embedding=None if self._embedding is None else self._embedding.tolist(),
            source=self._context.shown.source,
        )
        found = {hit["_id"]: hit for hit in await self._ask("fetch", body)}
        shown = ((found[document], score) for document, score in ranked if document in found)
        return tuple(self._context.shown.hit(hit, tenant=self._query.tenant, score=score) for hit, score in shown)

    def _direct(self, mode: RetrievalMode, found: list[RawHit], degraded: DegradedReason | None) -> Answer:
        hits = (self._context.shown.hit(h, tenant=self._query.tenant, score=float(h["_score"])) for h in found)
        return Answer(mode=mode, hits=tuple(hits), degraded=degraded)

    async def _ask(self, kind: Literal["lexical", "vector", "fetch"], body: dict[str, Any]) -> list[RawHit]:
        started = time.perf_counter()
        outcome = "failed"
        try:
            hits = await self._context.reader.search(self._target.index, body, timeout_s=self._left())
            outcome = "ok"
        finally:
            self._context.metrics.searched(kind, outcome, time.perf_counter() - started)
        return hits

    def _left(self) -> float:
        return self._deadline - time.monotonic()

    def _share(self, share: float) -> float:
        """What is left of a part of the whole deadline, in seconds."""
        return (self._deadline - self._started) * share - (time.monotonic() - self._started)


def _scored(hits: Sequence[RawHit]) -> list[tuple[str, float]]:
    return [(hit["_id"], float(hit["_score"])) for hit in hits]
