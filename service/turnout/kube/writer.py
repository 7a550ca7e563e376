"""Writing to the Kubernetes API: the few things that the controller makes and deletes, all in its own namespace.

Everything is safe to repeat: what exists already is left or brought to what is asked for, what is gone stays gone.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgspec

from turnout.kube.api import Api, Conflict, NotFound
from turnout.kube.objects import Meta, Named
from turnout.kube.reader import core, group

MANAGER = "turnout-controller"
"""Who Kubernetes says has written a field."""
_APPLY = {"Content-Type": "application/apply-patch+yaml"}  # JSON is YAML
# Foreground would hold a name until the last pod is gone, orphaning would leave the pods.
_BACKGROUND = {"propagationPolicy": "Background"}

_APPS, _BATCH, _LEASES = "apps/v1", "batch/v1", "coordination.k8s.io/v1"

Body = dict[str, Any]


class Writer:
    """Write access to one namespace. All methods raise `Unavailable` when the API can't answer."""

    def __init__(self, api: Api, namespace: str) -> None:
        self._api = api
        self._namespace = namespace

    def create_job(self, body: Body) -> bool:
        """Create a Job; False if one of that name is there, or not gone yet."""
        return self._create(group(_BATCH, self._namespace, "jobs"), body)

    def create_config_map(self, body: Body) -> bool:
        """Create a ConfigMap; False if one of that name is there."""
        return self._create(core(self._namespace, "configmaps"), body)

    def put_deployment(self, body: Body) -> bool:
        """Make a Deployment, or bring the one of that name back to `body`, whoever edited it; True if it is as made.

        Always by server-side apply: then what a later body leaves out goes away, too.
        """
        path = group(_APPS, self._namespace, "deployments", body["metadata"]["name"])
        query = {"fieldManager": MANAGER, "force": "true"}
        answer = self._api.call("PATCH", path, query=query, body=body, headers=_APPLY)
        return msgspec.json.decode(answer, type=Named).metadata.generation <= 1

    def delete_job(self, name: str) -> None:
        """Delete a Job and its pods."""
        self._delete(group(_BATCH, self._namespace, "jobs", name))

    def delete_deployment(self, name: str) -> None:
        """Delete a Deployment and its pods."""
        self._delete(group(_APPS, self._namespace, "deployments", name))

    def delete_config_map(self, seen: Meta) -> None:
        """Delete a ConfigMap, if it still is the one that was seen.

        Raises:
            Conflict: it was changed or made anew since.
        """
        expected = {"uid": seen.uid, "resourceVersion": seen.resource_version}
        self._delete(core(self._namespace, "configmaps", seen.name), preconditions=expected)

    def create_event(self, body: Body) -> None:
        """Tell whoever looks at an object what happened to it."""
        self._create(core(self._namespace, "events"), body)

    def create_lease(self, body: Body) -> bool:
        """Create a Lease; False if somebody else was faster."""
        return self._create(group(_LEASES, self._namespace, "leases"), body)

    def replace_lease(self, body: Body) -> bool:
        """Replace a Lease as it was read (`metadata.resourceVersion`); False if it isn't that any more."""
        path = group(_LEASES, self._namespace, "leases", body["metadata"]["name"])
        try:
            self._api.call("PUT", path, query={"fieldManager": MANAGER}, body=body)
        except (Conflict, NotFound):
            return False
        return True

    def _create(self, path: str, body: Body) -> bool:
        try:
            self._api.call("POST", path, query={"fieldManager": MANAGER}, body=body)
        except Conflict:
            return False
        return True

    def _delete(self, path: str, **options: Any) -> None:
        with suppress(NotFound):
            self._api.call("DELETE", path, body={**_BACKGROUND, **options})
