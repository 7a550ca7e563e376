"""Everything that is rendered is something that Kubernetes, Argo Rollouts and their friends accept, to the field."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import kubernetes_validate
import pytest

from manifests.rendering import OVERLAYS, Object, copy_of_the_repository, named, objects_of, overlay, pod_template
from support.crds import crd_errors, filled_in

KUBERNETES = "1.34"


def is_foreign(each: Object) -> bool:
    """Whether a CRD says what the object may hold."""
    return str(each["apiVersion"]).startswith(("argoproj.io/", "monitoring.coreos.com/", "gateway.networking.k8s.io/"))


def mistakes(each: Object) -> list[str]:
    """What is wrong with one object. One that nobody has a schema for raises."""
    found = crd_errors(each) if is_foreign(each) else built_in(json.dumps(each))
    if each["kind"] == "Rollout":  # its CRD doesn't look as closely into the pods as the API server's own types do
        as_deployment = {"selector": each["spec"]["selector"], "template": pod_template(each)}
        deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}, "spec": as_deployment}
        found += built_in(json.dumps(deployment))
    return [f"{named(each)}: {mistake}" for mistake in found]


@cache
def built_in(text: str) -> list[str]:
    try:
        kubernetes_validate.validate(json.loads(text), KUBERNETES, strict=True)
    except kubernetes_validate.ValidationError as problem:
        return [problem.message]
    return []


@pytest.mark.parametrize("name", OVERLAYS)
def test_every_object_of_an_overlay_is_valid_to_the_field(name: str) -> None:
    assert [mistake for each in overlay(name) for mistake in mistakes(each)] == []


@pytest.mark.parametrize("name", OVERLAYS)
def test_what_a_crd_fills_in_stands_in_git_or_argo_cd_would_see_a_difference_for_ever(name: str) -> None:
    assert [f"{named(each)}: {field}" for each in overlay(name) if is_foreign(each) for field in filled_in(each)] == []


def test_a_collection_with_exact_weights_is_valid_and_routes_to_its_own_services(tmp_path: Path) -> None:
    folder = copy_of_the_repository(tmp_path) / "manifests/collections/python-docs"
    with (folder / "kustomization.yaml").open("a") as file:
        file.write("components: [../../components/gateway-api]\n")
    objects = objects_of(folder)
    assert [mistake for each in objects for mistake in mistakes(each)] == []
    route = next(each for each in objects if each["kind"] == "HTTPRoute")
    rollout = next(each for each in objects if each["kind"] == "Rollout")
    canary = rollout["spec"]["strategy"]["canary"]
    backends = [backend["name"] for backend in route["spec"]["rules"][0]["backendRefs"]]
    assert (
        backends
        == [canary["stableService"], canary["canaryService"]]
        == [
            "search-stable-python-docs",
            "search-canary-python-docs",
        ]
    )
    plugin = canary["trafficRouting"]["plugins"]["argoproj-labs/gatewayAPI"]
    assert plugin["httpRoute"] == route["metadata"]["name"] == "search-python-docs"
    written = {f"spec.rules.0.backendRefs.{number}.weight" for number in (0, 1)}  # by Argo Rollouts; see argocd/
    assert set(filled_in(route)) == written


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("Rollout", ("spec", "strategy", "canary")),
        ("Rollout", ("spec", "template", "spec")),
        ("AnalysisTemplate", ("spec", "metrics", 0)),
        ("Deployment", ("spec",)),
    ],
)
def test_a_field_that_nobody_knows_is_found(kind: str, path: tuple[str | int, ...]) -> None:
    each = json.loads(json.dumps(next(each for each in overlay(OVERLAYS[0]) if each["kind"] == kind)))
    inside = each
    for key in path:
        inside = inside[key]  # type: ignore[index]
    inside["maxSurgge"] = 1
    assert any("maxSurgge" in mistake for mistake in mistakes(each))
