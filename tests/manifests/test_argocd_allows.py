"""AppProject and manifests/ fit together: every kind allowed, none too many, nothing that holds up a revert."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from support.go_modules import ROOT, rendered

OVERLAYS = sorted(path.parent for path in (ROOT / "manifests/overlays").glob("*/kustomization.yaml"))
pytestmark = pytest.mark.skipif(not OVERLAYS, reason="manifests/overlays is empty")


@pytest.fixture(scope="module", params=OVERLAYS, ids=lambda folder: folder.name)
def overlay(request) -> Path:
    return request.param


def documents(folder: Path) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(rendered(folder)) if document]


@pytest.fixture(scope="module")
def objects(overlay) -> list[dict[str, Any]]:
    return documents(overlay)


@pytest.fixture(scope="module")
def allowed() -> set[tuple[str, str]]:
    (project,) = [document for document in documents(ROOT / "argocd") if document["kind"] == "AppProject"]
    return {(item["group"], item["kind"]) for item in project["spec"]["namespaceResourceWhitelist"]}


def kind_of(document: dict[str, Any]) -> tuple[str, str]:
    group = document["apiVersion"].rpartition("/")[0]
    return group, document["kind"]


def annotations(document: dict[str, Any]) -> dict[str, str]:
    return document["metadata"].get("annotations") or {}


def test_the_project_allows_each_kind_that_is_rendered(objects, allowed):
    namespaced = [document for document in objects if document["kind"] != "Namespace"]
    assert {kind_of(document) for document in namespaced} - allowed == set()


def test_all_of_it_is_the_namespace_of_the_project_or_lies_in_it(objects):
    for document in objects:
        name = document["metadata"]["name" if document["kind"] == "Namespace" else "namespace"]
        assert name == "turnout", document["metadata"]["name"]


def test_a_sync_never_deletes_the_namespace(objects):
    for namespace in (document for document in objects if document["kind"] == "Namespace"):
        assert annotations(namespace)["argocd.argoproj.io/sync-options"] == "Prune=false,Delete=false"


def test_no_hook_and_no_wave_makes_a_sync_wait_for_a_rollout(objects):
    for document in objects:
        waiting = {"argocd.argoproj.io/hook", "argocd.argoproj.io/sync-wave", "argocd.argoproj.io/hook-delete-policy"}
        assert not waiting & annotations(document).keys(), document["metadata"]["name"]


def test_a_release_outlives_the_commit_that_no_longer_names_it(objects):
    for document in (document for document in objects if document["kind"] != "Namespace"):
        options = annotations(document).get("argocd.argoproj.io/sync-options", "").split(",")
        compare = annotations(document).get("argocd.argoproj.io/compare-options", "").split(",")
        is_release = document["kind"] == "ConfigMap" and document["metadata"]["name"].startswith("release-")
        kept = ("Prune=false" in options, "IgnoreExtraneous" in compare)
        assert kept == (is_release, is_release), document["metadata"]["name"]


def test_git_says_nothing_about_what_the_autoscaler_and_rollouts_write(objects):
    scaled = {d["spec"]["scaleTargetRef"]["name"] for d in objects if d["kind"] == "HorizontalPodAutoscaler"}
    for document in objects:
        if document["kind"] == "Rollout" and document["metadata"]["name"] in scaled:
            assert "replicas" not in document["spec"]
        if document["kind"] == "Service":
            assert "rollouts-pod-template-hash" not in document["spec"].get("selector", {})


def test_the_project_allows_no_kind_that_nothing_uses(allowed):
    used = {kind_of(document) for folder in OVERLAYS for document in documents(folder)}
    parts = (ROOT / "manifests/components").rglob("*.yaml")
    used |= {kind_of(d) for path in parts for d in yaml.safe_load_all(path.read_text()) if d and "apiVersion" in d}
    assert allowed - used == set()
