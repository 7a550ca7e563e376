"""A throw-away node for tests that stop, kill or restore a server: nobody else's indexes are on it."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from turnout.elastic.node import docker, shared
from turnout.elastic.node.machine import Machine, silent
from turnout.elastic.node.server import Node, Wanted, base_folder


class OwnNode:
    """A node of one's own. It keeps port and data when it is stopped and started again."""

    def __init__(self, machine: Machine, base: Path, wanted: Wanted) -> None:
        self._machine = machine
        self._base = base
        self._wanted = wanted
        self._node: Node | None = None
        self._url = ""

    @property
    def url(self) -> str:
        """The address; the same for life, also while the node is stopped."""
        return self._url

    @property
    def node(self) -> Node | None:
        """What runs now."""
        return self._node

    @property
    def snapshots(self) -> str:
        """The folder, as the server sees it, where a snapshot repository of type `fs` may lie."""
        in_container = self._node is not None and self._node.how == "docker"
        return docker.SNAPSHOTS if in_container else str(self._wanted.snapshots)

    def start(self) -> None:
        """Start, or start again on the same port and data; nothing happens if it runs."""
        if self._node is not None and shared.is_alive(self._machine, self._node):
            return
        self._node = shared.start(self._machine, self._wanted, base=self._base, tell=silent)
        self._url = self._node.url
        self._wanted = dataclasses.replace(self._wanted, port=int(self._url.rpartition(":")[2]))

    def stop(self, *, kill: bool = False) -> None:
        """Stop and keep the data; with `kill` as by kill -9."""
        if self._node is not None:
            shared.end(self._machine, self._node, kill=kill)

    def remove(self) -> None:
        """Stop and delete everything."""
        self.stop(kill=True)
        if self._node is not None and self._node.how == "docker":
            docker.remove_data(self._machine, self._node.container)
        shutil.rmtree(self._wanted.home, ignore_errors=True)


@contextmanager
def own_node(
    build: Path,
    *,
    env: Mapping[str, str],
    settings: Mapping[str, str] | None = None,
    heap: str = "512m",
) -> Iterator[OwnNode]:
    """A started node with data of its own on a free port, removed at the end.

    Args:
        build: turnout's build folder, for the distribution; data go to the system's temporary folder.
        env: the environment, for finding a JDK, Maven or Docker; TURNOUT_ELASTICSEARCH_URL is ignored.
        settings: more Elasticsearch settings by dotted names. `path.repo` is set already, see `OwnNode.snapshots`.

    Raises:
        EnvironmentProblem: as `ensure`.
    """
    machine = Machine(env)
    home = Path(tempfile.mkdtemp(prefix="turnout-node-"))
    home.chmod(0o755)
    wanted = Wanted(home=home, port=0, heap=heap, settings=settings or {}, short_lived=True)
    own = OwnNode(machine, base_folder(machine, build, silent), wanted)
    try:
        own.start()
        yield own
    finally:
        own.remove()
