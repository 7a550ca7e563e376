"""Namespaces, each with the pod security standard that the API server holds its pods to."""

import pulumi_kubernetes as k8s

from .settings import Settings, Source
from .versions import POD_SECURITY

# Elasticsearch and the monitoring stack keep to `baseline`; ours and Argo's pods to `restricted`.
LEVELS = {
    "argocd": "restricted",
    "argo-rollouts": "restricted",
    "turnout": "restricted",
    "monitoring": "baseline",
    "elastic-system": "baseline",
    "elasticsearch": "baseline",
}


def namespaces(settings: Settings) -> dict[str, k8s.core.v1.Namespace]:
    """The namespaces that this stack needs, by name."""
    wanted = ["argocd", "argo-rollouts", "turnout"]
    if settings.prometheus is Source.INSTALL:
        wanted.append("monitoring")
    if settings.elasticsearch is Source.INSTALL:
        wanted += ["elastic-system", "elasticsearch"]
    return {name: _namespace(name, LEVELS[name]) for name in wanted}


def pod_security(level: str) -> dict[str, str]:
    """The labels of a namespace: refuse what breaks the standard, and warn who applies it."""
    prefix = "pod-security.kubernetes.io"
    return {
        f"{prefix}/enforce": level,
        f"{prefix}/enforce-version": POD_SECURITY,
        f"{prefix}/warn": level,
        f"{prefix}/warn-version": POD_SECURITY,
    }


def _namespace(name: str, level: str) -> k8s.core.v1.Namespace:
    labels = {**pod_security(level), "app.kubernetes.io/part-of": "turnout"}
    return k8s.core.v1.Namespace(name, metadata=k8s.meta.v1.ObjectMetaArgs(name=name, labels=labels))
