"""The parts of one running service, put together. Made by `turnout serve` and by tests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from turnout import __version__
from turnout.elastic.async_reader import AsyncReader, Gone
from turnout.elastic.names import Names
from turnout.embedding import Embedder
from turnout.errors import Unavailable
from turnout.query.request import Query
from turnout.release.artifacts import Release
from turnout.retrieval.admission import Admission, Shed
from turnout.retrieval.messages import SearchReply, Version
from turnout.retrieval.metrics import Metrics
from turnout.retrieval.pinning import Pace, Pinned, Pinning
from turnout.retrieval.ports import Answer
from turnout.retrieval.search import Searcher
from turnout.retrieval.shadow import Shadow, ShadowSettings

_WARMUP_S = 10.0
# A container that was killed comes back within seconds, and for a moment its pod still counts as ready: searches that
# are sent to it then wait for the first look instead of failing.
_STARTING_S = 5.0


@dataclass(frozen=True)
class Source:
    """Where the service gets things from.

    Args:
        release: what it serves.
        names: the index names of the release's collection.
        reader: Elasticsearch, with the reading credential.
        load_model: loads the release's model; runs in a thread.
        verified_only: serve the release only once its own record says that it was verified; for pods of a Rollout.
    """

    release: Release
    names: Names
    reader: AsyncReader
    load_model: Callable[[], Embedder]
    verified_only: bool = False


class Service:
    """Answers searches of one release, once something can be pinned."""

    def __init__(
        self,
        source: Source,
        *,
        pod_template_hash: str = "",
        pace: Pace | None = None,
        shadow: ShadowSettings | None = None,
    ) -> None:
        self.release = source.release
        self.metrics = Metrics(source.release, pod_template_hash=pod_template_hash)
        self._reader = source.reader
        self._searcher = Searcher(source.release, source.reader, self.metrics)
        self._timeout_s = source.release.pipeline.retrieval.timeout_ms / 1000
        most = source.release.pipeline.limits.max_concurrent_searches
        # As many may wait as may run: a full queue then is gone within about one deadline.
        self._admission = Admission(limit=most, queue=most)
        # Probes and other pods' shadows come on top of users: they get half of the places, or they would shed users.
        half = max(1, most // 2)
        self._probes = Admission(limit=half, queue=half)
        self.pinning = Pinning(
            source.release,
            source.names,
            source.reader,
            load_model=source.load_model,
            warm_up=self._warm_up,
            metrics=self.metrics,
            pace=pace or Pace(),
            verified_only=source.verified_only,
        )
        self.shadow = Shadow(shadow or ShadowSettings(), source.release.id, self.metrics)

    async def run(self) -> None:
        """Keep the view pinned, and mirror where that is set up, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.shadow.run())
            await self.pinning.run()

    async def close(self) -> None:
        """Give model and connections back."""
        self.pinning.close()
        await self._reader.close()

    async def search(self, query: Query, *, by_user: bool = True) -> SearchReply:
        """One search within the release's deadline, waiting for its turn included. It waits while the process starts.

        Args:
            query: what is asked.
            by_user: false for a probe: the same limits and answer, but no more than half of the places and none of the
                counters of users' searches.

        Raises:
            Shed: too many are waiting.
            BadInput, Unavailable: see `Searcher.answer`; also while nothing is pinned.
        """
        await self.pinning.started(patience_s=_STARTING_S)
        started = time.monotonic()
        try:
            async with AsyncExitStack() as places:
                if not by_user:
                    await places.enter_async_context(self._probes.slot(self._timeout_s))
                await places.enter_async_context(self._admission.slot(self._timeout_s))
                left_s = self._timeout_s - (time.monotonic() - started)
                pinned, answer = await self._answer(query, left_s, by_user=by_user)
        except Shed:
            if by_user:
                self.metrics.shed.inc()
            raise
        return SearchReply(
            release=self.release.id,
            view=pinned.index,
            mode=answer.mode,
            degraded=answer.degraded,
            stale=answer.stale,
            took_ms=round((time.monotonic() - started) * 1000, 2),
            hits=list(answer.hits),
        )

    async def _answer(self, query: Query, left_s: float, *, by_user: bool) -> tuple[Pinned, Answer]:
        pinned = self.pinning.pinned
        if pinned is None:
            raise Unavailable(self.pinning.readiness.detail, where="readiness", remedy="look at /readyz")
        try:
            return pinned, await self._searcher.answer(pinned, query, timeout_s=left_s, by_user=by_user)
        except Gone:
            self.pinning.lost(pinned)
            self._searcher.forget()
            raise

    def version(self) -> Version:
        """What is served, by content."""
        pinned = self.pinning.pinned
        marks = self.release.fingerprints
        return Version(
            version=__version__,
            collection=self.release.collection,
            release=self.release.id,
            embedding_fingerprint=marks.embedding,
            index_fingerprint=marks.index,
            query_fingerprint=marks.query,
            model=f"{self.release.model.id}@{self.release.model.revision}",
            view=pinned.index if pinned else None,
            view_uuid=pinned.uuid if pinned else None,
        )

    async def _warm_up(self, pinned: Pinned) -> None:
        """A few searches as they will come: connections, caches and the model's first, slow call are behind us then."""
        limits, k = self.release.pipeline.limits, self.release.pipeline.retrieval.k
        texts = [probe.text[: limits.max_query_chars] for probe in pinned.view.meta.probes[:3]] or ["warm up"]
        queries = [
            Query(text=text, mode="hybrid" if pinned.embeds else "lexical", k=k, tenant="default", passages=True)
            for text in texts
        ]
        for query in queries:
            await self._searcher.warm(pinned, query, timeout_s=_WARMUP_S)
