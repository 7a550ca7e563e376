"""The environment of the stories: the overlay `ephemeral` with other addresses, sizes and images.

Made from the committed overlay and not kept beside it, so that what the stories run is what a user would.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from e2e.images import MODELS, TURNOUT
from support.workspace import COLLECTION

ENVIRONMENT = "e2e"
SERVICE_ADDRESS = "10.96.77.7"  # fixed: there is no DNS, and clients must find it again after the namespace was deleted
JUDGE_ADDRESS, CANARY_ADDRESS = "10.96.77.8", "10.96.77.9"  # fixed, too
INTERVAL_S = 5
JUDGE_WINDOW_S = 5


@dataclass(frozen=True)
class Addresses:
    """What pods and Argo Rollouts reach, as they see it."""

    elasticsearch: str
    prometheus: str
    git_api: str
    git_repository: str


def write_overlay(folder: Path, addresses: Addresses) -> None:
    """Write the overlay beside `ephemeral`."""
    shutil.copytree(folder.parent / "ephemeral", folder)
    environment = _load(folder / "environment.yaml")
    environment["data"] |= {
        "elasticsearch": addresses.elasticsearch,
        "prometheus": addresses.prometheus,
        "judge": f"http://{JUDGE_ADDRESS}:8081",
        "git-api": addresses.git_api,
        "git-repository": addresses.git_repository,
        "git-branch": "main",
        "interval": f"{INTERVAL_S}s",
        "window": "10s",
        "looks": "2",
        "minimum": "12",
        "judge-window": str(JUDGE_WINDOW_S),
        "shadow-share": "0.2",
        # Two cores that start pods now and then leave a new pod slow for a while; the slow image is slower than that.
        "floor": "1.0",
    }
    _dump(folder / "environment.yaml", environment)
    kustomization = _load(folder / "kustomization.yaml")
    kustomization["images"] = [_image("turnout", TURNOUT), _image("turnout-models", MODELS)]
    # Prometheus has no operator here: it finds pods by their annotations.
    components = [each for each in kustomization["components"] if "monitoring" not in each]
    kustomization["components"] = [*components, "../../components/notifications"]
    kustomization["patches"] = [*kustomization.get("patches", []), *_patches()]
    _dump(folder / "kustomization.yaml", kustomization)


def set_tag(folder: Path, reference: str) -> None:
    """Let the overlay name another image of the product."""
    kustomization = _load(folder / "kustomization.yaml")
    images = [image for image in kustomization["images"] if image["name"] != "turnout"]
    kustomization["images"] = [_image("turnout", reference), *images]
    _dump(folder / "kustomization.yaml", kustomization)


def _image(name: str, reference: str) -> dict[str, str]:
    new_name, _, tag = reference.rpartition(":")
    return {"name": name, "newName": new_name, "newTag": tag}


def _patches() -> list[dict[str, Any]]:
    addresses = {
        f"search-{COLLECTION}": SERVICE_ADDRESS,
        f"search-canary-{COLLECTION}": CANARY_ADDRESS,
        "turnout-controller": JUDGE_ADDRESS,
    }
    services = [
        _patch("Service", name, [{"op": "add", "path": "/spec/clusterIP", "value": address}])
        for name, address in addresses.items()
    ]
    aliases = [{"ip": CANARY_ADDRESS, "hostnames": [f"search-canary-{COLLECTION}"]}]
    names = [{"op": "add", "path": "/spec/template/spec/hostAliases", "value": aliases}]
    controller = [
        {"op": "replace", "path": "/data/TURNOUT_CONTROLLER_PERIOD_S", "value": "2"},
        {"op": "replace", "path": "/data/TURNOUT_CONTROLLER_DRAIN_S", "value": "10"},
        # Somebody who writes into a view is found out while one waits for it.
        {"op": "replace", "path": "/data/TURNOUT_PARITY_EVERY_S", "value": "30"},
    ]
    # Two cores for everything: a process more than is asked for here waits for its turn, and that is all.
    small = [{"op": "replace", "path": "/spec/template/spec/containers/0/resources/requests/cpu", "value": "20m"}]
    # A lost readiness is noticed, and a found one, within a second: the stories are about what follows from it.
    probe = [{"op": "replace", "path": "/spec/template/spec/containers/0/readinessProbe/periodSeconds", "value": 1}]
    return [
        *services,
        _patch("ConfigMap", "turnout-controller", controller),
        _patch("Rollout", "", [*small, *probe, *names]),
    ]


def _patch(kind: str, name: str, operations: list[dict[str, Any]]) -> dict[str, Any]:
    target = {"kind": kind} | ({"name": name} if name else {})
    return {"target": target, "patch": yaml.safe_dump(operations)}


def _load(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text())
    return found


def _dump(path: Path, content: dict[str, Any]) -> None:
    path.write_text(yaml.safe_dump(content, sort_keys=False))
