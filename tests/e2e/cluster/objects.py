"""Puts into the cluster what its own controllers need: definitions, namespaces and Argo CD's settings."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from e2e.cluster.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable


def create_rollouts_objects(kubectl: Callable[..., str], definitions: Path, given_up: Callable[[], bool]) -> None:
    _create_definitions(kubectl, definitions, given_up)
    kubectl("create", "namespace", "argo-rollouts")


def create_argocd_objects(kubectl: Callable[..., str], definitions: Path, given_up: Callable[[], bool]) -> None:
    _create_definitions(kubectl, definitions, given_up)
    settings = Path(__file__).with_name("argocd.yaml").read_text()
    kubectl(
        "create",
        "--validate=false",
        "--filename=-",
        stdin="---\n".join([settings, yaml.safe_dump_all(_argocd_objects())]),
    )


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


def _create_definitions(kubectl: Callable[..., str], folder: Path, given_up: Callable[[], bool]) -> None:
    """Created, not applied: the cluster is new, and an API server that starts merges such large objects slowly."""
    names = kubectl("create", "--validate=false", "--output=name", f"--filename={folder}").split()

    def established() -> bool:
        return all(map(_is_established, json.loads(kubectl("get", *names, "--output=json"))["items"]))

    # Not `kubectl wait`: it fails when it looks before the first condition is written.
    wait_until("custom resource definitions", established, timeout=60, given_up=given_up)


def _is_established(definition: dict[str, Any]) -> bool:
    conditions = definition.get("status", {}).get("conditions") or []
    return any(entry["type"] == "Established" and entry["status"] == "True" for entry in conditions)
