"""What was seen of one collection at one moment, in the cluster and in Elasticsearch. Made by `look`, judged by
`desired`.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from turnout.elastic.state import FlipRecord, Quarantine, ReleaseRecord
from turnout.elastic.views import View
from turnout.release.artifacts import Release

Role = Literal["stable", "canary", "former"]


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """One pod template of the Rollout: a ReplicaSet, or the spec itself where none was made of it yet.

    `role`: `stable` serves all traffic that isn't on trial, `canary` is what the spec asks for while that differs
    from
    stable, `former` an older ReplicaSet. `number` is Argo's revision (the higher the newer). `in_window`: going
    back to it
    would skip all analyses (rollbackWindow). `release` is None where `problem` says why: no such ConfigMap, not a
    release,
    another collection's. `template` is the pod template as the API gives it.
    """

    hash: str
    number: int
    role: Role
    config_map: str
    release: Release | None
    problem: str = ""
    in_window: bool = False
    replicas: int = 0
    ready: int = 0
    template: dict[str, Any] = {}


class FailedAnalysis(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict that aborted the canary: a *fail*, never an error or a lack of evidence."""

    run: str
    metric: str
    reason: str


class Rolling(msgspec.Struct, frozen=True, kw_only=True):
    """The Rollout. `failed` is set if it was aborted by a failed analysis of the canary that the spec asks for,
    `inconclusive` if one paused it for want of evidence: what that said.

    `settled`: Argo has observed the spec as it is now; before that stable and canary may be yesterday's. `uid` is the
    object's, by which what is made for it goes with it. `shares` is what part of the requests each revision gets, by
    its hash, from 0 to 1.
    """

    name: str
    uid: str = ""
    phase: str
    message: str
    aborted: bool
    settled: bool
    weight: int = 0
    shares: dict[str, float] = {}
    failed: FailedAnalysis | None = None
    inconclusive: str = ""


Purpose = Literal["fill", "verify", "follow"]


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """Something of ours that runs for a release: a Job that fills or verifies, or a Deployment that follows.

    `view` is set for followers. `ended`: a Job's end; a failed one carries `reason` and `seconds_ago`. `hash` is the
    revision whose image it runs, `config_map` the release ConfigMap that it mounts; empty where that isn't known.
    `can_run` is False for a follower that was scaled to none by hand, or whose ConfigMap is gone.
    """

    name: str
    purpose: Purpose
    release_id: str
    view: str | None = None
    ended: Literal["", "complete", "failed"] = ""
    reason: str = ""
    seconds_ago: float = 0.0
    ready: bool = False
    hash: str = ""
    config_map: str = ""
    can_run: bool = True


class SeenView(msgspec.Struct, frozen=True, kw_only=True):
    """A view with what following it has come to. `behind` is None where that can't be known."""

    view: View
    behind: int | None
    filled: bool


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one collection at one moment.

    `revisions` are newest first. `shards` are those of the documents index, 0 if there is none, and `operations` what
    they hold, in the unit of `SeenView.behind`. `frozen` is why the collection is frozen, empty if it isn't.
    `spare_config_maps` are release ConfigMaps that no ReplicaSet and no spec names, with their age in seconds.
    """

    collection: str
    rollout: Rolling | None
    revisions: tuple[Revision, ...]
    work: tuple[Work, ...]
    views: tuple[SeenView, ...]
    records: tuple[ReleaseRecord, ...]
    flips: tuple[FlipRecord, ...]
    targets: frozenset[str]
    quarantined: dict[str, Quarantine]
    shards: int
    operations: int = 0
    frozen: str = ""
    spare_config_maps: dict[str, float] = {}

    def revision(self, role: Role) -> Revision | None:
        """The newest revision of that role."""
        return next((revision for revision in self.revisions if revision.role == role), None)

    def record(self, release_id: str) -> ReleaseRecord | None:
        """How far a release has come."""
        return next((record for record in self.records if record.release_id == release_id), None)
