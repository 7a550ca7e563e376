"""Which trial a pair of pod template hashes is: of which collection, by which gates, since when. Called by `judging`.

Nothing is remembered, so that every replica answers alike: all is read from the cluster whenever it is asked. A trial
begins with Argo's background analysis, which runs as long as there are canary pods, and begins anew when a Rollout is
tried again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from turnout.controller.releases import Releases
from turnout.controller.revisions import config_map_of
from turnout.errors import Refused
from turnout.judge.trial import Trial
from turnout.kube.objects import COLLECTION, HASH, AnalysisRun, ReplicaSet, Rollout
from turnout.kube.reader import Reader
from turnout.release.artifacts import CanaryGates

_RUNNING = ("", "Pending", "Running")


@dataclass(frozen=True)
class OnTrial:
    """A trial with what it is judged by. `canary` and `stable` are release ids; stable's is empty if it can't be read.

    `config_map` is the release ConfigMap of the canary.
    """

    trial: Trial
    gates: CanaryGates
    canary: str
    stable: str
    config_map: str


class Trials:
    """Finds trials in one namespace. Thread-safe.

    Args:
        window_s: seconds of each window that is counted by.
    """

    def __init__(self, kube: Reader, *, window_s: float) -> None:
        self._kube, self.window_s = kube, window_s

    def find(self, canary: str, stable: str) -> OnTrial:
        """The trial of the pods with the hash `canary` against those with the hash `stable`.

        Raises:
            Refused: there is none, or it can't be told which.
            Unavailable: the API can't answer.
        """
        if canary == stable:
            raise Refused("canary and stable have the same pod template hash, so nothing is on trial")
        sets = self._kube.replica_sets(canary, stable)
        of_canary, of_stable = _only(sets, canary, "canary"), _only(sets, stable, "stable")
        collection = of_canary.metadata.labels.get(COLLECTION, "")
        rollout = self._rollout(collection, of_canary, of_stable)
        if (rollout.status.current_pod_hash, rollout.status.stable_rs) != (canary, stable):
            raise Refused(f"these are not the canary and the stable pods that {rollout.metadata.name} has now")
        since = _since(rollout, self._kube.analysis_runs(canary))
        releases = Releases(self._kube, collection)
        config_map = config_map_of(of_canary.spec.template)
        found = releases.find(config_map, {})
        if found.release is None:
            raise Refused(f"the canary's release can't be used: {found.problem}")
        before = releases.find(config_map_of(of_stable.spec.template), {}).release
        return OnTrial(
            trial=Trial(collection=collection, stable=stable, canary=canary, since=since, window_s=self.window_s),
            gates=found.release.gates.judged,
            canary=found.release.id,
            stable=before.id if before is not None else "",
            config_map=config_map,
        )

    def _rollout(self, collection: str, *sets: ReplicaSet) -> Rollout:
        """The one Rollout that owns both ReplicaSets."""
        rollouts = self._kube.rollouts(collection) if collection else ()
        if len(rollouts) > 1:
            names = ", ".join(each.metadata.name for each in rollouts)
            raise Refused(f"{len(rollouts)} Rollouts say that they are of {collection}: {names}")
        for rollout in rollouts:
            if all(_owns(rollout, each) for each in sets):
                return rollout
        names = " and ".join(each.metadata.name for each in sets)
        raise Refused(f"no Rollout of a collection has both {names}")


def _only(sets: Sequence[ReplicaSet], hash_: str, side: str) -> ReplicaSet:
    live = [each for each in sets if each.metadata.labels.get(HASH) == hash_ and not each.metadata.deletion_timestamp]
    if not live:
        raise Refused(f"there are no {side} pods with the hash {hash_}")
    if len(live) > 1:
        names = ", ".join(each.metadata.name for each in live)
        raise Refused(f"{len(live)} ReplicaSets have the hash {hash_}, so their pods can't be told apart: {names}")
    return live[0]


def _owns(rollout: Rollout, each: ReplicaSet) -> bool:
    return any(owner.uid == rollout.metadata.uid for owner in each.metadata.owner_references)


def _since(rollout: Rollout, runs: Sequence[AnalysisRun]) -> float:
    """When the trial began, Unix seconds."""
    mine = [
        run
        for run in runs
        if run.metadata.creation_timestamp
        and any(owner.uid == rollout.metadata.uid for owner in run.metadata.owner_references)
    ]
    background = rollout.status.canary.current_background_analysis_run_status
    named = [run for run in mine if background is not None and run.metadata.name == background.name]
    running = [run for run in mine if run.status.phase in _RUNNING]
    began = sorted(run.metadata.creation_timestamp for run in named or running)
    if not began:
        raise Refused("no analysis of the canary is running")
    return datetime.fromisoformat(began[0]).timestamp()
