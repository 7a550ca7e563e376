"""The Jobs and Deployments that build and follow views, as Kubernetes takes them. Pure; called by `act`.

Names say what something is for, so that making it twice meets itself: a Job is of a revision, a follower of a view.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from turnout.controller.actions import Fill, Follow, Verify
from turnout.controller.observed import Revision, Rolling
from turnout.controller.pods import Json, worker_pod
from turnout.controller.releases import FILE
from turnout.elastic.state import ReleaseRecord
from turnout.errors import BadInput
from turnout.kube.objects import COLLECTION, COMPONENT, OF_HASH, RELEASE, VIEW, PodTemplate
from turnout.release.artifacts import Release
from turnout.release.fingerprint import encode

PARALLELISM = "turnout.dev/parallelism"
"""Annotation of the PodTemplate: how many shards are filled at once, for each backfill."""
DEFAULT_PARALLELISM = 4
METRICS_PORT = 8082
_METRICS_HOST = "0.0.0.0"  # noqa: S104  (in its pod only)
KEPT_S = 86_400
"""Seconds that an ended Job is kept, with its pods' logs, for whoever asks the next morning."""
_RELEASE = "/release/release.json"
_SELF = "turnout.dev/work"
_PART_OF = {"app.kubernetes.io/part-of": "turnout"}


def fill_job(action: Fill, revision: Revision, rolling: Rolling, *, collection: str, pattern: PodTemplate) -> Json:
    """An Indexed Job with a pod for each shard of documents; as many at once as the pattern's annotation says."""
    at_once = min(action.shards, _parallelism(pattern))
    arguments = ("apply", "--release", _RELEASE, "--until", "filled", "--shard", "$(JOB_COMPLETION_INDEX)")
    spec = {
        "completionMode": "Indexed",
        "completions": action.shards,
        "parallelism": at_once,
        # Of all shards together; an outage costs each that runs one.
        "backoffLimit": max(6, 3 * action.shards),
    }
    name = f"fill-{collection}-{action.hash}"
    labels = _labels("fill", collection, action.release_id, action.hash)
    body = _job(name, spec, (*arguments, "--processes", "0"), labels, (revision, rolling, pattern))
    worker = _scraped(body["spec"]["template"])
    # Not by options: a release may still run an image that doesn't know them, and would be filled never again.
    told = {"TURNOUT_METRICS_HOST": _METRICS_HOST, "TURNOUT_METRICS_PORT": str(METRICS_PORT)}
    worker["env"] += [{"name": variable, "value": value} for variable, value in told.items()]
    return body


def verify_job(action: Verify, revision: Revision, rolling: Rolling, *, collection: str, pattern: PodTemplate) -> Json:
    """A Job of one pod."""
    arguments = ("apply", "--release", _RELEASE, "--until", "ready", "--processes", "0")
    name = f"verify-{collection}-{action.hash}"
    labels = _labels("verify", collection, action.release_id, action.hash)
    return _job(name, {"backoffLimit": 6}, arguments, labels, (revision, rolling, pattern))


def follower(action: Follow, revision: Revision, rolling: Rolling, *, collection: str, pattern: PodTemplate) -> Json:
    """A Deployment of one pod. Two at once would do no harm, but cost a model twice."""
    name = follower_name(collection, action.view)
    labels = _labels("follow", collection, action.release_id, action.hash)
    metrics = ("--metrics-host", _METRICS_HOST, "--metrics-port", str(METRICS_PORT))
    arguments = ("follow", "--release", _RELEASE, "--view", action.view, "--processes", "0", *metrics)
    pod = _pod(labels, (revision, rolling, pattern), arguments, release_map=action.config_map, restart="Always")
    # What selects pods may never change; the release and the revision may.
    selector = {COMPONENT: "follow", COLLECTION: collection, _SELF: name}
    pod["metadata"]["labels"] |= {_SELF: name}
    _scraped(pod)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(name, labels, rolling, {VIEW: action.view}),
        "spec": {
            "replicas": 1,
            "revisionHistoryLimit": 1,
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": selector},
            "template": pod,
        },
    }


def release_map(record: ReleaseRecord, release: Release, rolling: Rolling) -> Json:
    """A ConfigMap with a release that Git and every ReplicaSet have forgotten, so that its view can be followed."""
    labels = {**_PART_OF, COMPONENT: "release", COLLECTION: record.collection, RELEASE: record.release_id}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _metadata(written_name(record.collection, record.release_id), labels, rolling, {}),
        "immutable": True,
        "data": {FILE: encode(release).decode()},
    }


def written_name(collection: str, release_id: str) -> str:
    """The name of the ConfigMap that `release_map` makes."""
    return f"release-{collection}-{release_id}"


def follower_name(collection: str, view: str) -> str:
    """The name of the Deployment that follows a view. An index name may be longer than an object's name."""
    return f"follow-{collection}-{hashlib.sha256(view.encode()).hexdigest()[:10]}"


def _job(
    name: str, spec: Json, arguments: Sequence[str], labels: dict[str, str], of: tuple[Revision, Rolling, PodTemplate]
) -> Json:
    rules = [
        # Refused, or bad input: trying again gives the same. Only the environment (3) may be better next time.
        {"action": "FailJob", "onExitCodes": {"containerName": "worker", "operator": "In", "values": [1, 2]}},
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
    ]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": _metadata(name, labels, of[1], {}),
        "spec": {
            **spec,
            "podFailurePolicy": {"rules": rules},
            "ttlSecondsAfterFinished": KEPT_S,
            "template": _pod(labels, of, arguments, release_map="", restart="Never"),
        },
    }


def _pod(
    labels: dict[str, str],
    of: tuple[Revision, Rolling, PodTemplate],
    arguments: Sequence[str],
    *,
    release_map: str,
    restart: str,
) -> Json:
    revision, _, pattern = of
    given = pattern.template.get("metadata") or {}
    spec = worker_pod(
        pattern.template, revision.template, arguments=arguments, release_map=release_map, restart=restart
    )
    return {
        "metadata": {
            "labels": {**(given.get("labels") or {}), **labels},
            "annotations": {**(given.get("annotations") or {})},
        },
        "spec": spec,
    }


def _scraped(pod: Json) -> Json:
    """Let Prometheus find what the pod's worker serves; gives the worker."""
    pod["metadata"]["annotations"] |= {"prometheus.io/scrape": "true", "prometheus.io/port": str(METRICS_PORT)}
    worker: Json = next(each for each in pod["spec"]["containers"] if each["name"] == "worker")
    worker["ports"] = [{"name": "metrics", "containerPort": METRICS_PORT, "protocol": "TCP"}]
    return worker


def _metadata(name: str, labels: dict[str, str], rolling: Rolling, annotations: dict[str, str]) -> Json:
    """Owned by the Rollout, so that all of it goes when the collection goes."""
    owner = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": rolling.name, "uid": rolling.uid}
    found: dict[str, Any] = {"name": name, "labels": labels, "ownerReferences": [owner]}
    return {**found, "annotations": annotations} if annotations else found


def _labels(component: str, collection: str, release_id: str, hash_: str) -> dict[str, str]:
    return {**_PART_OF, COMPONENT: component, COLLECTION: collection, RELEASE: release_id, OF_HASH: hash_}


def _parallelism(pattern: PodTemplate) -> int:
    text = pattern.metadata.annotations.get(PARALLELISM, str(DEFAULT_PARALLELISM))
    if not text.isdecimal() or int(text) < 1:
        raise BadInput(
            f"{text!r} is no number of pods", where=f"annotation {PARALLELISM}", remedy="write a number from 1"
        )
    return int(text)
