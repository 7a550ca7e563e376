"""A Rollout and its ReplicaSets as revisions: which is stable, which is on trial, which could be gone back to.

Pure; called by `look`. What is said here of Argo Rollouts was read in its version 1.10: `status.stableRS` and
`status.currentPodHash` are pod template hashes, the first empty until a first rollout is healthy, and
`status.observedGeneration` is the generation as text, written at the end of every round that saw the spec.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from turnout.controller.observed import FailedAnalysis, Revision, Role, Rolling
from turnout.controller.releases import Found
from turnout.kube.objects import HASH, REVISION, ReplicaSet, Rollout

VOLUME = "release"
"""The volume of a search pod that is the ConfigMap of its release."""
_DIGITS = 18  # an annotation may hold thousands, which Python refuses to read


def config_map_of(template: dict[str, Any]) -> str:
    """The name of the ConfigMap that a pod template mounts as its release; empty if it mounts none."""
    for volume in template.get("spec", {}).get("volumes") or ():
        if volume.get("name") == VOLUME:
            return str((volume.get("configMap") or {}).get("name", ""))
    return ""


def owned(rollout: Rollout, replica_sets: Sequence[ReplicaSet]) -> list[ReplicaSet]:
    """The ReplicaSets of a Rollout, newest revision first, without those that are being deleted."""
    mine = [
        each
        for each in replica_sets
        if each.metadata.deletion_timestamp is None
        and each.metadata.labels.get(HASH)
        and any(owner.uid == rollout.metadata.uid for owner in each.metadata.owner_references)
    ]
    return sorted(mine, key=lambda each: (number(each.metadata.annotations), each.metadata.name), reverse=True)


def number(annotations: dict[str, str]) -> int:
    """Argo's revision number; 0 where it isn't written yet."""
    text = annotations.get(REVISION, "")
    return int(text) if text.isdecimal() and len(text) <= _DIGITS else 0


def rolling(
    rollout: Rollout, sets: Sequence[ReplicaSet], failed: FailedAnalysis | None, inconclusive: str = ""
) -> Rolling:
    """The Rollout as it stands."""
    status = rollout.status
    return Rolling(
        name=rollout.metadata.name,
        uid=rollout.metadata.uid,
        phase=status.phase,
        message=status.message,
        aborted=status.abort,
        settled=status.observed_generation == str(rollout.metadata.generation),
        weight=_weight(rollout, sets),
        shares=_shares(rollout, sets),
        failed=failed,
        inconclusive=inconclusive,
    )


def _weight(rollout: Rollout, sets: Sequence[ReplicaSet]) -> int:
    """The share of requests that the canary gets, in percent: the router's weight, else its share of the ready pods."""
    status = rollout.status
    if status.current_pod_hash == status.stable_rs:
        return 0
    if status.canary.weights is not None:
        return status.canary.weights.canary.weight
    ready = {each.metadata.labels[HASH]: each.status.ready_replicas for each in sets}
    total = sum(ready.values())
    return round(100 * ready.get(status.current_pod_hash, 0) / total) if total else 0


def _shares(rollout: Rollout, sets: Sequence[ReplicaSet]) -> dict[str, float]:
    """What part of the requests each hash gets: by the router's weights, else by its share of the ready pods."""
    routed = rollout.status.canary.weights
    if routed is not None:
        parts = [(each.pod_template_hash, each.weight) for each in (routed.stable, routed.canary, *routed.additional)]
    else:
        parts = [(each.metadata.labels[HASH], each.status.ready_replicas) for each in sets]
    total = sum(part for _, part in parts)
    found: dict[str, float] = {}
    for hash_, part in parts:  # of a Rollout without a trial both weights name the same hash
        found[hash_] = found.get(hash_, 0.0) + (part / total if total else 0.0)
    return found


def revisions(rollout: Rollout, sets: Sequence[ReplicaSet], find: Callable[[str], Found]) -> tuple[Revision, ...]:
    """All revisions, newest first.

    Args:
        sets: the Rollout's ReplicaSets, newest first.
        find: gives the release in the ConfigMap of that name.
    """
    status = rollout.status
    window = _window(rollout, sets)
    found = [_revision(rollout, each, find, in_window=each.metadata.labels[HASH] in window) for each in sets]
    current = status.current_pod_hash
    if current and all(revision.hash != current for revision in found):
        newest = max((revision.number for revision in found), default=0)
        found.insert(0, _of_spec(rollout, find, newest + 1))
    return tuple(found)


def _revision(rollout: Rollout, of: ReplicaSet, find: Callable[[str], Found], *, in_window: bool) -> Revision:
    config_map = config_map_of(of.spec.template)
    held = find(config_map)
    return Revision(
        hash=of.metadata.labels[HASH],
        number=number(of.metadata.annotations),
        role=_role(rollout, of.metadata.labels[HASH]),
        config_map=config_map,
        release=held.release,
        problem=held.problem,
        in_window=in_window,
        replicas=of.status.replicas,
        ready=of.status.ready_replicas,
        template=of.spec.template,
    )


def _of_spec(rollout: Rollout, find: Callable[[str], Found], newest: int) -> Revision:
    """The pod template that is asked for and has no ReplicaSet yet."""
    config_map = config_map_of(rollout.spec.template)
    held = find(config_map)
    current = rollout.status.current_pod_hash
    return Revision(
        hash=current,
        number=newest,
        role=_role(rollout, current),
        config_map=config_map,
        release=held.release,
        problem=held.problem,
        template=rollout.spec.template,
    )


def _role(rollout: Rollout, hash_: str) -> Role:
    if hash_ == rollout.status.stable_rs:
        return "stable"
    return "canary" if hash_ == rollout.status.current_pod_hash else "former"


def _window(rollout: Rollout, sets: Sequence[ReplicaSet]) -> frozenset[str]:
    """Hashes that Argo would go back to without any analysis: made before stable, with fewer than
    `rollbackWindow.revisions` made in between.
    """
    size = (rollout.spec.rollback_window or {}).get("revisions", 0)
    stable = next((each for each in sets if each.metadata.labels[HASH] == rollout.status.stable_rs), None)
    if stable is None:
        return frozenset()
    made = stable.metadata.creation_timestamp
    older = [each for each in sets if each.metadata.creation_timestamp < made]
    return frozenset(
        each.metadata.labels[HASH]
        for each in older
        if sum(each.metadata.creation_timestamp < other.metadata.creation_timestamp for other in older) < size
    )
