"""AppProjects and Applications as typed values, and Argo CD itself, which installs the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from .versions import ARGO_CD

ARGO_CD_REPOSITORY = "https://github.com/argoproj/argo-cd"


@dataclass(frozen=True, kw_only=True)
class Project:
    """An AppProject: what its Applications may read and write. Lists are exact, there are no wildcards."""

    name: str
    description: str
    repositories: Sequence[str]
    namespaces: Sequence[str]
    cluster_kinds: Sequence[tuple[str, str]]  # (API group, kind)
    namespaced_kinds: Sequence[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Application:
    """An Application of the cluster that Argo CD runs in."""

    name: str
    project: str
    namespace: str
    source: Mapping[str, Any]


def argo_cd(parent: pulumi.Resource) -> pulumi.Resource:
    """Argo CD as its project publishes it, at a tag; the provider renders the folder."""
    return k8s.kustomize.v2.Directory(
        "argo-cd",
        directory=f"{ARGO_CD_REPOSITORY}/tree/{ARGO_CD}/manifests/cluster-install",
        namespace="argocd",
        opts=pulumi.ResourceOptions(depends_on=[parent]),
    )


def project(wanted: Project, parent: pulumi.Resource) -> pulumi.Resource:
    """The AppProject as a resource."""
    spec = {
        "description": wanted.description,
        "sourceRepos": list(wanted.repositories),
        "destinations": [{"name": "in-cluster", "namespace": namespace} for namespace in wanted.namespaces],
        "clusterResourceWhitelist": _kinds(wanted.cluster_kinds),
        "namespaceResourceWhitelist": _kinds(wanted.namespaced_kinds),
    }
    return _resource("AppProject", wanted.name, spec, parent)


def application(wanted: Application, parent: pulumi.Resource) -> pulumi.Resource:
    """The Application as a resource. Synced and healed by itself; a retry takes the newest commit: argocd/README.md."""
    spec = {
        "project": wanted.project,
        "source": dict(wanted.source),
        "destination": {"name": "in-cluster", "namespace": wanted.namespace},
        "syncPolicy": {
            "automated": {"prune": True, "selfHeal": True},
            "retry": {
                "refresh": True,
                "limit": 60,
                "backoff": {"duration": "5s", "factor": 2, "maxDuration": "30s"},
            },
            "syncOptions": ["ServerSideApply=true", "CreateNamespace=false"],
        },
    }
    return _resource("Application", wanted.name, spec, parent)


def _resource(kind: str, name: str, spec: Mapping[str, Any], parent: pulumi.Resource) -> pulumi.Resource:
    return k8s.apiextensions.CustomResource(
        f"{kind.lower()}-{name}",
        api_version="argoproj.io/v1alpha1",
        kind=kind,
        metadata=k8s.meta.v1.ObjectMetaArgs(name=name, namespace="argocd"),
        spec=spec,
        opts=pulumi.ResourceOptions(depends_on=[parent]),
    )


def _kinds(kinds: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"group": group, "kind": kind} for group, kind in kinds]
