"""Programs from Debian packages without installing them: fetched by apt, which checks the archive's signature, and
unpacked into a folder of ours. Nothing of a package is run, no service starts, and the machine stays as it was.

Called by the e2e for the programs beside Kubernetes and for root file systems, and by `support.prometheus` and
`support.alertmanager`.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from turnout.errors import EnvironmentProblem

LISTS = Path("/var/lib/apt/lists")
_REMEDY = "Use Debian 12 or an Ubuntu near it, and see whether its package mirror can be reached."


def sources(packages: Sequence[str], log: Callable[[str], None]) -> str:
    """File names with versions and checksums of what apt would fetch now; changes when a package does.

    Raises:
        EnvironmentProblem: there is no apt, it can't reach its mirror, or doesn't know one of the packages.
    """
    if not any(LISTS.glob("*_Packages*")):
        _update(log, "no package lists yet")
    return source_lines(_apt("download", "--print-uris", *packages))


def source_lines(printed: str) -> str:
    """What apt prints about packages, one line each, without the mirror: that doesn't change a package."""
    return "\n".join(sorted(line.partition("' ")[2] for line in printed.splitlines() if re.search(r"\.deb ", line)))


def unpack(packages: Sequence[str], root: Path, downloads: Path, log: Callable[[str], None]) -> None:
    """Fetch packages and unpack them into `root`; `downloads` is a folder to fetch into and is gone afterwards.

    Raises:
        EnvironmentProblem: apt can't fetch, or dpkg can't unpack.
    """
    shutil.rmtree(downloads, ignore_errors=True)
    downloads.mkdir(parents=True)
    log(f"apt-get download of {len(packages)} packages")
    try:
        _apt("download", *packages, folder=downloads)
    except EnvironmentProblem:
        # Lists that are older than the mirror name files that are gone.
        _update(log, "a package of the known version is gone")
        _apt("download", *packages, folder=downloads)
    root.mkdir(parents=True, exist_ok=True)
    for package in sorted(downloads.glob("*.deb")):
        _run("dpkg", "-x", str(package), str(root))
    shutil.rmtree(downloads)


def programs(package: str, names: Sequence[str], root: Path, log: Callable[[str], None]) -> list[Path]:
    """Programs from PATH if it has all of them, else from a package, which is unpacked into `root` the first time.

    Raises:
        EnvironmentProblem: neither on PATH, nor can the package be fetched.
    """
    found = [path for path in map(shutil.which, names) if path]
    if len(found) == len(names):
        return [Path(path) for path in found]
    unpacked = [root / "usr/bin" / name for name in names]
    root.parent.mkdir(parents=True, exist_ok=True)
    with root.with_name(root.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not all(program.exists() for program in unpacked):
            _unpack_whole(package, root, log)
    return unpacked


def _unpack_whole(package: str, root: Path, log: Callable[[str], None]) -> None:
    # Into another folder first: a process that was ended half-way leaves nothing that looks whole.
    new = root.with_name(root.name + ".unfinished")
    shutil.rmtree(new, ignore_errors=True)
    shutil.rmtree(root, ignore_errors=True)
    unpack([package], new, root.with_name(root.name + ".debs"), log)
    new.rename(root)


def _update(log: Callable[[str], None], why: str) -> None:
    log(f"apt-get update ({why})")
    _apt("update")


def _apt(*arguments: str, folder: Path | None = None) -> str:
    # As root apt would fetch as a user of its own, who may not write into our folder.
    return _run("apt-get", "-q", "-o", "APT::Sandbox::User=root", *arguments, folder=folder)


def _run(*command: str, folder: Path | None = None) -> str:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
    except FileNotFoundError as error:
        raise EnvironmentProblem("not installed", where=command[0], remedy=_REMEDY) from error
    if done.returncode:
        said = done.stderr.strip()[-1500:] or "failed"
        raise EnvironmentProblem(said, where=" ".join(command[:2]), remedy=_REMEDY)
    return done.stdout
