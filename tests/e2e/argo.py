"""Argo CD as an operator sets it up: the namespace with its secrets, `argocd/` with our addresses, and a push in place
of a webhook. Called by the world, and again by the stories that lose the cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from e2e.cluster import Cluster
from e2e.kube import NAMESPACE, Kube, group
from e2e.overlay import ENVIRONMENT
from e2e.repository import BRANCH, Repository
from e2e.waiting import until

CLUSTER = "in-cluster"
APPLICATION = f"turnout-{CLUSTER}"
REFRESH = "argocd.argoproj.io/refresh"
_API = "argoproj.io/v1alpha1"


class Argo:
    """One Application, made by the project's own ApplicationSet.

    Args:
        secrets: for each Secret of the namespace its keys and values; infra/ or a person makes them in a real cluster.
    """

    def __init__(
        self, cluster: Cluster, kube: Kube, repository: Repository, secrets: dict[str, dict[str, str]]
    ) -> None:
        self._cluster, self._kube, self._repository, self._secrets = cluster, kube, repository, secrets

    def set_up(self) -> None:
        """The namespace, its secrets, and what Argo CD is pointed at. From here on only Git."""
        base = self._repository.workspace.root / "manifests" / "base"
        self._cluster.kubectl("apply", "--server-side", "-f", str(base / "namespace.yaml"))
        for name, data in self._secrets.items():
            secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data}
            self._cluster.kubectl("apply", "--namespace", NAMESPACE, "-f", "-", stdin=yaml.safe_dump(secret))
        self._cluster.kubectl("apply", "--server-side", "-k", str(self._write_root()))

    def tear_down(self) -> None:
        """Everything of ours that is in the cluster, as if it were a new one. Elasticsearch and Git stay.

        Raises:
            Late: something doesn't go.
        """
        for kind, name in (("applicationsets", "turnout"), ("applications", APPLICATION)):
            self._delete(group(_API, kind, name, namespace="argocd"), seconds=30)
        self._delete(f"/api/v1/namespaces/{NAMESPACE}", seconds=120)

    def _delete(self, path: str, *, seconds: float) -> None:
        self._kube.delete(path)
        until(f"{path} is gone", lambda: self._kube.get(path) is None, seconds=seconds)

    def refresh(self) -> None:
        """Let Argo CD look at Git now."""
        body = {"metadata": {"annotations": {REFRESH: "normal"}}}
        path = group(_API, "applications", APPLICATION, namespace="argocd")
        until("Argo CD has the Application", lambda: self._kube.patch(path, body), seconds=60)

    def application(self) -> dict[str, Any]:
        """The Application's status; empty before there is one."""
        found = self._kube.get(group(_API, "applications", APPLICATION, namespace="argocd"))
        return dict(found.get("status", {})) if found else {}

    def is_synced(self, sha: str) -> str:
        """Empty once the cluster has what the commit `sha` says, else what is missing."""
        status = self.application()
        sync = status.get("sync", {})
        if sync.get("revision") == sha and sync.get("status") == "Synced":
            return ""
        conditions = "; ".join(str(each.get("message", ""))[:300] for each in status.get("conditions", []))
        operation = status.get("operationState", {})
        return (
            f"Argo CD: {sync.get('status')} at {str(sync.get('revision'))[:12]}, sync {operation.get('phase')}:"
            f" {str(operation.get('message', ''))[:300]} {conditions}"
        )

    def _write_root(self) -> Path:
        """argocd/ with this repository and this cluster, as its README tells a fork to do."""
        url = self._repository.url
        project = [
            {"op": "replace", "path": "/spec/sourceRepos", "value": [url]},
            {"op": "replace", "path": "/spec/destinations", "value": [{"name": CLUSTER, "namespace": NAMESPACE}]},
        ]
        element = {"environment": ENVIRONMENT, "cluster": CLUSTER, "revision": BRANCH}
        clusters = [
            {"op": "replace", "path": "/spec/template/spec/source/repoURL", "value": url},
            {"op": "replace", "path": "/spec/generators/0/list/elements", "value": [element]},
        ]
        folder = self._repository.bare.parent / "root"
        folder.mkdir(exist_ok=True)
        content = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": ["../checkout/argocd"],
            "patches": [
                {"target": {"kind": "AppProject", "name": "turnout"}, "patch": yaml.safe_dump(project)},
                {"target": {"kind": "ApplicationSet", "name": "turnout"}, "patch": yaml.safe_dump(clusters)},
            ],
        }
        (folder / "kustomization.yaml").write_text(yaml.safe_dump(content))
        return folder
