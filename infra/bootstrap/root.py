"""The root Application: applies the folder argocd/ with the repository and the clusters of this stack put in."""

import json
from typing import Any

from .argo import Application, Project
from .settings import Settings

PROJECT = "turnout-root"


def root_project(settings: Settings) -> Project:
    """May make our AppProject and our ApplicationSet, no more. So who may write argocd/ may widen that AppProject."""
    return Project(
        name=PROJECT,
        description="The folder argocd/ and nothing else",
        repositories=[settings.repository],
        namespaces=["argocd"],
        cluster_kinds=[],
        namespaced_kinds=[("argoproj.io", "AppProject"), ("argoproj.io", "ApplicationSet")],
    )


def root_application(settings: Settings) -> Application:
    """argocd/ with four fields replaced: the ones that argocd/README.md names."""
    source = {
        "repoURL": settings.repository,
        "targetRevision": settings.revision,
        "path": "argocd",
        "kustomize": {"patches": _patches(settings)},
    }
    return Application(name="turnout-root", project=PROJECT, namespace="argocd", source=source)


def _patches(settings: Settings) -> list[dict[str, Any]]:
    destinations = [{"name": each.cluster, "namespace": "turnout"} for each in settings.clusters]
    elements = [
        {"environment": each.environment, "cluster": each.cluster, "revision": each.revision}
        for each in settings.clusters
    ]
    return [
        _patch("AppProject", {"/spec/sourceRepos": [settings.repository], "/spec/destinations": destinations}),
        _patch(
            "ApplicationSet",
            {
                "/spec/template/spec/source/repoURL": settings.repository,
                "/spec/generators/0/list/elements": elements,
            },
        ),
    ]


def _patch(kind: str, values: dict[str, Any]) -> dict[str, Any]:
    operations = [{"op": "replace", "path": path, "value": value} for path, value in values.items()]
    return {"target": {"kind": kind, "name": "turnout"}, "patch": json.dumps(operations)}
