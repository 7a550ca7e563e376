"""A collection more is what manifests/README.md says: two small folders and a line in each overlay."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from manifests.rendering import OVERLAYS, Object, all_of, copy_of_the_repository, named, objects_of, only, pod_template
from support.go_modules import ROOT

NO_EVALUATION = """
patches:
  - target: {kind: Rollout}
    patch: |
      - op: replace
        path: /spec/template/spec/volumes/0/configMap/items
        value: [{key: release.json, path: release.json}]
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The repository with the collection `recipes` beside python-docs."""
    root = copy_of_the_repository(tmp_path)
    shutil.copytree(root / "pipelines/python-docs", root / "pipelines/recipes")
    (root / "manifests/collections/recipes").mkdir()
    theirs = (root / "manifests/collections/python-docs/kustomization.yaml").read_text()
    assert theirs.count("python-docs") == 3
    (root / "manifests/collections/recipes/kustomization.yaml").write_text(theirs.replace("python-docs", "recipes"))
    for name in OVERLAYS:
        file = root / f"manifests/overlays/{name}/kustomization.yaml"
        line = "  - ../../collections/python-docs\n"
        file.write_text(file.read_text().replace(line, f"{line}  - ../../collections/recipes\n"))
    return root


def volume(rollout: Object) -> Object:
    """The ConfigMap that a Rollout's pods mount as their release."""
    template = pod_template(rollout)
    assert template is not None
    found: Object = template["spec"]["volumes"][0]["configMap"]
    return found


@pytest.mark.parametrize("name", OVERLAYS)
def test_two_collections_share_an_overlay_without_a_name_in_common(root: Path, name: str) -> None:
    objects = objects_of(root / "manifests/overlays" / name)
    names = [named(each) for each in objects]
    assert len(set(names)) == len(names)
    scaled = {each["spec"]["scaleTargetRef"]["name"] for each in all_of(objects, "HorizontalPodAutoscaler")}
    for collection in ("python-docs", "recipes"):
        rollout = only(objects, "Rollout", f"search-{collection}")
        assert volume(rollout)["name"] in names_of(objects, "ConfigMap")
        assert volume(rollout)["name"].startswith(f"release-{collection}-")
        canary = rollout["spec"]["strategy"]["canary"]
        assert {canary["stableService"], canary["canaryService"]} <= names_of(objects, "Service")
        assert (rollout["metadata"]["name"] in scaled) == (name != "ephemeral")


def test_a_collection_without_an_evaluation_mounts_its_release_alone(root: Path) -> None:
    shutil.rmtree(root / "pipelines/recipes/evaluation")
    pipeline = root / "pipelines/recipes/kustomization.yaml"
    lines = [line for line in pipeline.read_text().splitlines() if "=evaluation/" not in line]
    pipeline.write_text("\n".join(lines))
    with (root / "manifests/collections/recipes/kustomization.yaml").open("a") as file:
        file.write(NO_EVALUATION)
    objects = objects_of(root / "manifests/overlays/staging")
    mounted = volume(only(objects, "Rollout", "search-recipes"))
    assert [item["key"] for item in mounted["items"]] == list(only(objects, "ConfigMap", mounted["name"])["data"])


def test_the_patch_for_it_is_the_one_in_the_readme() -> None:
    assert NO_EVALUATION.strip() in (ROOT / "manifests/README.md").read_text()


def names_of(objects: tuple[Object, ...], kind: str) -> set[str]:
    """The names of all objects of a kind."""
    return {each["metadata"]["name"] for each in all_of(objects, kind)}
