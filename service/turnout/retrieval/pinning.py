"""From a release to a view that may be searched: find it, attest it, warm up, stay with it.

The service's only state. A loop looks again and again (level-triggered), so a view that is built later, a server that
comes back and a model that is put into the store later all need no restart. The searches read `pinned` once each, so
that no search mixes two views.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from turnout.elastic.async_reader import AsyncReader
from turnout.elastic.names import Names
from turnout.elastic.views import View
from turnout.embedding import Embedder
from turnout.errors import Refused, TurnoutError, Unavailable
from turnout.release.artifacts import Release
from turnout.retrieval.attested import attest
from turnout.retrieval.batching import Batching, QueryEmbedder
from turnout.retrieval.choosing import NoView, choose
from turnout.retrieval.messages import Readiness, ReadyReason
from turnout.retrieval.metrics import Metrics

_log = logging.getLogger(__name__)

_DRAINING: tuple[ReadyReason, str] = ("draining", "the process is ending")


@dataclass(frozen=True)
class Pace:
    """How often the loop looks, in seconds. Unready: `first`, doubled up to `most`, with jitter; ready: `watch`."""

    first: float = 0.25
    most: float = 10.0
    watch: float = 5.0
    model: float = 30.0  # between attempts to load a model that could not be loaded


@dataclass(frozen=True)
class Pinned:
    """The physical index of this release and the model that was found to fill it; None: words only."""

    view: View
    embeds: QueryEmbedder | None

    @property
    def index(self) -> str:
        """The name of the index."""
        return self.view.index

    @property
    def uuid(self) -> str:
        """Its incarnation."""
        return self.view.uuid


class Pinning:
    """Keeps `pinned` true.

    Args:
        load_model: loads the release's model; runs in a thread.
        warm_up: runs a few searches against what is about to be pinned.
        verified_only: see `choose`.
    """

    def __init__(
        self,
        release: Release,
        names: Names,
        reader: AsyncReader,
        *,
        load_model: Callable[[], Embedder],
        warm_up: Callable[[Pinned], Awaitable[None]],
        metrics: Metrics,
        pace: Pace,
        verified_only: bool = False,
    ) -> None:
        self._release = release
        self._names = names
        self._reader = reader
        self._load_model = load_model
        self._warm_up = warm_up
        self._metrics = metrics
        self._pace = pace
        self._verified_only = verified_only
        self._admitted = False
        self._model: QueryEmbedder | None = None
        self._next_load = 0.0
        self._model_refused: Refused | None = None
        self._problem: tuple[ReadyReason, str] = ("starting", "loading the model and looking for the view")
        self._model_problem = ""
        self._look = asyncio.Event()
        self._looked = asyncio.Event()
        self.pinned: Pinned | None = None
        self.draining = False

    @property
    def readiness(self) -> Readiness:
        """Whether searches may come, and why not."""
        reason, detail = _DRAINING if self.draining else self._problem
        ready = self.pinned is not None and not self.draining
        state: ReadyReason = "ready" if ready else reason
        return Readiness(
            ready=ready,
            reason=state,
            detail="" if ready else detail,
            release=self._release.id,
            view=self.pinned.index if self.pinned else None,
            degraded=self._model_problem or None,
        )

    def drain(self) -> None:
        """Say that no more searches should come; those that come are still answered."""
        self.draining = True
        self._metrics.ready.set(0)

    def lost(self, pinned: Pinned) -> None:
        """A search found that the view is gone."""
        if self.pinned is pinned:
            self._unpin("view_gone", f"{pinned.index} is gone")
            self._look.set()

    async def started(self, *, patience_s: float) -> None:
        """Return once the first look is over, whatever it found, or `patience_s` seconds have passed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                await self._looked.wait()

    async def run(self) -> None:
        """Look for ever."""
        wait = self._pace.first
        while True:
            await self._step()
            self._looked.set()
            self._metrics.ready.set(self.readiness.ready)
            self._metrics.model_ready.set(bool(self.pinned and self.pinned.embeds))
            wait = self._pace.first if self.pinned else min(wait * 2, self._pace.most)
            pause = self._pace.watch if self.pinned else wait
            try:
                async with asyncio.timeout(pause * random.uniform(0.8, 1.2)):  # noqa: S311 jitter, not a secret
                    await self._look.wait()
            except TimeoutError:
                pass
            self._look.clear()

    def close(self) -> None:
        """Give the model back."""
        if self._model is not None:
            self._model.close()

    async def _step(self) -> None:
        try:
            await self._ensure_model()
            await self._pin()
        except NoView as problem:
            self._unpin(problem.reason, str(problem))
        except Unavailable as error:
            # A pinned service stays ready: it can still give kept answers, and the other pods are no better off.
            if self.pinned is None:
                self._unpin("elasticsearch_unavailable", error.what)
        except Refused as error:
            self._metrics.refused.inc()
            self._unpin("attestation_refused", error.what)
        except TurnoutError as error:
            self._unpin("warmup_failed", error.what)
        except Exception as error:  # the loop must live on, whatever a library raises
            _log.exception("looking for the view failed")
            if self.pinned is None:
                self._unpin("warmup_failed", f"unexpected {type(error).__name__}, see the log")

    async def _pin(self) -> None:
        await self._require_admission()
        records = await self._reader.release_records(self._names)
        views = await self._reader.views(self._names)
        view = choose(self._release, views, records, current=self.pinned, verified_only=self._verified_only)
        if self.pinned and self.pinned.uuid == view.uuid and self.pinned.embeds is self._model:
            return
        if self._model is not None:
            wanted = self._release.gates.verify.attestation.min_cosine
            await asyncio.to_thread(attest, view, self._model.embedder, min_cosine=wanted)
        pinned = Pinned(view=view, embeds=self._model)
        await self._warm_up(pinned)
        self.pinned = pinned
        self._admitted = True
        _log.info("ready: %s serves %s%s", view.index, self._release.id, "" if self._model else ", words only")

    async def _require_admission(self) -> None:
        """Asked until this process has been ready once, and never again.

        A quarantine ends a trial before it begins: the pods of a failed release never turn ready again, whoever starts
        them. It must not end what is running: all pods would turn unready at the same moment, and if the release is the
        one that everybody is served from, nothing would be left. Taking traffic away is Argo Rollouts' business.
        """
        if self._admitted:
            return
        found = await self._reader.quarantined(self._names, self._release.id)
        if found is not None:
            raise NoView("quarantined", f"{found.release_id} is in quarantine since {found.at}: {found.reason}")

    async def _ensure_model(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._model is not None:
            return
        if now < self._next_load:
            if self._model_refused is not None:
                raise self._model_refused
            return
        self._next_load = now + self._pace.model
        self._model_refused = None
        try:
            embedder = await asyncio.to_thread(self._load_model)
        except Refused as error:
            self._model_refused = error
            raise
        except Exception as error:
            what = error.what if isinstance(error, TurnoutError) else type(error).__name__
            problem = f"words only, the model can't be loaded: {what}"
            if problem != self._model_problem:
                _log.warning("%s", problem)
            self._model_problem = problem
            return
        self._model = QueryEmbedder(embedder, self._metrics, Batching())
        self._model_problem = ""

    def _unpin(self, reason: ReadyReason, detail: str) -> None:
        if (reason, detail) != self._problem or self.pinned is not None:
            _log.warning("not ready (%s): %s", reason, detail)
        self._problem = (reason, detail)
        self.pinned = None
        self._metrics.ready.set(0)
