"""What search stands on, as Applications: Argo Rollouts, and Prometheus and Elasticsearch unless they are brought."""

import json
from typing import Any

from .argo import Application, Project
from .settings import Settings, Source
from .versions import ARGO_ROLLOUTS, ECK, ELASTICSEARCH, KUBE_PROMETHEUS_STACK

PROJECT = "turnout-platform"
ROLLOUTS_REPOSITORY = "https://github.com/argoproj/argo-rollouts.git"
ROLLOUTS_IMAGE = "quay.io/argoproj/argo-rollouts"
ECK_REPOSITORY = "https://github.com/elastic/cloud-on-k8s.git"
PROMETHEUS_CHARTS = "https://prometheus-community.github.io/helm-charts"

RBAC = "rbac.authorization.k8s.io"
CLUSTER_KINDS = (
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
    (RBAC, "ClusterRole"),
    (RBAC, "ClusterRoleBinding"),
)
NAMESPACED_KINDS = (("", "ConfigMap"), ("", "Secret"), ("", "Service"), ("", "ServiceAccount"), ("apps", "Deployment"))


def platform_project(settings: Settings) -> Project:
    """The kinds that the Applications below bring, and only for those that this stack installs."""
    repositories, namespaces = [ROLLOUTS_REPOSITORY], ["argo-rollouts"]
    cluster_kinds, namespaced_kinds = list(CLUSTER_KINDS), list(NAMESPACED_KINDS)
    if settings.prometheus is Source.INSTALL:
        repositories.append(PROMETHEUS_CHARTS)
        namespaces.append("monitoring")
        names = ("Prometheus", "PrometheusRule", "ServiceMonitor")
        namespaced_kinds += [("monitoring.coreos.com", name) for name in names] + [
            (RBAC, "Role"),
            (RBAC, "RoleBinding"),
        ]
    if settings.elasticsearch is Source.INSTALL:
        repositories.append(ECK_REPOSITORY)
        namespaces += ["elastic-system", "elasticsearch"]
        namespaced_kinds += [("apps", "StatefulSet"), ("elasticsearch.k8s.elastic.co", "Elasticsearch")]
    return Project(
        name=PROJECT,
        description="What search stands on",
        repositories=repositories,
        namespaces=namespaces,
        cluster_kinds=cluster_kinds,
        namespaced_kinds=namespaced_kinds,
    )


def platform_applications(settings: Settings) -> list[Application]:
    """One Application for each thing that this stack installs."""
    wanted = [_application("argo-rollouts", "argo-rollouts", _rollouts(settings))]
    if settings.prometheus is Source.INSTALL:
        wanted.append(_application("prometheus", "monitoring", _prometheus()))
    if settings.elasticsearch is Source.INSTALL:
        wanted.append(
            _application("eck-operator", "elastic-system", _eck("deploy/eck-operator", {"webhook": {"enabled": False}}))
        )
        wanted.append(_application("elasticsearch", "elasticsearch", _elasticsearch(settings)))
    return wanted


def _application(name: str, namespace: str, source: dict[str, Any]) -> Application:
    return Application(name=name, project=PROJECT, namespace=namespace, source=source)


def _rollouts(settings: Settings) -> dict[str, Any]:
    # The folder at the tag names the image `latest`: only the published single file has it pinned.
    kustomize: dict[str, Any] = {"images": [f"{ROLLOUTS_IMAGE}:{ARGO_ROLLOUTS}"]}
    if settings.notifications:
        kustomize["patches"] = [_own_notifications()]
    return {
        "repoURL": ROLLOUTS_REPOSITORY,
        "targetRevision": ARGO_ROLLOUTS,
        "path": "manifests/cluster-install",
        "kustomize": kustomize,
    }


def _own_notifications() -> dict[str, Any]:
    """Rollouts reads messages from the namespace of each Rollout, too: manifests/components/notifications."""
    path = "/spec/template/spec/containers/0/args"  # the folder gives none
    add = {"op": "add", "path": path, "value": ["--self-service-notification-enabled"]}
    return {"target": {"kind": "Deployment", "name": "argo-rollouts"}, "patch": json.dumps([add])}


def _prometheus() -> dict[str, Any]:
    """The operator and one Prometheus that reads each PodMonitor and rule. Left out: kube-system's and the host's."""
    off = (
        "alertmanager",
        "grafana",
        "nodeExporter",
        "kubeEtcd",
        "kubeControllerManager",
        "kubeScheduler",
        "kubeProxy",
        "coreDns",
    )
    values: dict[str, Any] = {name: {"enabled": False} for name in off}
    values["prometheusOperator"] = {"admissionWebhooks": {"enabled": False}, "tls": {"enabled": False}}
    values["kubelet"] = {"enabled": False}
    every = {"podMonitorSelectorNilUsesHelmValues": False, "ruleSelectorNilUsesHelmValues": False}
    values["prometheus"] = {"prometheusSpec": {**every, "retention": "15d"}}
    return {
        "repoURL": PROMETHEUS_CHARTS,
        "chart": "kube-prometheus-stack",
        "targetRevision": KUBE_PROMETHEUS_STACK,
        "helm": {"releaseName": "prometheus", "valuesObject": values},
    }


def _eck(path: str, values: dict[str, Any]) -> dict[str, Any]:
    """A chart in ECK's repository. No webhook: the operator writes its CA, which Argo CD would take back."""
    return {"repoURL": ECK_REPOSITORY, "targetRevision": ECK, "path": path, "helm": {"valuesObject": values}}


def _elasticsearch(settings: Settings) -> dict[str, Any]:
    storage = {"resources": {"requests": {"storage": settings.elasticsearch_storage}}, "accessModes": ["ReadWriteOnce"]}
    nodes = {
        "name": "default",
        "count": settings.elasticsearch_nodes,
        # Without mmap no privileged container has to raise vm.max_map_count on the host.
        "config": {"node.store.allow_mmap": False},
        "volumeClaimTemplates": [{"metadata": {"name": "elasticsearch-data"}, "spec": storage}],
    }
    values = {
        "fullnameOverride": "turnout",
        "version": ELASTICSEARCH,
        "nodeSets": [nodes],
        "volumeClaimDeletePolicy": "DeleteOnScaledownOnly",
    }
    return _eck("deploy/eck-stack/charts/eck-elasticsearch", values)
