"""The pod that works for a release: the operator's pattern, with what the release's own pods bring. Pure.

Used by `work`. The pattern (PodTemplate `turnout-worker`) says with what rights and resources. The revision says with
what image, models and settings, so that a view is built by the very code that will search it. Credentials come from the
pattern alone: a search pod has none for writing, and a worker doesn't get more than it is meant to have.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from turnout.controller.revisions import VOLUME
from turnout.errors import Refused

SEARCH, WORKER = "search", "worker"
"""The containers of a search pod and of the pattern."""
_VOLUMES = (VOLUME, "models", "tmp")
_SECRET = re.compile(r"(KEY|TOKEN|PASSWORD|SECRET)", re.IGNORECASE)
# What the namespace's pod security demands; the pattern may say more, but it can't forget it.
_POD_SECURITY: dict[str, Any] = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
_SECURITY: dict[str, Any] = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}

Json = dict[str, Any]


def worker_pod(pattern: Json, search: Json, *, arguments: Sequence[str], release_map: str, restart: str) -> Json:
    """The spec of a worker pod.

    Args:
        pattern: the pod template of the operator's PodTemplate.
        search: the pod template of the revision that the work is for.
        release_map: the ConfigMap to mount as the release; empty for the one that the revision mounts.
        restart: `Never` in a Job, `Always` in a Deployment.

    Raises:
        Refused: the pattern has no container `worker`, or the revision none called `search`.
    """
    spec = deepcopy(pattern.get("spec") or {})
    theirs = deepcopy(search.get("spec") or {})
    worker = _container(spec, WORKER, "the PodTemplate turnout-worker")
    origin = _container(theirs, SEARCH, "the Rollout's pod template")
    spec["volumes"] = _joined(spec.get("volumes"), _volumes(theirs, release_map))
    names = {volume["name"] for volume in spec["volumes"]}
    mounts = [mount for mount in origin.get("volumeMounts") or () if mount["name"] in names & set(_VOLUMES)]
    worker |= {key: origin[key] for key in ("image", "imagePullPolicy", "command") if key in origin}
    worker |= {
        "args": list(arguments),
        "env": _joined(worker.get("env"), filter(_is_open, origin.get("env") or ())),
        "envFrom": [*(worker.get("envFrom") or ()), *_config_maps(origin, worker)],
        "volumeMounts": _joined(worker.get("volumeMounts"), mounts, key="mountPath"),
        "securityContext": {**_SECURITY, **(worker.get("securityContext") or {})},
        # So that `kubectl describe pod` says why it ended.
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    spec["initContainers"] = _joined(spec.get("initContainers"), theirs.get("initContainers") or ())
    if "imagePullSecrets" in theirs:
        spec.setdefault("imagePullSecrets", theirs["imagePullSecrets"])
    spec["securityContext"] = {**_POD_SECURITY, **(spec.get("securityContext") or {})}
    spec.setdefault("automountServiceAccountToken", False)
    spec["restartPolicy"] = restart
    return spec


def _container(spec: Json, name: str, where: str) -> Json:
    found = next((each for each in spec.get("containers") or () if each.get("name") == name), None)
    if found is None:
        raise Refused(f"has no container called {name}", where=where, remedy="see manifests/README.md")
    container: Json = found
    return container


def _volumes(search: Json, release_map: str) -> list[Json]:
    """The volumes that a worker shares with search pods; the release from another ConfigMap, where one is given."""
    found = [volume for volume in search.get("volumes") or () if volume.get("name") in _VOLUMES]
    if not release_map:
        return found
    # Only the release: a ConfigMap that was written from a record has no evaluation files, and following needs none.
    held = {"name": release_map, "items": [{"key": "release.json", "path": "release.json"}]}
    return [{"name": VOLUME, "configMap": held} if volume["name"] == VOLUME else volume for volume in found]


def _joined(first: Sequence[Json] | None, second: Any, *, key: str = "name") -> list[Json]:
    """Both lists; where both have an entry of the same key, the pattern's, which is the operator's word."""
    kept = list(first or ())
    known = {each[key] for each in kept}
    return [*kept, *(each for each in second if each[key] not in known)]


def _is_open(variable: Mapping[str, Any]) -> bool:
    """Whether a variable is a setting: no secret, and nothing about the pod that it was written for."""
    source = variable.get("valueFrom")
    if source is not None:
        return "configMapKeyRef" in source
    return not _SECRET.search(variable["name"])


def _config_maps(origin: Json, worker: Json) -> list[Json]:
    known = worker.get("envFrom") or ()
    return [each for each in origin.get("envFrom") or () if "configMapRef" in each and each not in known]
