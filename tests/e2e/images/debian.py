"""Root file systems from Debian packages, for machines without an image registry. `layers` calls this.

Nothing of a package is run: no maintainer scripts, no package database in the image.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from support import debian

# What Debian 12's Python 3.11 and the wheels of service.lock load, and nothing else. Time zones and root certificates
# come with the wheels.
PYTHON = (
    *("libc6", "libgcc-s1", "libstdc++6", "zlib1g", "libexpat1", "libssl3", "libffi8", "libbz2-1.0", "liblzma5"),
    *("libcrypt1", "libuuid1", "libsqlite3-0", "netbase"),
    *("libpython3.11-minimal", "libpython3.11-stdlib", "python3.11-minimal", "busybox-static"),
)
BUSYBOX = ("busybox-static",)

# A shell and what a probe, a preStop hook or a copying init container may want.
_APPLETS = ("sh", "cat", "cp", "ls", "mkdir", "sleep", "test", "true")
_UNUSED = ("usr/share/doc", "usr/share/man", "usr/share/lintian", "usr/share/bug", "usr/share/locale")
_UNUSED_BY_PYTHON = ("usr/lib/x86_64-linux-gnu/gconv", "usr/lib/aarch64-linux-gnu/gconv", "usr/share/binfmts")


def root_of(packages: Sequence[str], root: Path, downloads: Path, log: Callable[[str], None]) -> None:
    """Make a root file system of packages in `root`, with a shell and folders that programs expect.

    Raises:
        EnvironmentProblem: apt can't fetch, or dpkg can't unpack.
    """
    debian.unpack(packages, root, downloads, log)
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
