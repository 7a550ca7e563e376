"""Reading from the Kubernetes API: the class that can't change anything. Given to what looks; acting has a Writer."""

from __future__ import annotations

from typing import Any, Generic, TypeVar
from urllib.parse import quote

import msgspec

from turnout.errors import EnvironmentProblem
from turnout.kube.api import Api, NotFound
from turnout.kube.objects import (
    COLLECTION,
    COMPONENT,
    HASH,
    AnalysisRun,
    ConfigMap,
    Deployment,
    Job,
    Lease,
    Meta,
    Named,
    Pod,
    PodTemplate,
    ReplicaSet,
    Rollout,
)

_METADATA_ONLY = {"Accept": "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"}
_WORK = f"{COMPONENT} in (fill,verify,follow)"

T = TypeVar("T")


class _List(msgspec.Struct, Generic[T], frozen=True):
    items: tuple[T, ...] | None = None


def core(namespace: str, kind: str, name: str = "") -> str:
    """The path of objects of the core group, or of one of them."""
    return _path(f"/api/v1/namespaces/{quote(namespace, safe='')}/{kind}", name)


def group(api: str, namespace: str, kind: str, name: str = "") -> str:
    """The path of objects of another group, for example `apps/v1`."""
    return _path(f"/apis/{api}/namespaces/{quote(namespace, safe='')}/{kind}", name)


def _path(folder: str, name: str) -> str:
    return f"{folder}/{quote(name, safe='')}" if name else folder


class Reader:
    """Read-only access to one namespace. All methods raise `Unavailable` when the API can't answer."""

    def __init__(self, api: Api, namespace: str) -> None:
        self._api = api
        self.namespace = namespace

    def rollouts(self, collection: str | None = None) -> tuple[Rollout, ...]:
        """The Rollouts of search services, by name; those of one collection, or all that name one."""
        labels = f"{COMPONENT}=search,{COLLECTION}" + (f"={collection}" if collection else "")
        return self._list(group("argoproj.io/v1alpha1", self.namespace, "rollouts"), Rollout, labels)

    def replica_sets(self, *hashes: str) -> tuple[ReplicaSet, ...]:
        """All of the namespace, or those of some pod template hashes."""
        return self._list(group("apps/v1", self.namespace, "replicasets"), ReplicaSet, _of_hashes(hashes))

    def analysis_runs(self, *hashes: str) -> tuple[AnalysisRun, ...]:
        """All of the namespace, or those that judge some pod template hashes."""
        path = group("argoproj.io/v1alpha1", self.namespace, "analysisruns")
        return self._list(path, AnalysisRun, _of_hashes(hashes))

    def pods(self, collection: str, hash_: str) -> tuple[Pod, ...]:
        """The search pods of a collection with a pod template hash."""
        labels = f"{COMPONENT}=search,{COLLECTION}={collection},{HASH}={hash_}"
        return self._list(core(self.namespace, "pods"), Pod, labels)

    def jobs(self, collection: str) -> tuple[Job, ...]:
        """Our Jobs for a collection."""
        return self._list(group("batch/v1", self.namespace, "jobs"), Job, f"{_WORK},{COLLECTION}={collection}")

    def deployments(self, collection: str) -> tuple[Deployment, ...]:
        """Our Deployments for a collection: its followers."""
        labels = f"{_WORK},{COLLECTION}={collection}"
        return self._list(group("apps/v1", self.namespace, "deployments"), Deployment, labels)

    def release_maps(self, collection: str) -> tuple[Meta, ...]:
        """The ConfigMaps that hold releases of a collection, without their content: it is large and hardly changes."""
        labels = f"{COMPONENT}=release,{COLLECTION}={collection}"
        found = self._list(core(self.namespace, "configmaps"), Named, labels, headers=_METADATA_ONLY)
        return tuple(each.metadata for each in found)

    def config_map(self, name: str) -> ConfigMap | None:
        """One ConfigMap; None if there is none."""
        try:
            return self._one(core(self.namespace, "configmaps", name), ConfigMap)
        except NotFound:
            return None

    def pod_template(self, name: str) -> PodTemplate | None:
        """One PodTemplate; None if there is none."""
        try:
            return self._one(core(self.namespace, "podtemplates", name), PodTemplate)
        except NotFound:
            return None

    def lease(self, name: str) -> Lease | None:
        """One Lease; None if there is none."""
        try:
            return self._one(group("coordination.k8s.io/v1", self.namespace, "leases", name), Lease)
        except NotFound:
            return None

    def _one(self, path: str, kind: type[T]) -> T:
        return _decoded(self._api.call("GET", path), kind, path)

    def _list(
        self, path: str, kind: type[T], labels: str = "", *, headers: dict[str, str] | None = None
    ) -> tuple[T, ...]:
        query = {"labelSelector": labels} if labels else None
        try:
            answer = self._api.call("GET", path, query=query, headers=headers)
        except NotFound as error:
            raise EnvironmentProblem(
                "the cluster doesn't know this kind of object", where=path, remedy="is Argo Rollouts installed?"
            ) from error
        of_kind: Any = _List[kind]  # type: ignore[valid-type]
        found: _List[T] = _decoded(answer, of_kind, path)
        return found.items or ()


def _of_hashes(hashes: tuple[str, ...]) -> str:
    return f"{HASH} in ({','.join(hashes)})" if hashes else ""


def _decoded(data: bytes, kind: type[T], path: str) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.DecodeError as error:  # ValidationError is one, too
        raise EnvironmentProblem(
            f"the API's answer isn't understood: {error}",
            where=path,
            remedy="compare the versions of the cluster's parts",
        ) from error
