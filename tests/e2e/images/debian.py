"""Root file systems from Debian packages, for machines without an image registry. `build` calls this.

Packages come through apt, which checks them against the archive's signature; dpkg unpacks them, and nothing of them
is run: no maintainer scripts, no package database in the image.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from turnout.errors import EnvironmentProblem

# What Debian 12's Python 3.11 and the wheels of service.lock load, and nothing else. Time zones and root certificates
# come with the wheels.
PYTHON = (
    *("libc6", "libgcc-s1", "libstdc++6", "zlib1g", "libexpat1", "libssl3", "libffi8", "libbz2-1.0", "liblzma5"),
    *("libcrypt1", "libuuid1", "libsqlite3-0", "netbase"),
    *("libpython3.11-minimal", "libpython3.11-stdlib", "python3.11-minimal", "busybox-static"),
)
BUSYBOX = ("busybox-static",)

REMEDY = "On Debian 12 run `apt-get update`; on other systems build service/Dockerfile with Docker."
# A shell and what a probe, a preStop hook or a copying init container may want.
_APPLETS = ("sh", "cat", "cp", "ls", "mkdir", "sleep", "test", "true")
_UNUSED = ("usr/share/doc", "usr/share/man", "usr/share/lintian", "usr/share/bug", "usr/share/locale")
_UNUSED_BY_PYTHON = ("usr/lib/x86_64-linux-gnu/gconv", "usr/lib/aarch64-linux-gnu/gconv", "usr/share/binfmts")


def sources(packages: Sequence[str]) -> str:
    """File names with versions and checksums of what apt would download now; changes when a package does.

    Raises:
        EnvironmentProblem: there is no apt, or it doesn't know one of the packages.
    """
    lines = _apt("download", "--print-uris", *packages).splitlines()
    # A line is 'URL' NAME SIZE CHECKSUM. The URL is left out: the mirror doesn't change the package.
    return "\n".join(sorted(line.partition("' ")[2] for line in lines))


def unpack(packages: Sequence[str], root: Path, downloads: Path) -> None:
    """Make a root file system of packages in `root`, with a shell and folders that programs expect.

    Raises:
        EnvironmentProblem: apt can't download, or dpkg can't unpack.
    """
    shutil.rmtree(downloads, ignore_errors=True)
    downloads.mkdir(parents=True)
    _apt("download", *packages, folder=downloads)
    root.mkdir(parents=True, exist_ok=True)
    for package in sorted(downloads.glob("*.deb")):
        _run("dpkg", "-x", str(package), str(root))
    shutil.rmtree(downloads)
    for name in (*_UNUSED, *_UNUSED_BY_PYTHON):
        shutil.rmtree(root / name, ignore_errors=True)
    _finish(root)


def _finish(root: Path) -> None:
    for applet in _APPLETS:
        (root / "bin" / applet).symlink_to("busybox")
    for folder in ("etc", "tmp", "work", "proc", "sys", "dev"):
        (root / folder).mkdir(exist_ok=True)
    (root / "tmp").chmod(0o1777)
    # No entry for the user that programs run as: in the Dockerfile's base there is none, either.
    (root / "etc" / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (root / "etc" / "group").write_text("root:x:0:\n")
    (root / "etc" / "nsswitch.conf").write_text("hosts: files dns\n")


def _apt(*arguments: str, folder: Path | None = None) -> str:
    # As root apt would download as a user of its own, who may not write into our folder.
    return _run("apt-get", "-q", "-o", "APT::Sandbox::User=root", *arguments, folder=folder)


def _run(*command: str, folder: Path | None = None) -> str:
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"}
        )
    except FileNotFoundError as error:
        raise EnvironmentProblem("not installed", where=command[0], remedy=REMEDY) from error
    if done.returncode:
        raise EnvironmentProblem(done.stderr.strip()[-500:] or "failed", where=" ".join(command[:2]), remedy=REMEDY)
    return done.stdout
