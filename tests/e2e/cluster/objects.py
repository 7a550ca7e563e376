"""Puts into the cluster what its own controllers need: definitions, namespaces and Argo CD's settings."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Callable


def apply_rollouts_objects(kubectl: Callable[..., str], definitions: Path) -> None:
    _apply_definitions(kubectl, definitions)
    kubectl("create", "namespace", "argo-rollouts")


def apply_argocd_objects(kubectl: Callable[..., str], definitions: Path) -> None:
    _apply_definitions(kubectl, definitions)
    settings = Path(__file__).with_name("argocd.yaml").read_text()
    kubectl("apply", "--filename=-", stdin="---\n".join([settings, yaml.safe_dump_all(_argocd_objects())]))


def _argocd_objects() -> list[dict[str, Any]]:
    labels = {"app.kubernetes.io/part-of": "argocd"}
    secret: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "argocd-secret", "namespace": "argocd", "labels": labels},
        "stringData": {"server.secretkey": secrets.token_hex(32)},
    }
    everything = [{"group": "*", "kind": "*"}]
    project: dict[str, Any] = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {"name": "default", "namespace": "argocd"},
        "spec": {
            "sourceRepos": ["*"],
            "destinations": [{"server": "*", "namespace": "*"}],
            "clusterResourceWhitelist": everything,
        },
    }
    return [secret, project]


def _apply_definitions(kubectl: Callable[..., str], folder: Path) -> None:
    """Server-side: some definitions are too long for the annotation that a client-side apply writes."""
    kubectl("apply", "--server-side", f"--filename={folder}")
    names = [f"crd/{yaml.safe_load(path.read_text())['metadata']['name']}" for path in sorted(folder.glob("*.yaml"))]
    kubectl("wait", "--for=condition=Established", "--timeout=60s", *names)
