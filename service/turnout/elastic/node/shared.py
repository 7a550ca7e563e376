"""The one node that commands, demo and tests share: found or started by `ensure`, left running, ended by `stop`.

A file lock makes two test runs that start at the same time wait for each other; a small file remembers what runs.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import msgspec

from turnout.elastic.node import distribution, docker, jvm, process
from turnout.elastic.node.machine import Machine, Tell, silent
from turnout.elastic.node.requirements import check_room, docker_answers, find_jdk
from turnout.elastic.node.server import Node, Wanted, base_folder, check_given, wait_until_ready
from turnout.elastic.trust import CA_VARIABLE
from turnout.errors import EnvironmentProblem, Refused

URL_VARIABLE = "TURNOUT_ELASTICSEARCH_URL"
DEFAULT_PORT = 9210
DEFAULT_HEAP = "1g"


def ensure(
    build: Path,
    *,
    env: Mapping[str, str],
    port: int | None = None,
    heap: str = DEFAULT_HEAP,
    tell: Tell = silent,
    machine: Machine | None = None,
) -> Node:
    """An Elasticsearch to work with: the one that `env` names, else the shared local one, started if need be.

    Args:
        build: turnout's build folder; distribution and data go below it.
        env: the environment; TURNOUT_ELASTICSEARCH_URL means that nothing is started.
        port: of a node that must be started; None is 9210, 0 any free one. A node that runs is used wherever it is.
        heap: of a node that must be started.
        tell: is called with what is happening.

    Raises:
        Unavailable: the given server, or the running one, doesn't answer.
        EnvironmentProblem: a part is missing, too old, or short; the text names the command that helps.
        Refused: the shared node runs on another port than the one asked for.
    """
    if url := env.get(URL_VARIABLE):
        return _given(url, env)
    machine = machine or Machine(env)
    base = base_folder(machine, build, tell)
    with _locked(base, tell):
        if node := running(machine, base):
            return _reuse(node, port)
        wanted = Wanted(home=base / "node", port=DEFAULT_PORT if port is None else port, heap=heap)
        node = start(machine, wanted, base=base, tell=tell)
        _remember(base, node)
        return node


def start(machine: Machine, wanted: Wanted, *, base: Path, tell: Tell) -> Node:
    """Start a node the first way that this machine can: Docker's image, else the distribution through Maven."""
    check_room(machine, base, wanted.heap)
    if docker_answers(machine):
        return docker.start(machine, wanted, tell=tell)
    jdk = find_jdk(machine)
    home = distribution.provide(machine, base, jdk=jdk, tell=tell)
    return jvm.start(machine, wanted, distribution=home, jdk=jdk, tell=tell)


def running(machine: Machine, base: Path) -> Node | None:
    """The shared node if it runs; a record of one that is gone, or of a container not ours, counts for nothing."""
    try:
        node = msgspec.json.decode(_record(base).read_bytes(), type=Node)
    except (OSError, msgspec.DecodeError):
        return None
    if node.how == "docker" and node.container != docker.container_name(base / "node"):
        return None
    return node if is_alive(machine, node) else None


def is_alive(machine: Machine, node: Node) -> bool:
    """Whether the very process or container that was started still runs."""
    if node.how == "docker":
        return docker.alive(machine, node.container)
    return node.pid is not None and process.fingerprint(machine, node.pid) == node.identity


def end(machine: Machine, node: Node, *, kill: bool = False) -> bool:
    """End a node that turnout started and keep its data; False if it was gone already."""
    if node.how == "docker":
        return docker.stop(machine, node.container, kill=kill)
    return node.pid is not None and process.end(machine, node.pid, node.identity, kill=kill)


def stop(build: Path, *, env: Mapping[str, str], machine: Machine | None = None) -> Node | None:
    """Stop the shared local node and keep its data; None if none runs. Never touches a server given by URL."""
    machine = machine or Machine(env)
    base = base_folder(machine, build, silent)
    with _locked(base, silent):
        node = running(machine, base)
        if node is not None:
            end(machine, node)
        _record(base).unlink(missing_ok=True)
        return node


def find(build: Path, *, env: Mapping[str, str], machine: Machine | None = None) -> Node | None:
    """The server that `ensure` would return without starting anything; None if there is none.

    Raises:
        Unavailable: a server given by URL doesn't answer.
    """
    if url := env.get(URL_VARIABLE):
        return _given(url, env)
    machine = machine or Machine(env)
    return running(machine, base_folder(machine, build, silent))


def _given(url: str, env: Mapping[str, str]) -> Node:
    ca = env.get(CA_VARIABLE, "").strip()
    return check_given(url, api_key=env.get("TURNOUT_ELASTICSEARCH_READ_API_KEY"), ca=Path(ca) if ca else None)


def _reuse(node: Node, port: int | None) -> Node:
    if port and not node.url.endswith(f":{port}"):
        raise Refused(
            f"the local Elasticsearch runs already, at {node.url}",
            remedy=f"use it there, or `turnout elastic stop` first and start again with --port {port}",
        )
    wait_until_ready(node.url)
    return node


def _record(base: Path) -> Path:
    return base / "node.json"


def _remember(base: Path, node: Node) -> None:
    new = _record(base).with_suffix(".new")
    new.unlink(missing_ok=True)  # a link that lies there is not written through
    new.write_bytes(msgspec.json.encode(node))
    new.replace(_record(base))


@contextlib.contextmanager
def _locked(base: Path, tell: Tell) -> Iterator[None]:
    with _open_lock(base / "lock") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("waiting for another turnout that is starting or stopping Elasticsearch")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _open_lock(path: Path) -> BinaryIO:
    """Neither through a link nor emptied: the build folder may come from somebody else's checkout."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
    except OSError as error:
        raise EnvironmentProblem(
            f"the lock can't be opened: {error.strerror}", where=str(path), remedy="remove it and try again"
        ) from error
    return open(handle, "rb")
