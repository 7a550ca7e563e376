"""The programs beside Kubernetes, from Debian: container runtime, Prometheus, Redis, nginx. For `prepare`."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

from support import debian
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
    key = hashlib.sha256(debian.sources(PACKAGES, log).encode()).hexdigest()
    if seal.exists() and seal.read_text() == key:
        return
    unfinished = layout.root.with_name(layout.root.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    debian.unpack(PACKAGES, unfinished, layout.home / "debs", log)
    shutil.rmtree(layout.root, ignore_errors=True)
    unfinished.rename(layout.root)
    _check_libraries(layout)
    seal.write_text(key)


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
