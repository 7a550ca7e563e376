"""The collection's Rollout at one moment, with its ReplicaSets and the releases that they mount. For the stories."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import orjson

from e2e.kube import ROLLOUTS, Kube, core, group
from support.workspace import COLLECTION
from turnout.controller.revisions import config_map_of

HASH = "rollouts-pod-template-hash"
ROLLOUT = f"search-{COLLECTION}"
SELECTOR = f"turnout.dev/collection={COLLECTION}"


@dataclass(frozen=True)
class ReplicaSet:
    """One pod template. `revision` is Argo's number."""

    hash: str
    revision: int
    config_map: str
    image: str
    pods: int
    ready: int


@dataclass(frozen=True)
class Rolling:
    """The Rollout. `stable` and `current` are pod template hashes; `settled`: Argo has seen the spec as it is now."""

    phase: str
    message: str
    stable: str
    current: str
    step: int
    aborted: bool
    settled: bool
    config_map: str
    replicas: int
    sets: tuple[ReplicaSet, ...]

    def set_of(self, hash_: str) -> ReplicaSet | None:
        """The ReplicaSet of a hash."""
        return next((each for each in self.sets if each.hash == hash_), None)

    @property
    def canary(self) -> ReplicaSet | None:
        """The ReplicaSet on trial, if there is one."""
        return None if self.current == self.stable else self.set_of(self.current)

    def told(self) -> str:
        """In a few words."""
        pods = ", ".join(f"{each.hash}: {each.ready}/{each.pods}" for each in self.sets if each.pods)
        return f"{self.phase} step {self.step} {self.message} (stable {self.stable}, current {self.current}; {pods})"


def look(kube: Kube) -> Rolling | None:
    """The Rollout as it is now; None if there is none."""
    rollout = kube.get(group(ROLLOUTS, "rollouts", ROLLOUT))
    if rollout is None:
        return None
    uid, status = rollout["metadata"]["uid"], rollout.get("status", {})
    found = kube.items(group("apps/v1", "replicasets"), labelSelector=SELECTOR)
    mine = [each for each in found if any(owner["uid"] == uid for owner in each["metadata"].get("ownerReferences", []))]
    return Rolling(
        phase=status.get("phase", ""),
        message=status.get("message", ""),
        stable=status.get("stableRS", ""),
        current=status.get("currentPodHash", ""),
        step=int(status.get("currentStepIndex", 0)),
        aborted=bool(status.get("abort", False)),
        settled=status.get("observedGeneration") == str(rollout["metadata"]["generation"]),
        config_map=config_map_of(rollout["spec"]["template"]),
        replicas=int(rollout["spec"].get("replicas", 1)),
        sets=tuple(sorted(map(_replica_set, mine), key=lambda each: each.revision)),
    )


def _replica_set(found: dict[str, Any]) -> ReplicaSet:
    meta, template, status = found["metadata"], found["spec"]["template"], found.get("status", {})
    return ReplicaSet(
        hash=meta["labels"].get(HASH, ""),
        revision=int(meta.get("annotations", {}).get("rollout.argoproj.io/revision", 0)),
        config_map=config_map_of(template),
        image=template["spec"]["containers"][0]["image"],
        pods=int(status.get("replicas", 0)),
        ready=int(status.get("readyReplicas", 0)),
    )


class Mounted:
    """Which release a ConfigMap holds. Their names carry a hash, so each is asked for once."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._find = functools.cache(self._ask)

    def release_id(self, config_map: str) -> str:
        """The id of its release; empty if there is no such ConfigMap, or it holds no release."""
        try:
            return self._find(config_map)
        except KeyError:
            return ""

    def _ask(self, config_map: str) -> str:
        found = self._kube.get(core("configmaps", config_map)) if config_map else None
        if found is None:
            raise KeyError(config_map)
        try:
            return str(orjson.loads(found["data"]["release.json"])["id"])
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return ""


def pods(kube: Kube, component: str, *, hash_: str = "") -> list[dict[str, Any]]:
    """The pods of a component, oldest first; those on their way out are left out."""
    labels = f"app.kubernetes.io/component={component}" + (f",{HASH}={hash_}" if hash_ else "")
    found = [each for each in kube.items(core("pods"), labelSelector=labels) if not _is_leaving(each)]
    return sorted(found, key=lambda each: str(each["metadata"]["creationTimestamp"]))


def is_ready(pod: dict[str, Any]) -> bool:
    """Whether a pod takes requests."""
    conditions = pod.get("status", {}).get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _is_leaving(pod: dict[str, Any]) -> bool:
    return bool(pod["metadata"].get("deletionTimestamp")) or pod["status"].get("phase") in ("Succeeded", "Failed")


def analysis_runs(kube: Kube, hash_: str) -> list[dict[str, Any]]:
    """The AnalysisRuns of one pod template, oldest first."""
    found = kube.items(group(ROLLOUTS, "analysisruns"), labelSelector=f"{HASH}={hash_}")
    return sorted(found, key=lambda each: str(each["metadata"]["creationTimestamp"]))


def measured(run: dict[str, Any]) -> dict[str, int]:
    """How often each metric of an AnalysisRun was measured."""
    results = run.get("status", {}).get("metricResults", [])
    return {each["name"]: len(each.get("measurements", [])) for each in results}
