"""Builds the Go programs of the cluster, each module once for each key; `prepare` calls it.

No distribution packages these versions and there is no registry to pull images from, so they are built from the Go
module proxy. That takes minutes, therefore only the binaries are kept, by everything that decides their content.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from e2e.cluster.layout import TOOLS, Layout
from turnout.errors import EnvironmentProblem

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

KUBERNETES = "v1.34.5"
_VERSION = "k8s.io/component-base/version"
_KUBERNETES_STAMP = (
    f"-X {_VERSION}.gitVersion={KUBERNETES} -X {_VERSION}.gitMajor=1 -X {_VERSION}.gitMinor=34 "
    f"-X k8s.io/client-go/pkg/version.gitVersion={KUBERNETES}"
)


@dataclass(frozen=True)
class Module:
    """One Go module of `tests/e2e/tools` and what is built from it.

    `package` is a Go package or ``tool``, which stands for all tools that go.mod names. `names` are further names of
    the binary: Argo CD's decides by its name which part it is.
    """

    name: str
    package: str
    output: str = ""
    stamp: str = ""
    names: tuple[str, ...] = ()


MODULES = (
    Module("pause", ".", "pause"),
    Module("kustomize", "tool"),
    Module("etcd", "go.etcd.io/etcd/server/v3", "etcd"),
    Module("kubernetes", "tool", stamp=_KUBERNETES_STAMP),
    Module(
        "argocd",
        "./cmd/argocd",
        "argocd",
        names=(
            "argocd-application-controller",
            "argocd-applicationset-controller",
            "argocd-repo-server",
            "argocd-git-ask-pass",
        ),
    ),
)


def cache_key(module: Module, go_version: str, tools: Path = TOOLS) -> str:
    """A name for the binaries of `module`: equal if and only if what they are built from is equal.

    `go_version` is the compiler with the platform. go.sum covers every dependency, so no more has to be read.
    """
    digest = hashlib.sha256()
    sources = sorted((tools / module.name).rglob("*.go"))
    for part in (go_version, module.package, module.output, module.stamp):
        digest.update(part.encode() + b"\0")
    for path in [tools / module.name / "go.mod", tools / module.name / "go.sum", *sources]:
        digest.update(path.name.encode() + b"\0")
        digest.update(path.read_bytes() + b"\0" if path.exists() else b"\0")
    return f"{module.name}-{digest.hexdigest()[:16]}"


def go_version() -> str:
    """The Go compiler with its platform, for example ``go1.26.8 linux amd64``.

    Raises:
        EnvironmentProblem: there is no Go.
    """
    try:
        answer = subprocess.run(
            ["go", "env", "GOVERSION", "GOOS", "GOARCH"], check=True, capture_output=True, text=True, cwd=TOOLS
        )
    except (OSError, subprocess.CalledProcessError) as problem:
        raise EnvironmentProblem("Go can't be started", where="go", remedy="Install Go 1.26 or newer.") from problem
    return " ".join(answer.stdout.split())


def build_tools(layout: Layout, log: Callable[[str], None]) -> None:
    """Put all Go programs into `layout.bin`, building only those whose key isn't in the cache.

    Raises:
        EnvironmentProblem: there is no Go, or a build failed.
    """
    version = go_version()
    layout.bin.mkdir(parents=True, exist_ok=True)
    for module in MODULES:
        kept = layout.cache / cache_key(module, version)
        if not kept.exists():
            _build(module, kept, log)
        _publish(module, kept, layout.bin)


def _build(module: Module, kept: Path, log: Callable[[str], None]) -> None:
    """Build into a folder beside `kept` and rename it, so that a build cut short leaves no half cache."""
    log(f"go build {module.name} (minutes, once for each version)")
    unfinished = kept.with_name(kept.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    command = ["go", "build", "-trimpath", "-ldflags", f"-s -w {module.stamp}".strip()]
    command += ["-o", str(unfinished / module.output) if module.output else f"{unfinished}/", module.package]
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly"}
    done = subprocess.run(command, cwd=TOOLS / module.name, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise EnvironmentProblem(
            f"go build failed:\n{done.stderr[-4000:]}",
            where=str(TOOLS / module.name),
            remedy="Check that the Go module proxy can be reached and that the disk isn't full.",
        )
    unfinished.rename(kept)


def _publish(module: Module, kept: Path, folder: Path) -> None:
    """Links that are replaced at once: somebody may be starting a program just now."""
    for binary in kept.iterdir():
        for name in (binary.name, *module.names):
            link = folder / f".{name}"
            link.unlink(missing_ok=True)
            link.symlink_to(os.path.relpath(binary, folder))
            link.replace(folder / name)
