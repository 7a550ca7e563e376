"""Fetches what Debian packages (container runtime, Prometheus, Redis, nginx) without installing it; for `prepare`.

Unpacked into a folder of ours, nothing is configured, no service starts, and the machine stays as it was.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from turnout.errors import EnvironmentProblem

if TYPE_CHECKING:
    from collections.abc import Callable

    from e2e.cluster.layout import Layout

PACKAGES = (
    *("containerd", "runc", "libseccomp2", "containernetworking-plugins"),
    *("nftables", "libnftables1", "libnftnl11", "libmnl0", "libjansson4", "libxtables12"),
    "prometheus",
    *("redis-server", "redis-tools", "libjemalloc2", "liblua5.1-0", "liblzf1", "libhiredis0.14", "libatomic1"),
    *("lua-bitop", "lua-cjson"),
    "nginx",
)
PROGRAMS = ("containerd", "ctr", "runc", "nft", "prometheus", "promtool", "redis-server", "nginx")
_SEALED = ".packages"


def unpack_packages(layout: Layout, log: Callable[[str], None]) -> None:
    """Put the packages into `layout.root`, unless the same versions are there already.

    Raises:
        EnvironmentProblem: this isn't Debian or one of its kind, a package can't be fetched, or a library is missing.
    """
    seal = layout.root / _SEALED
    if not _lists_exist():
        if seal.exists():
            return  # a restored cache on a fresh machine: there is nothing to compare it with
        log("apt-get update (no package lists yet)")
        _run(["apt-get", "update", "-q"], remedy="Check that the package mirror can be reached.")
    key = package_key(_versions())
    if seal.exists() and seal.read_text() == key:
        return
    log(f"apt-get download of {len(PACKAGES)} packages")
    seal.unlink(missing_ok=True)
    _unpack(_fetch(layout.home / "debs", log), layout.root)
    shutil.rmtree(layout.home / "debs")
    _check_libraries(layout)
    seal.write_text(key)


def package_key(versions: str) -> str:
    """A digest of the packages' file names, which carry their versions, from what apt-get prints about them."""
    names = sorted(re.findall(r"' (\S+\.deb) ", versions))
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


def _lists_exist() -> bool:
    return any(Path("/var/lib/apt/lists").glob("*_Packages*"))


def _versions() -> str:
    return _run(["apt-get", "download", "--print-uris", *PACKAGES], remedy="Use Debian 12 or an Ubuntu near it.")


def _fetch(folder: Path, log: Callable[[str], None]) -> list[Path]:
    """Download afresh; lists that are older than the mirror name files that are gone, so refresh them once."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    command = ["apt-get", "download", "-q", *PACKAGES]
    try:
        _run(command, cwd=folder)
    except EnvironmentProblem:
        log("apt-get update (a package of the known version is gone)")
        _run(["apt-get", "update", "-q"], remedy="Check that the package mirror can be reached.")
        _run(command, cwd=folder, remedy="Check that the package mirror can be reached.")
    return sorted(folder.glob("*.deb"))


def _unpack(packages: list[Path], root: Path) -> None:
    unfinished = root.with_name(root.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    for package in packages:
        _run(["dpkg", "-x", str(package), str(unfinished)])
    shutil.rmtree(root, ignore_errors=True)
    unfinished.rename(root)


def _check_libraries(layout: Layout) -> None:
    environment = {**os.environ, "LD_LIBRARY_PATH": layout.library_path}
    for name in PROGRAMS:
        answer = subprocess.run(["ldd", layout.debian(name)], capture_output=True, text=True, env=environment)
        missing = re.findall(r"(\S+) => not found", answer.stdout)
        if missing or not os.path.exists(layout.debian(name)):
            raise EnvironmentProblem(
                f"{name} can't run: {', '.join(missing) or 'no such program'}",
                where=str(layout.root),
                remedy="Add the package that holds it to PACKAGES in tests/e2e/cluster/debian.py.",
            )


def _run(command: list[str], *, cwd: Path | None = None, remedy: str = "") -> str:
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    except OSError as problem:
        raise EnvironmentProblem(f"{command[0]} can't be started", remedy="Use Debian 12 or an Ubuntu near it.") from (
            problem
        )
    if done.returncode:
        raise EnvironmentProblem(f"{' '.join(command[:2])} failed: {done.stderr[-1500:].strip()}", remedy=remedy)
    return done.stdout
