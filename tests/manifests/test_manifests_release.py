"""What starts a rollout, and what must not."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from manifests.rendering import (
    SEARCHES,
    Object,
    collection_of,
    copy_of_the_repository,
    objects_of,
    only,
    overlay,
    pod_template,
    release_map,
)
from support.go_modules import ROOT, kustomize
from turnout.release.size import MAX_CONFIG_MAP_BYTES

PIPELINE = "pipelines/python-docs"


def templates(root: Path, overlay: str = "production") -> tuple[str, Object]:
    """The name of the release's ConfigMap and the Rollout's pod template."""
    objects = objects_of(root / "manifests/overlays" / overlay)
    objects = tuple(each for each in objects if collection_of(each) == "python-docs")
    template = pod_template(only(objects, "Rollout"))
    assert template is not None
    return release_map(objects)["metadata"]["name"], template


def mounted(template: Object) -> str:
    """The name of the ConfigMap that a pod mounts as its release."""
    [volume] = [each for each in template["spec"]["volumes"] if each["name"] == "release"]
    name: str = volume["configMap"]["name"]
    return name


@pytest.mark.parametrize("name", SEARCHES)
def test_pods_mount_the_release_by_the_hash_of_its_content(name: str) -> None:
    release = release_map(overlay(name))
    template = pod_template(only(overlay(name), "Rollout"))
    assert template is not None
    assert release["metadata"]["name"].startswith(f"release-{name.partition('/')[2]}-")
    assert mounted(template) == release["metadata"]["name"]
    [volume] = [each for each in template["spec"]["volumes"] if each["name"] == "release"]
    assert {item["key"] for item in volume["configMap"]["items"]} == set(release["data"])


@pytest.mark.parametrize("name", SEARCHES)
def test_the_release_that_is_mounted_is_the_one_that_was_locked(name: str) -> None:
    folder = ROOT / "pipelines" / name.partition("/")[2]
    for key, text in release_map(overlay(name))["data"].items():
        assert text == (folder / key if key == "release.json" else folder / "evaluation" / key).read_text()


def test_another_release_is_another_config_map_and_another_pod_template(tmp_path: Path) -> None:
    root = copy_of_the_repository(tmp_path)
    before, old = templates(root)
    file = root / PIPELINE / "release.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"id": "r-0123456789abcdef"}))
    after, new = templates(root)
    assert before != after
    assert mounted(new) == after
    assert old != new


def test_a_comment_in_an_artifact_starts_no_rollout(tmp_path: Path) -> None:
    root = copy_of_the_repository(tmp_path)
    before = templates(root)
    with (root / PIPELINE / "pipeline.yaml").open("a") as file:
        file.write("# a remark\n")
    assert templates(root) == before


@pytest.mark.parametrize("image", ["turnout", "turnout-models"])
def test_another_image_alone_is_another_pod_template_of_the_same_release(tmp_path: Path, image: str) -> None:
    root = copy_of_the_repository(tmp_path)
    before, old = templates(root)
    digest = f"{image}=example.test/{image}@sha256:{'0' * 64}"
    folder = root / "manifests/overlays/production"
    subprocess.run([str(kustomize()), "edit", "set", "image", digest], cwd=folder, check=True)
    after, new = templates(root)
    assert before == after
    assert old != new
    assert digest.split("=")[1] in json.dumps(new)


def test_without_the_name_reference_a_rollout_would_keep_the_name_without_hash(tmp_path: Path) -> None:
    root = copy_of_the_repository(tmp_path)
    file = root / "manifests/search/kustomization.yaml"
    kustomization = yaml.safe_load(file.read_text())
    del kustomization["components"]
    file.write_text(yaml.safe_dump(kustomization))
    name, template = templates(root)
    assert mounted(template) != name


@pytest.mark.parametrize("name", SEARCHES)
def test_an_old_release_outlives_the_commit_that_left_it(name: str) -> None:
    annotations = release_map(overlay(name))["metadata"]["annotations"]
    assert "Prune=false" in annotations["argocd.argoproj.io/sync-options"].split(",")
    assert annotations["argocd.argoproj.io/compare-options"] == "IgnoreExtraneous"


@pytest.mark.parametrize("name", SEARCHES)
def test_the_release_fits_where_it_has_to(name: str) -> None:
    release = release_map(overlay(name))
    assert sum(len(text.encode()) for text in release["data"].values()) <= MAX_CONFIG_MAP_BYTES
    applied = len(json.dumps(release))
    options = release["metadata"]["annotations"]["argocd.argoproj.io/sync-options"]
    assert applied < 256 * 1024 or "ServerSideApply=true" in options  # else kubectl keeps it in an annotation
