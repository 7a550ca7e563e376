"""Every pod is restricted, measured and pinned, and leaves without dropping a search."""

from __future__ import annotations

import re
from typing import Any

import pytest

from manifests.rendering import OVERLAYS, SEARCHES, Object, all_of, containers, named, only, overlay, pod_template
from support.go_modules import ROOT

UNSET = "unset"
DIGEST = re.compile(r".+@sha256:[0-9a-f]{64}")
PODS = [(name, each) for name in OVERLAYS for each in overlay(name) if pod_template(each)]
IDS = [f"{name}-{named(each)}" for name, each in PODS]


def spec(each: Object) -> Any:
    template = pod_template(each)
    assert template is not None
    return template["spec"]


@pytest.mark.parametrize(("name", "each"), PODS, ids=IDS)
def test_every_pod_keeps_to_the_restricted_standard(name: str, each: Object) -> None:
    pod = spec(each)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 65532
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    kinds = {kind for volume in pod.get("volumes", []) for kind in volume.keys() - {"name"}}
    assert kinds <= {"configMap", "emptyDir", "secret", "projected"}
    for container in containers({"spec": pod}):
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert "hostPort" not in str(container.get("ports"))


@pytest.mark.parametrize(("name", "each"), PODS, ids=IDS)
def test_every_container_says_what_it_needs_and_where_it_stops(name: str, each: Object) -> None:
    for container in containers({"spec": spec(each)}):
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}
        assert container["resources"]["limits"].keys() == {"memory"}  # a CPU limit only makes searches slower
    for volume in spec(each).get("volumes", []):
        assert "sizeLimit" in volume.get("emptyDir", {"sizeLimit": ""})


@pytest.mark.parametrize("name", OVERLAYS)
def test_what_serves_is_probed_on_two_paths(name: str) -> None:
    for each in all_of(overlay(name), "Rollout", "Deployment"):
        [container] = spec(each)["containers"]
        assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
        assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
        ports = {port["name"] for port in container["ports"]}
        assert {container[probe]["httpGet"]["port"] for probe in ("readinessProbe", "livenessProbe")} <= ports


@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_pod_has_time_to_drain_before_it_is_killed(name: str) -> None:
    pod = spec(only(overlay(name), "Rollout"))
    args = pod["containers"][0]["args"]
    seconds = {key: float(value) for key, value in (arg.lstrip("-").split("=") for arg in args if "=" in arg)
               if key in ("drain", "grace")}  # fmt: skip
    probe = pod["containers"][0]["readinessProbe"]
    assert seconds["drain"] > 0
    assert seconds.keys() == {"drain", "grace"}
    assert pod["terminationGracePeriodSeconds"] > seconds["drain"] + seconds["grace"]
    assert "lifecycle" not in pod["containers"][0]
    if not name.startswith("ephemeral/"):
        assert seconds["drain"] > probe["periodSeconds"] * probe["failureThreshold"]


@pytest.mark.parametrize("name", SEARCHES)
def test_pods_of_one_revision_spread_over_nodes(name: str) -> None:
    for each in all_of(overlay(name), "Rollout", "Deployment"):
        keys = {constraint["topologyKey"] for constraint in spec(each)["topologySpreadConstraints"]}
        assert "kubernetes.io/hostname" in keys
    for constraint in spec(only(overlay(name), "Rollout"))["topologySpreadConstraints"]:
        assert "rollouts-pod-template-hash" in constraint["matchLabelKeys"]


@pytest.mark.parametrize("name", ["production", "staging"])
def test_an_image_is_a_digest_or_plainly_not_set_yet(name: str) -> None:
    for each in overlay(name):
        for container in containers(pod_template(each) or {"spec": {"containers": []}}):
            assert DIGEST.fullmatch(container["image"]) or container["image"].endswith(f":{UNSET}"), named(each)


def test_no_image_floats_anywhere() -> None:
    images = {c["image"] for name in OVERLAYS for each in overlay(name) for c in containers(pod_template(each) or NONE)}
    assert {image.split("@")[0].rpartition("/")[2].partition(":")[0] for image in images} == {
        "turnout",
        "turnout-models",
    }
    assert not [image for image in images if image.endswith(":latest") or ":" not in image]


@pytest.mark.parametrize("name", SEARCHES)
def test_models_come_from_an_image_and_never_from_a_hub(name: str) -> None:
    pod = spec(only(overlay(name), "Rollout"))
    [models] = pod["initContainers"]
    assert models["image"].startswith("turnout-models")
    [mount] = [each for each in pod["containers"][0]["volumeMounts"] if each["name"] == "models"]
    assert mount == {"name": "models", "mountPath": "/models", "readOnly": True}


def test_nothing_is_fetched_when_manifests_are_rendered() -> None:
    for file in (ROOT / "manifests").rglob("kustomization.yaml"):
        for line in file.read_text().splitlines():
            if line.strip().startswith("- ") and "/" in line:
                assert "://" not in line, file
                assert "?ref=" not in line, file
                assert not line.strip().startswith("- github.com"), file


def test_overlays_are_short() -> None:
    for file in (ROOT / "manifests/overlays").rglob("*.yaml"):
        lines = len(file.read_text().splitlines())
        assert lines <= {"kustomization.yaml": 30, "environment.yaml": 25}.get(file.name, 15), file


NONE: Object = {"spec": {"containers": []}}


@pytest.mark.parametrize("name", SEARCHES)
def test_every_overlay_names_itself_to_whatever_changes_its_indexes(name: str) -> None:
    settings = [each for each in all_of(overlay(name), "ConfigMap") if "TURNOUT_ENVIRONMENT" in each.get("data", {})]
    assert [each["data"]["TURNOUT_ENVIRONMENT"] for each in settings] == [name.split("/")[0]]
