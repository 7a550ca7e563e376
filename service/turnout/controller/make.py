"""Makes the Jobs and Deployments that build and follow views. Called by `act`; what they look like is in `work`."""

from __future__ import annotations

import msgspec

from turnout.controller.actions import Fill, Follow, Verify
from turnout.controller.observed import Observed, Revision, Rolling
from turnout.controller.tools import Tools
from turnout.controller.work import fill_job, follower, release_map, verify_job
from turnout.errors import Refused
from turnout.kube.objects import PodTemplate
from turnout.release.artifacts import Release

WORKER_PATTERN = "turnout-worker"
"""The PodTemplate of the pods that the controller makes."""


def make_job(tools: Tools, action: Fill | Verify, observed: Observed) -> str:
    """Make the Job; a sentence about it, empty if it is there already.

    Raises:
        Refused: the revision is gone, or there is no pattern to make pods by.
    """
    revision, rolling, pattern = _parts(tools, action.hash, observed)
    collection = observed.collection
    if isinstance(action, Fill):
        body = fill_job(action, revision, rolling, collection=collection, pattern=pattern)
    else:
        body = verify_job(action, revision, rolling, collection=collection, pattern=pattern)
    made = tools.kube_writer.create_job(body)
    return f"Job {body['metadata']['name']} is made for release {action.release_id}" if made else ""


def make_follower(tools: Tools, action: Follow, observed: Observed) -> str:
    """Make the Deployment, or bring it to what it should be; a sentence about it.

    Raises:
        Refused: the release or the revision is gone, or there is no pattern to make pods by.
    """
    revision, rolling, pattern = _parts(tools, action.hash, observed)
    if not action.config_map:
        action = msgspec.structs.replace(action, config_map=_written_release(tools, action, observed, rolling))
    body = follower(action, revision, rolling, collection=observed.collection, pattern=pattern)
    made = tools.kube_writer.put_deployment(body)
    what = "is made" if made else "is brought up to date"
    return f"Deployment {body['metadata']['name']} {what}; it follows {action.view}"


def _written_release(tools: Tools, action: Follow, observed: Observed, rolling: Rolling) -> str:
    record = observed.record(action.release_id)
    if record is None:
        raise Refused(f"release {action.release_id} is written nowhere any more", where=action.view)
    body = release_map(record, msgspec.convert(record.release, Release), rolling)
    tools.kube_writer.create_config_map(body)
    return str(body["metadata"]["name"])


def _parts(tools: Tools, hash_: str, observed: Observed) -> tuple[Revision, Rolling, PodTemplate]:
    revision = next((each for each in observed.revisions if each.hash == hash_), None)
    if revision is None or observed.rollout is None:
        raise Refused(f"revision {hash_} is not there any more", where=observed.collection)
    pattern = tools.kube.pod_template(WORKER_PATTERN)
    if pattern is None:
        raise Refused(
            f"there is no PodTemplate {WORKER_PATTERN}: nothing can be built",
            where=tools.kube.namespace,
            remedy="apply manifests/ whole",
        )
    return revision, observed.rollout, pattern
