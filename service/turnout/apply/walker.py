"""Do one stage of a plan after the other, and remember how far the release has come. Used by the walk and by shards."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import assert_never

import msgspec

from turnout.alias import flip
from turnout.apply.context import Context
from turnout.apply.creating import make_view
from turnout.apply.following import Following
from turnout.apply.live import live_release
from turnout.apply.partial import COMPARED_WITH
from turnout.apply.records import remember
from turnout.elastic.state import ReleaseState
from turnout.elastic.views import META_KEY, View
from turnout.embedding import Embedder
from turnout.embedding.hosted import backfilling
from turnout.embedding.store import load
from turnout.errors import Refused
from turnout.follow import find_view, finish_filling, is_filling
from turnout.plan import (
    Backfill,
    CatchUp,
    ChangeMapping,
    CreateView,
    Flip,
    KeepFollowing,
    Stage,
    Verify,
)
from turnout.release.artifacts import Release
from turnout.verify import Live, Verdict, verify

MAKER = 0
"""The shard whose pod makes the view."""

# What a verification makes of a release. Without enough evidence it waits and is neither let through nor condemned.
_REACHED: dict[Verdict, ReleaseState] = {"pass": "ready", "fail": "failed", "inconclusive": "verifying"}


class Walker:
    """One apply under way: the view once it exists, and what was opened for it.

    Args:
        stack: closes what is opened here.
        joins: use a view that somebody else makes at the same time. A person is told instead that two are at work.
        shard: fill this shard of the documents index only, and don't call the view filled.
    """

    def __init__(
        self, head: Release, context: Context, stack: ExitStack, *, joins: bool = False, shard: int | None = None
    ) -> None:
        # One model for all stages, so that a hosted one has one rate limit and one budget.
        context = replace(context, processes=0) if head.model.hosted else context
        self._head, self._context, self._stack = head, context, stack
        self._joins, self._shard = joins, shard
        self._made: str | None = None
        self._embedder: Embedder | None = None
        self._following: Following | None = None
        self._compared_with: str | None = None

    def take(self, stage: Stage) -> None:
        """Do one stage."""
        match stage:
            case CreateView():
                self._create()
            case ChangeMapping():
                self._change_mapping(stage)
            case Backfill():
                self._backfill(stage)
            case CatchUp(view=view):
                self._catch_up(self._view(view))
            case Verify(view=view):
                self._verify(self._view(view))
            case Flip(view=view):
                self._flip(stage, self._view(view))
            case KeepFollowing():
                pass  # followers are processes of their own; the plan names the view so that nobody stops its one
            case _:
                assert_never(stage)

    def _view(self, planned: str | None) -> View:
        index = planned or self._made
        if index is None:
            raise Refused("the plan names no view and makes none", where=self._head.collection, remedy="plan again")
        return find_view(self._context.reader, self._context.names, index)

    def _model(self) -> Embedder:
        if self._embedder is None:
            self._embedder = self._load(self._head)
        return self._embedder

    def _load(self, release: Release) -> Embedder:
        if self._context.load is not None:
            return self._context.load(release)
        hosting = backfilling(release, self._context.embedding_key, billed=self._context.billed)
        embedder = load(release.model, self._context.models, hosting=hosting)
        self._stack.callback(embedder.close)
        return embedder

    def _follow(self, index: str, *, reuse_from: str | None = None) -> Following:
        """The plan has one view to bring up to date; what it takes vectors from is said first, by its Backfill."""
        if self._following is None:
            embedder = None if self._context.processes else self._model()
            shards = None if self._shard is None else frozenset({self._shard})
            job = replace(self._context.job(self._head, index, reuse_from=reuse_from), shards=shards)
            following = Following(self._context, job, embedder=embedder)
            self._following = self._stack.enter_context(following)
        return self._following

    def _create(self) -> None:
        self._made = make_view(self._context, self._head, self._model, joins=self._joins).index

    def _change_mapping(self, stage: ChangeMapping) -> None:
        """The fields first and the name last: a half-made change isn't found by the new fingerprint."""
        context = self._context
        view = self._view(stage.view)
        if stage.mappings:
            context.writer.put_mapping(view.index, stage.mappings)
        if stage.settings:
            context.writer.put_settings(view.index, stage.settings)
        served = tuple(dict.fromkeys((*view.meta.index_fingerprints, stage.index_fingerprint)))
        meta = msgspec.structs.replace(view.meta, index_fingerprints=served)
        others = view.mappings.get("_meta", {})
        context.writer.put_mapping(view.index, {"_meta": {**others, META_KEY: msgspec.to_builtins(meta)}})
        remember(context, self._head, "building", view.index)

    def _backfill(self, stage: Backfill) -> None:
        view = self._view(stage.view)
        if self._shard in (None, MAKER):  # one of them is enough, and many at once would be in each other's way
            remember(self._context, self._head, "building", view.index)
        self._follow(view.index, reuse_from=stage.source_view).follow()
        if self._shard is not None:
            return  # the other shards may have all their work before them
        finish_filling(self._context.writer, view, self._head)
        self._context.reader.refresh(view.index)

    def _catch_up(self, view: View) -> None:
        self._follow(view.index).follow_if_behind()
        if is_filling(view):  # whoever filled it was stopped before its end, and a record calls it filled all the same
            finish_filling(self._context.writer, view, self._head)

    def _verify(self, view: View) -> None:
        context, live = self._context, self._live()
        self._compared_with = live.release.id if live else None
        remember(context, self._head, "verifying", view.index)
        context.reader.refresh(view.index)
        report = verify(
            context.reader,
            context.names,
            self._head,
            view,
            embedder=self._model(),
            query_set=context.query_set,
            live=live,
            catch_up=self._follow(view.index).settle,
            progress=context.listen,
        )
        reasons = [f"{check.name}: {check.reason}" for check in report.checks if check.verdict != "pass"]
        told = {**report.as_record(), COMPARED_WITH: self._compared_with}
        remember(context, self._head, _REACHED[report.verdict], view.index, reason="; ".join(reasons), report=told)
        if reasons:
            raise Refused(
                f"release {self._head.id} is not let through: {reasons[0]}",
                where=view.index,
                remedy=f"the alias did not move; `turnout status {self._head.collection}` shows the whole report",
            )

    def _live(self) -> Live | None:
        """The live release with its view and model, to compare with; None before the first flip."""
        found = live_release(self._context.reader, self._context.names)
        if found is None or found.release.id == self._head.id:
            return None
        is_same = found.release.model == self._head.model
        return Live(found.release, found.view, self._model() if is_same else self._load(found.release))

    def _flip(self, stage: Flip, view: View) -> None:
        context = self._context
        live = live_release(context.reader, context.names)
        if live is not None and live.release.id not in (self._compared_with, self._head.id):
            raise Refused(
                f"release {live.release.id} went live meanwhile, and {self._head.id} was not compared with it",
                where=live.view.index,
                remedy="plan and apply again: what is built is used",
            )
        flip(
            context.reader,
            context.writer,
            context.names,
            to=view,
            release=self._head,
            expect=frozenset({stage.from_view} if stage.from_view else ()),
            reason="apply",
            now=context.now,
        )
