"""Looks at one collection: everything of it in the cluster and in Elasticsearch, as one value. Called by the loop.

Nothing is remembered between two looks but the content of ConfigMaps that didn't change.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime

from turnout.controller.analyses import failed_analysis, inconclusive_analysis
from turnout.controller.indexes import look_at_indexes
from turnout.controller.observed import Observed, Work
from turnout.controller.releases import Releases
from turnout.controller.revisions import config_map_of, owned, revisions, rolling
from turnout.elastic.names import Names
from turnout.elastic.reader import Reader as ElasticReader
from turnout.errors import Refused
from turnout.kube.objects import (
    COLLECTION,
    COMPONENT,
    OF_HASH,
    RELEASE,
    VIEW,
    Deployment,
    Job,
    Meta,
    ReplicaSet,
    Rollout,
)
from turnout.kube.reader import Reader as KubeReader

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")


def collections(kube: KubeReader) -> tuple[str, ...]:
    """The collections that have a Rollout, by name.

    Raises:
        Unavailable: the API can't answer.
    """
    return tuple(sorted({rollout.metadata.labels[COLLECTION] for rollout in kube.rollouts()}))


class Looker:
    """Looks at one collection, again and again. Not thread-safe: one for each collection."""

    def __init__(self, kube: KubeReader, elastic: ElasticReader, names: Names, *, now: Callable[[], datetime]) -> None:
        self._kube, self._elastic, self._names, self._now = kube, elastic, names, now
        self._releases = Releases(kube, names.collection)
        self.config_maps: dict[str, Meta] = {}
        """The release ConfigMaps of the last look, by name."""

    def look(self) -> Observed:
        """The collection as it is now.

        ConfigMaps are listed before what may name them, so that one that is named meanwhile is never taken for spare.

        Raises:
            Unavailable: the API or Elasticsearch can't answer. Half a picture is none.
            Refused: the collection can't be told from another.
        """
        collection = self._names.collection
        if not _NAME.fullmatch(collection):
            raise Refused(f"{collection!r} can't be a collection", remedy=f"correct the label {COLLECTION}")
        self.config_maps = {meta.name: meta for meta in self._kube.release_maps(collection)}
        jobs, deployments = self._kube.jobs(collection), self._kube.deployments(collection)
        runs, sets = self._kube.analysis_runs(), self._kube.replica_sets()
        rollout = self._rollout()
        mine = owned(rollout, sets) if rollout else []
        indexes = look_at_indexes(self._elastic, self._names)
        failed = failed_analysis(rollout, mine, runs) if rollout else None
        inconclusive = inconclusive_analysis(rollout, runs) if rollout else ""
        self._releases.forget(self.config_maps)
        return Observed(
            collection=collection,
            rollout=rolling(rollout, mine, failed, inconclusive) if rollout else None,
            revisions=revisions(rollout, mine, lambda name: self._releases.find(name, self.config_maps))
            if rollout
            else (),
            work=work(jobs, deployments, now=self._now(), is_there=self._is_there),
            spare_config_maps=self._spare(_named(rollout, sets, deployments)),
            **indexes._asdict(),
        )

    def _rollout(self) -> Rollout | None:
        found = self._kube.rollouts(self._names.collection)
        if len(found) > 1:
            names = ", ".join(rollout.metadata.name for rollout in found)
            raise Refused(
                f"{len(found)} Rollouts say that they are of {self._names.collection}: {names}",
                where=self._kube.namespace,
                remedy=f"correct the label {COLLECTION} of all but one",
            )
        return found[0] if found else None

    def _is_there(self, config_map: str) -> bool:
        """Whether there is a ConfigMap; one that isn't labelled as a release isn't listed."""
        return not config_map or config_map in self.config_maps or self._kube.config_map(config_map) is not None

    def _spare(self, named: set[str]) -> dict[str, float]:
        """Release ConfigMaps that nothing names, with their age in seconds."""
        now = self._now()
        return {
            name: (now - datetime.fromisoformat(meta.creation_timestamp)).total_seconds()
            for name, meta in self.config_maps.items()
            if name not in named and meta.deletion_timestamp is None
        }


def _named(rollout: Rollout | None, sets: Sequence[ReplicaSet], deployments: Sequence[Deployment]) -> set[str]:
    """Every ConfigMap that the Rollout, any ReplicaSet of the namespace or a follower mounts as its release."""
    templates = [each.spec.template for each in sets] + [each.spec.template for each in deployments]
    templates += [rollout.spec.template] if rollout else []
    return {config_map_of(template) for template in templates}


def work(
    jobs: Sequence[Job], deployments: Sequence[Deployment], *, now: datetime, is_there: Callable[[str], bool]
) -> tuple[Work, ...]:
    """What of ours runs or has run. What is being deleted doesn't count.

    Args:
        is_there: whether there is a ConfigMap of that name.
    """
    live_jobs = [job for job in jobs if job.metadata.deletion_timestamp is None]
    followers = [each for each in deployments if each.metadata.deletion_timestamp is None]
    return (*(_job(job, now) for job in live_jobs), *(_follower(each, is_there) for each in followers))


def _job(job: Job, now: datetime) -> Work:
    labels = job.metadata.labels
    ends = [each for each in job.status.conditions if each.status == "True" and each.type in ("Complete", "Failed")]
    end = ends[0] if ends else None
    failed = end is not None and end.type == "Failed"
    at = end.last_transition_time if end else None
    return Work(
        name=job.metadata.name,
        purpose="verify" if labels.get(COMPONENT) == "verify" else "fill",
        release_id=labels.get(RELEASE, ""),
        ended="" if end is None else "failed" if failed else "complete",
        reason=": ".join(part for part in (end.reason, end.message) if part) if end and failed else "",
        seconds_ago=(now - datetime.fromisoformat(at)).total_seconds() if at else 0.0,
        hash=labels.get(OF_HASH, ""),
        config_map=config_map_of(job.spec.template),
    )


def _follower(deployment: Deployment, is_there: Callable[[str], bool]) -> Work:
    labels = deployment.metadata.labels
    config_map = config_map_of(deployment.spec.template)
    return Work(
        name=deployment.metadata.name,
        purpose="follow",
        release_id=labels.get(RELEASE, ""),
        view=deployment.metadata.annotations.get(VIEW),
        ready=deployment.status.ready_replicas > 0,
        hash=labels.get(OF_HASH, ""),
        config_map=config_map,
        can_run=deployment.spec.replicas != 0 and is_there(config_map),
    )
