"""Bring the base release live in the space, from what an earlier rehearsal may have left there.

What is kept between rehearsals is the documents index and one view that is exactly the base's. A head may have changed
that view in place: then a new one is filled with its vectors, which takes seconds and not minutes.
"""

from __future__ import annotations

import msgspec

from turnout import observed
from turnout.apply import apply
from turnout.elastic.state import FlipRecord, ReleaseRecord
from turnout.elastic.views import META_KEY, View, write_alias
from turnout.elastic.writer import BulkItem
from turnout.follow import find_view
from turnout.plan import Backfill, ChangeMapping, Plan, Verify, make_plan
from turnout.rehearsal.workshop import Workshop
from turnout.release.artifacts import Release

_FILLED = frozenset({"verifying", "ready", "live", "former", "failed"})
_CHANGED = "changed in place by a rehearsal"
_TOUCHED = "turnout-rehearsal-touched"  # beside turnout's own part of `_meta`


def clear(shop: Workshop, base: Release) -> None:
    """Leave nothing but the documents and what the base can be built from again; records of other releases go."""
    records = shop.reader.states(shop.names, ReleaseRecord)
    filled = {record.view for record in records if record.state in _FILLED}
    views = [view for view in shop.reader.views(shop.names) if view.index in filled]
    kept = next((view for view in views if _is_as_filled(view, base)), None)
    kept = kept or next((view for view in views if _can_lend(view, base)), None)
    for index in shop.reader.indexes(shop.names.views):
        if kept is None or index != kept.index:
            shop.writer.delete_index(index)
    if kept is not None and not _is_as_filled(kept, base):
        _disown(shop, kept)
    _forget(shop, records)
    if kept is not None:
        shop.writer.put_state(shop.names, _record(shop, base, kept))
    shop.reader.forget()


def build(shop: Workshop, base: Release, stage_seconds: dict[str, float]) -> bool:
    """Walk the real stages, without the verification: the base needn't prove itself. Whether a full view was there.

    Raises:
        Refused: the base's model doesn't load, or isn't the one that filled its view.
        Unavailable: Elasticsearch went away.
    """
    seen = observed.observe(shop.reader, shop.names)
    plan = make_plan(None, base, seen)
    stages = tuple(stage for stage in plan.stages if not isinstance(stage, Verify))
    plan = msgspec.structs.replace(plan, stages=stages, refusals=())
    apply(plan, base, shop.context(stage_seconds))
    for view in shop.reader.views(shop.names):
        if base.fingerprints.index not in view.meta.index_fingerprints:
            shop.writer.delete_index(view.index)  # what lent its vectors
    return not any(isinstance(stage, Backfill) for stage in stages)


def index_of(shop: Workshop, base: Release) -> str:
    """The view that serves the base now; a head may have changed it in place, or live in it too."""
    return next(
        view.index for view in shop.reader.views(shop.names) if base.fingerprints.index in view.meta.index_fingerprints
    )


def expect_change(shop: Workshop, plan: Plan) -> None:
    """Mark the view that a plan changes in place: who dies half-way leaves one that only looks like the base's."""
    for stage in plan.stages:
        if isinstance(stage, ChangeMapping):
            others = find_view(shop.reader, shop.names, stage.view).mappings.get("_meta", {})
            shop.writer.put_mapping(stage.view, {"_meta": {**others, _TOUCHED: True}})


def _is_as_filled(view: View, base: Release) -> bool:
    touched = view.mappings.get("_meta", {}).get(_TOUCHED, False)
    return not touched and view.meta.index_fingerprints == (base.fingerprints.index,)


def _can_lend(view: View, base: Release) -> bool:
    return view.meta.embedding_fingerprint == base.fingerprints.embedding


def _disown(shop: Workshop, view: View) -> None:
    """Nobody takes it for the base's any more, but its vectors are."""
    meta = msgspec.structs.replace(view.meta, index_fingerprints=(_CHANGED,))
    others = view.mappings.get("_meta", {})
    shop.writer.put_mapping(view.index, {"_meta": {**others, META_KEY: msgspec.to_builtins(meta)}})


def _forget(shop: Workshop, records: tuple[ReleaseRecord, ...]) -> None:
    flips = shop.reader.states(shop.names, FlipRecord)
    items = [BulkItem("delete", record.key) for record in (*records, *flips)]
    if items:
        list(shop.writer.bulk(write_alias(shop.names.state), items, refresh=True, require_alias=True))


def _record(shop: Workshop, base: Release, view: View) -> ReleaseRecord:
    """That the view is full; a view that lends its vectors has it too, under the base's name."""
    return ReleaseRecord(
        collection=shop.names.collection,
        at=shop.settings.now(),
        release_id=base.id,
        state="former",
        view=view.index,
        release=msgspec.to_builtins(base),
    )
