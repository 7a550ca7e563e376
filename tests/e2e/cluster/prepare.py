"""Everything a cluster needs before it can start: checks of the machine, Go programs, Debian packages, the pause image.

Slow once, a second or two afterwards. `Cluster` calls `prepare`, and so does ``python -m e2e.cluster prepare``.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from e2e.cluster.crds import argocd_definitions, argocd_script, rollouts_definitions
from e2e.cluster.debian import unpack_packages
from e2e.cluster.layout import PAUSE_IMAGE, TOOLS, Layout
from e2e.cluster.tools import build_tools
from e2e.images.oci import Image, assemble, pack
from turnout.errors import EnvironmentProblem

if TYPE_CHECKING:
    from collections.abc import Callable

_NEEDED = {
    "go": "Install Go 1.26 or newer.",
    "git": "Install git.",
    "ip": "Install iproute2.",
    "nsenter": "Install util-linux.",
    "openssl": "Install openssl.",
    "apt-get": "Use Debian 12 or an Ubuntu near it.",
    "dpkg": "Use Debian 12 or an Ubuntu near it.",
}


def prepare(layout: Layout, log: Callable[[str], None]) -> None:
    """Build and fetch what isn't cached, saying how many seconds each part took.

    Raises:
        EnvironmentProblem: this machine can't run the cluster, or something can't be built or fetched.
    """
    check_machine()
    parts: dict[str, Callable[[], object]] = {
        "Go programs": lambda: build_tools(layout, log),
        "Debian packages": lambda: unpack_packages(layout, log),
        "definitions": lambda: _definitions(layout),
        "pause image": lambda: _pause_image(layout),
    }
    for name, make in parts.items():
        began = time.monotonic()
        make()
        log(f"prepared {name} in {time.monotonic() - began:.1f} s")


def check_machine() -> None:
    """Refuse what would fail later in a way that is hard to understand.

    Raises:
        EnvironmentProblem: not Linux, not root, a program is missing, or the cgroups can't be used.
    """
    if sys.platform != "linux":
        raise EnvironmentProblem("the cluster needs Linux", remedy="Run it in a virtual machine with Debian 12.")
    if os.geteuid() != 0:
        raise EnvironmentProblem(
            "the cluster needs root, for network namespaces, mounts and cgroups",
            remedy="Run it as root, for example with `sudo -E env PATH=$PATH`.",
        )
    for program, remedy in _NEEDED.items():
        if shutil.which(program) is None:
            raise EnvironmentProblem("no such program", where=program, remedy=remedy)
    mount = Path("/sys/fs/cgroup")
    if not ((mount / "cgroup.controllers").exists() or (mount / "pids" / "cgroup.procs").exists()):
        raise EnvironmentProblem("no cgroups are mounted", where=str(mount), remedy="Mount cgroup2 there.")


def definitions_folder(layout: Layout, project: str) -> Path:
    """Where `prepare` put the definitions of ``rollouts`` or ``argocd``; kept, so that a start asks no network."""
    return layout.cache / "definitions" / project


def _definitions(layout: Layout) -> None:
    """Copied once for each version; the modules themselves are large and needn't be on the machine afterwards."""
    seal = layout.cache / "definitions" / "versions"
    versions = "".join((TOOLS / module / "go.sum").read_text() for module in ("argocd", "kubernetes"))
    script = layout.cache / "definitions" / "git-verify-wrapper.sh"
    if not seal.exists() or seal.read_text() != versions:
        for project, files in (("rollouts", rollouts_definitions()), ("argocd", argocd_definitions())):
            folder = definitions_folder(layout, project)
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            for path in files:
                shutil.copyfile(path, folder / path.name)
        shutil.copyfile(argocd_script(script.name), script)
        seal.write_text(versions)
    # Argo CD's repo server starts this script by name when it checks what a commit is.
    shutil.copyfile(script, layout.bin / script.name)
    (layout.bin / script.name).chmod(0o755)


def pause_tar(layout: Layout) -> Path:
    return layout.home / "images" / "pause.tar"


def _pause_image(layout: Layout) -> None:
    """Containerd asks for this image by name before each pod, and there is no registry that has it."""
    pause_tar(layout).parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=layout.home) as folder:
        tree = Path(folder) / "tree"
        tree.mkdir()
        shutil.copy(layout.bin / "pause", tree / "pause")
        layer = pack(tree, Path(folder) / "layer.tar")
        config = {"Entrypoint": ["/pause"], "User": "65535:65535"}
        assemble(pause_tar(layout), [Image(PAUSE_IMAGE, (layer,), config)])
