"""Walk a plan's stages, one after the other, and remember how far the release has come."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import assert_never

import msgspec

from turnout.alias import flip
from turnout.apply.context import Context, Ended, Started
from turnout.apply.live import live_release
from turnout.elastic.state import ReleaseRecord, ReleaseState
from turnout.elastic.views import META_KEY, View
from turnout.embedding import Embedder
from turnout.embedding.store import load
from turnout.errors import Refused
from turnout.follow import Follower, create_view, find_view, finish_filling
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
from turnout.verify import Live, Report, Verdict, verify

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
    """One apply under way: the view once it exists, and the model once it is loaded."""

    def __init__(self, plan: Plan, head: Release, context: Context, stack: ExitStack) -> None:
        self._plan, self._head, self._context, self._stack = plan, head, context, stack
        self._made: str | None = None
        self._embedder: Embedder | None = None
        self._follower: Follower | None = None

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
                self._catch_up(self._view(view).index)
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
            self._embedder = load(self._head.model, self._context.models)
            self._stack.callback(self._embedder.close)
        return self._embedder

    def _create(self) -> None:
        context = self._context
        now = context.now()
        view = create_view(context.reader, context.writer, context.names, self._head, self._model(), now=now)
        self._made = view.index
        self._remember("building", view.index)

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
        self._remember("building", view.index)

    def _backfill(self, stage: Backfill) -> None:
        view = self._view(stage.view)
        self._remember("building", view.index)
        self._catch_up(view.index, reuse_from=stage.source_view)
        finish_filling(self._context.writer, view, self._head)
        self._context.reader.refresh(view.index)

    def _catch_up(self, index: str, *, reuse_from: str | None = None) -> None:
        if self._follower is None:
            job = self._context.job(self._head, index, reuse_from=reuse_from)
            self._follower = self._stack.enter_context(Follower(job))
        self._follower.catch_up(self._context.listen)

    def _verify(self, view: View) -> None:
        context = self._context
        self._remember("verifying", view.index)
        context.reader.refresh(view.index)
        report = verify(
            context.reader,
            context.names,
            self._head,
            view,
            embedder=self._model(),
            query_set=context.query_set,
            live=self._live(),
            catch_up=lambda: self._catch_up(view.index),
            progress=context.listen,
        )
        reasons = [f"{check.name}: {check.reason}" for check in report.checks if check.verdict != "pass"]
        self._remember(_REACHED[report.verdict], view.index, reason="; ".join(reasons), report=report)
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
        embedder = load(found.release.model, self._context.models)
        self._stack.callback(embedder.close)
        return Live(found.release, found.view, embedder)

    def _flip(self, stage: Flip, view: View) -> None:
        context = self._context
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

    def _remember(self, state: ReleaseState, view: str, *, reason: str = "", report: Report | None = None) -> None:
        """Write how far the release has come."""
        context = self._context
        record = ReleaseRecord(
            collection=self._head.collection,
            at=context.now(),
            release_id=self._head.id,
            state=state,
            view=view,
            release=msgspec.to_builtins(self._head),
            reason=reason,
            report=report.as_record() if report else {},
        )
        context.writer.put_state(context.names, record)
