"""Renders manifests/ once and finds things in what comes out. For the tests of this folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from support.go_modules import ROOT, rendered

Object = dict[str, Any]

OVERLAYS = tuple(sorted(path.name for path in (ROOT / "manifests/overlays").iterdir() if path.is_dir()))
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
POD_TEMPLATES = {"Rollout": ("spec", "template"), "Deployment": ("spec", "template"), "PodTemplate": ("template",)}


def objects_of(folder: Path) -> tuple[Object, ...]:
    """What `kustomize build` gives for a folder."""
    return tuple(yaml.load_all(rendered(folder), Loader=LOADER))


@cache
def overlay(name: str) -> tuple[Object, ...]:
    """The objects of one environment; of `staging/recipes` those of one collection in it, and what all share.

    Don't change them: tests share them, too.
    """
    environment, _, collection = name.partition("/")
    if collection:
        return tuple(each for each in overlay(environment) if collection_of(each) in ("", collection))
    return objects_of(ROOT / "manifests/overlays" / environment)


def collection_of(each: Object) -> str:
    """The collection that an object belongs to; empty for what all share."""
    name: str = each["metadata"].get("labels", {}).get("turnout.dev/collection", "")
    return name


def copy_of_the_repository(target: Path) -> Path:
    """manifests/ and pipelines/ where a test may change them."""
    for folder in ("manifests", "pipelines"):
        shutil.copytree(ROOT / folder, target / folder)
    return target


def only(objects: tuple[Object, ...], kind: str, name: str | None = None) -> Object:
    """The one object of a kind (and name)."""
    found = [each for each in objects if each["kind"] == kind and name in (None, each["metadata"]["name"])]
    assert len(found) == 1, f"{len(found)} of {kind} {name}"
    return found[0]


def all_of(objects: tuple[Object, ...], *kinds: str) -> list[Object]:
    """The objects of some kinds."""
    return [each for each in objects if each["kind"] in kinds]


def named(each: Object) -> str:
    """Kind and name, for messages."""
    return f"{each['kind']}/{each['metadata']['name']}"


def release_map(objects: tuple[Object, ...]) -> Object:
    """The one ConfigMap that holds a release."""
    labelled = [
        each
        for each in all_of(objects, "ConfigMap")
        if each["metadata"].get("labels", {}).get("app.kubernetes.io/component") == "release"
    ]
    assert len(labelled) == 1
    return labelled[0]


def pod_template(each: Object) -> Object | None:
    """The pod template of a workload."""
    found: Any = each if each["kind"] in POD_TEMPLATES else None
    for key in POD_TEMPLATES.get(each["kind"], ()):
        found = found[key]
    return found


def containers(template: Object) -> list[Object]:
    """All containers of a pod template, those that run first included."""
    return [*template["spec"].get("initContainers", []), *template["spec"]["containers"]]


def texts(value: Any) -> Iterator[str]:
    """Every string in an object, keys too."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from texts(key)
            yield from texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from texts(part)
    elif isinstance(value, str):
        yield value


SEARCHES = tuple(
    f"{name}/{collection}" for name in OVERLAYS for collection in sorted({*map(collection_of, overlay(name))} - {""})
)
"""Each collection in each environment, as `overlay` takes it."""
