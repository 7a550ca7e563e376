"""Look at a collection: read everything once, then say what it means. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from turnout.elastic.documents import LIVE_DOCUMENTS
from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.state import FlipRecord, Freeze, Quarantine, ReleaseRecord, RolloutRecord
from turnout.elastic.views import LIVE_FILTER, SYSTEM_FIELD, View
from turnout.errors import EnvironmentProblem, Unavailable
from turnout.follow import ViewGone, lag
from turnout.verify.parity import parity

_FLIPS_SHOWN = 5


class ViewStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A physical index. `behind` counts operations of documents not in it yet, None if that can't be known.

    `parity` is the verdict of a comparison made now; None if none was asked for.
    """

    index: str
    serves: tuple[str, ...]
    embedding: str
    live_documents: int
    placeholders: int
    behind: int | None
    is_live: bool
    parity: str | None = None


class ReleaseStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How far a release has come; `checks` holds the verdict of each check of its last verification."""

    release_id: str
    state: str
    view: str | None
    at: str
    reason: str
    checks: dict[str, str]


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """A collection at one moment. `problems` are sentences for a person; empty is good.

    `rollout` is what the controller saw when it last changed; None where no controller runs. `quarantined` are the
    releases that failed on this cluster, oldest first. `environment` is what the indexes belong to, empty if nothing
    says so.
    """

    collection: str
    alias: str
    alias_targets: tuple[str, ...]
    live_release: str | None
    frozen: str | None
    documents: int
    views: tuple[ViewStatus, ...]
    releases: tuple[ReleaseStatus, ...]
    flips: tuple[FlipRecord, ...]
    problems: tuple[str, ...]
    rollout: RolloutRecord | None = None
    quarantined: tuple[Quarantine, ...] = ()
    environment: str = ""


def look(reader: Reader, names: Names, *, compare: bool = False) -> Status:
    """The status of a collection.

    Args:
        compare: check the parity of every view now; reads all ids.

    Raises:
        Unavailable: the server can't answer.
    """
    targets = tuple(sorted(reader.alias_targets(names.alias)))
    records = reader.states(names, ReleaseRecord)
    freeze = reader.state(names, f"freeze:{names.collection}")
    exists = reader.index_uuid(names.documents) is not None
    views = tuple(_views(reader, names, targets, compare=compare))
    live = [record for record in records if record.state == "live"]
    served = [record for record in live if targets == (record.view,)]
    rollouts = reader.states(names, RolloutRecord)
    rollout = rollouts[-1] if rollouts else None
    quarantined = reader.states(names, Quarantine)
    return Status(
        collection=names.collection,
        alias=names.alias,
        alias_targets=targets,
        live_release=served[-1].release_id if served else None,
        frozen=f"{freeze.reason} (by {freeze.by})" if isinstance(freeze, Freeze) and freeze.frozen else None,
        documents=reader.count(names.documents, LIVE_DOCUMENTS) if exists else 0,
        views=views,
        releases=tuple(_release(record) for record in records),
        flips=reader.states(names, FlipRecord)[-_FLIPS_SHOWN:],
        problems=(*_problems(targets, live, views), *_on_kubernetes(rollout, quarantined, served)),
        rollout=rollout,
        quarantined=quarantined,
        environment=reader.environment(names),
    )


def _views(reader: Reader, names: Names, targets: tuple[str, ...], *, compare: bool) -> Iterator[ViewStatus]:
    for view in reader.views(names):
        try:
            behind: int | None = lag(reader, names, view.index).total
        except ViewGone:
            continue  # retired while we looked
        except Unavailable:
            raise
        except EnvironmentProblem:
            behind = None  # there is no documents index to be level with
        yield _view(reader, names, view, targets, behind=behind, compare=compare)


def _view(
    reader: Reader, names: Names, view: View, targets: tuple[str, ...], *, behind: int | None, compare: bool
) -> ViewStatus:
    checked = parity(reader, names, view, catch_up=lambda: None).verdict if compare else None
    return ViewStatus(
        index=view.index,
        serves=view.meta.index_fingerprints,
        embedding=view.meta.embedding_fingerprint,
        live_documents=reader.count(view.index, LIVE_FILTER),
        placeholders=reader.count(view.index, {"term": {f"{SYSTEM_FIELD}.state": "placeholder"}}),
        behind=behind,
        is_live=view.index in targets,
        parity=checked,
    )


def _release(record: ReleaseRecord) -> ReleaseStatus:
    checks = {check["name"]: check["verdict"] for check in record.report.get("checks", ())}
    return ReleaseStatus(
        release_id=record.release_id,
        state=record.state,
        view=record.view,
        at=record.at,
        reason=record.reason,
        checks=checks,
    )


def _problems(targets: tuple[str, ...], live: list[ReleaseRecord], views: tuple[ViewStatus, ...]) -> Iterator[str]:
    if len(targets) > 1:
        yield f"the alias points at {len(targets)} indexes: {', '.join(targets)}"
    if len(targets) == 1 and not any(record.view in targets for record in live):
        yield (
            f"the alias points at {targets[0]}, which no live release names: "
            "it was moved by hand, or a flip was interrupted"
        )
    if not targets and live:
        yield f"release {live[-1].release_id} is live, but the alias is gone"
    if len(live) > 1:
        yield f"releases {', '.join(r.release_id for r in live)} are all recorded as live: a flip was interrupted"
    for view in views:
        if view.parity not in (None, "pass"):
            yield f"{view.index} is not equal to documents (parity: {view.parity})"
        if view.placeholders:
            yield f"{view.index} holds {view.placeholders} documents that could not be indexed"


def _on_kubernetes(
    rollout: RolloutRecord | None, quarantined: tuple[Quarantine, ...], served: list[ReleaseRecord]
) -> Iterator[str]:
    """A release in quarantine is no problem by itself, it is what became of one; unless it is served."""
    if rollout is not None:
        yield from rollout.problems
    condemned = {record.release_id for record in quarantined}
    for record in served:
        if record.release_id in condemned:
            yield f"release {record.release_id} is live and in quarantine: make another release"
