"""Copies the definitions of foreign Kubernetes types out of Go modules, for the cluster and for schema tests.

``go mod download`` fetches a module of an exact version and checks it against the checksum database, so nothing has to
be vendored and nothing can change under us.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from e2e.cluster.layout import TOOLS
from turnout.errors import EnvironmentProblem

ROLLOUTS = "github.com/argoproj/argo-rollouts"
ARGOCD = "github.com/argoproj/argo-cd/v3"
_ELSEWHERE = {  # modules that no program of ours is built from: their definitions only
    "sigs.k8s.io/gateway-api@v1.4.0": "config/crd/standard/gateway.networking.k8s.io_*.yaml",
    "github.com/prometheus-operator/prometheus-operator@v0.85.0": (
        "example/prometheus-operator-crd/monitoring.coreos.com_*.yaml"
    ),
}


def module_folder(module: str, owner: str) -> Path:
    """The unpacked source of `module` at the version that the module `owner` of our tools asks for.

    Raises:
        EnvironmentProblem: it can't be downloaded.
    """
    return _download(module, TOOLS / owner)


def rollouts_definitions() -> list[Path]:
    return _files(module_folder(ROLLOUTS, "kubernetes"), "manifests/crds/*-crd.yaml")


def argocd_definitions() -> list[Path]:
    return _files(module_folder(ARGOCD, "argocd"), "manifests/crds/*-crd.yaml")


def copy_definitions(target: Path) -> list[Path]:
    """Put all definitions into `target` and return their paths; files that are there already are kept.

    Raises:
        EnvironmentProblem: a module can't be downloaded.
    """
    seal = target / ".complete"
    wanted = json.dumps([(TOOLS / name / "go.sum").read_text() for name in ("kubernetes", "argocd")] + [*_ELSEWHERE])
    if not seal.exists() or seal.read_text() != wanted:
        target.mkdir(parents=True, exist_ok=True)
        found = rollouts_definitions() + argocd_definitions()
        for module, pattern in _ELSEWHERE.items():
            found += _files(_download(module, TOOLS / "pause"), pattern)
        for path in found:
            shutil.copyfile(path, target / path.name)
        seal.write_text(wanted)
    return sorted(target.glob("*.yaml"))


def _download(module: str, cwd: Path) -> Path:
    command = ["go", "mod", "download", "-json", module]
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    except OSError as problem:
        raise EnvironmentProblem("Go can't be started", where="go", remedy="Install Go 1.26 or newer.") from problem
    answer = json.loads(done.stdout or "{}")
    if done.returncode or "Dir" not in answer:
        raise EnvironmentProblem(
            f"go mod download failed: {answer.get('Error') or done.stderr.strip()}",
            where=module,
            remedy="Check that the Go module proxy can be reached.",
        )
    return Path(answer["Dir"])


def _files(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.glob(pattern))
