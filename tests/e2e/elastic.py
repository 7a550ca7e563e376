"""An Elasticsearch of the stories' own, which listens on the loopback of the cluster's network namespace.

It is the same node that `turnout elastic start` starts, with data of its own: it can be killed and started again on the
same port and data. Pods and clients reach it only through `gatekeeper`.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from turnout.elastic.node import OwnNode
from turnout.elastic.node.machine import Machine, silent
from turnout.elastic.node.server import Wanted, base_folder

PORT = 9210


class _WithoutDocker(Machine):
    """A container's port would be on the machine and not in the namespace."""

    def __init__(self, env: Mapping[str, str]) -> None:
        super().__init__({key: value for key, value in env.items() if not key.startswith("DOCKER_")})

    def which(self, program: str) -> str | None:
        """As if no Docker were installed."""
        return None if program == "docker" else super().which(program)


@contextmanager
def elasticsearch(build: Path) -> Iterator[OwnNode]:
    """A started node; stopped and removed at the end. The caller is inside the namespace.

    Raises:
        EnvironmentProblem: no JDK, no Maven, or the server didn't start.
    """
    machine = _WithoutDocker(os.environ)
    home = Path(tempfile.mkdtemp(prefix="turnout-e2e-node-"))
    home.chmod(0o755)
    wanted = Wanted(home=home, port=PORT, heap="768m", short_lived=True)
    own = OwnNode(machine, base_folder(machine, build, silent), wanted)
    try:
        own.start()
        yield own
    finally:
        own.remove()
        shutil.rmtree(home, ignore_errors=True)
