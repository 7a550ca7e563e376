"""Walk a plan's stages, one after the other, and remember how far the release has come."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import replace
from typing import assert_never

import msgspec

from turnout.alias import flip
from turnout.apply.context import Context, Ended, Started
from turnout.apply.following import Following
from turnout.apply.live import live_release
from turnout.apply.records import remember
from turnout.elastic.state import ReleaseState
from turnout.elastic.views import META_KEY, View
from turnout.embedding import Embedder
from turnout.embedding.hosted import backfilling
from turnout.embedding.store import load
from turnout.errors import Refused
from turnout.follow import create_view, find_view, finish_filling
from turnout.plan import (
    Backfill,
    CatchUp,
    ChangeMapping,
    CreateView,
    Flip,
    KeepFollowing,
    Plan,
    Stage,
    Verify,
)
from turnout.release.artifacts import Release
from turnout.verify import Live, Verdict, verify

# What a verification makes of a release. Without enough evidence it waits and is neither let through nor condemned.
_REACHED: dict[Verdict, ReleaseState] = {"pass": "ready", "fail": "failed", "inconclusive": "verifying"}


def apply(plan: Plan, head: Release, context: Context) -> None:
    """Do what the plan says. Safe to interrupt: planning again resumes it.

    Raises:
        Refused: the plan is refused, verification didn't pass, or the alias can't be moved. The alias is where it was.
        Unavailable: Elasticsearch went away.
    """
    if plan.refusals:
        first = plan.refusals[0]
        raise Refused(first.what, where=plan.collection, remedy=first.remedy)
    if plan.head_id != head.id:
        raise Refused(f"the plan is for {plan.head_id}, not for {head.id}", remedy="plan again")
    context.writer.ensure_state_index(context.names)
    with ExitStack() as stack:
        walk = _Walk(plan, head, context, stack)
        for number, stage in enumerate(plan.stages, 1):
            context.listen(Started(stage, number, len(plan.stages)))
            began = time.monotonic()
            walk.take(stage)
            context.listen(Ended(stage, time.monotonic() - began))


class _Walk:
    """One apply under way: the view once it exists, and what was opened for it."""

    def __init__(self, plan: Plan, head: Release, context: Context, stack: ExitStack) -> None:
        # One model for all stages, so that a hosted one has one rate limit and one budget.
        context = replace(context, processes=0) if head.model.hosted else context
        self._plan, self._head, self._context, self._stack = plan, head, context, stack
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
                self._follow(self._view(view).index).follow_if_behind()
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
            raise Refused("the plan names no view and makes none", where=self._plan.collection, remedy="plan again")
        return find_view(self._context.reader, self._context.names, index)

    def _model(self) -> Embedder:
        if self._embedder is None:
            self._embedder = self._load(self._head)
        return self._embedder

    def _load(self, release: Release) -> Embedder:
        if self._context.load is not None:
            return self._context.load(release)
        hosting = backfilling(release, self._context.embedding_key)
        embedder = load(release.model, self._context.models, hosting=hosting)
        self._stack.callback(embedder.close)
        return embedder

    def _follow(self, index: str, *, reuse_from: str | None = None) -> Following:
        """The plan has one view to bring up to date; what it takes vectors from is said first, by its Backfill."""
        if self._following is None:
            embedder = None if self._context.processes else self._model()
            following = Following(self._context, self._head, index, embedder=embedder, reuse_from=reuse_from)
            self._following = self._stack.enter_context(following)
        return self._following

    def _create(self) -> None:
        """Planned only where no view serves the release: if there is one now, somebody else builds it already."""
        context, wanted = self._context, self._head.fingerprints.index
        for view in context.reader.views(context.names):
            if wanted in view.meta.index_fingerprints:
                raise Refused(
                    "a view for this release appeared since the plan was made: another apply is at work",
                    where=view.index,
                    remedy="see `turnout status`; an apply that was interrupted is resumed by applying again",
                )
        now = context.now()
        view = create_view(context.reader, context.writer, context.names, self._head, self._model(), now=now)
        self._made = view.index
        remember(context, self._head, "building", view.index)

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
        remember(self._context, self._head, "building", view.index)
        self._follow(view.index, reuse_from=stage.source_view).follow()
        finish_filling(self._context.writer, view, self._head)
        self._context.reader.refresh(view.index)

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
        remember(context, self._head, _REACHED[report.verdict], view.index, reason="; ".join(reasons), report=report)
        if reasons:
            raise Refused(
                f"release {self._head.id} is not let through: {reasons[0]}",
                where=view.index,
                remedy=f"the alias did not move; `turnout status {self._plan.collection}` shows the whole report",
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
