"""Where the definitions of Argo's types lie: in the Go modules that its programs are built from. For `prepare`."""

from __future__ import annotations

from pathlib import Path

from support.go_modules import ARGO_CD, ARGO_ROLLOUTS, module_folder


def rollouts_definitions() -> list[Path]:
    """The definitions of Argo Rollouts."""
    return sorted((module_folder(ARGO_ROLLOUTS) / "manifests/crds").glob("*-crd.yaml"))


def argocd_definitions() -> list[Path]:
    """The definitions of Argo CD."""
    return sorted((module_folder(ARGO_CD) / "manifests/crds").glob("*-crd.yaml"))


def argocd_script(name: str) -> Path:
    """A script that Argo CD's programs start by name."""
    return module_folder(ARGO_CD) / "hack" / name
