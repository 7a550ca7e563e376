"""Start a node as a container of the official image, where a Docker engine answers.

The data lie in a volume of the same name, so that stopping keeps them as the JVM's folder does.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from turnout.elastic.node.machine import Machine, Tell
from turnout.elastic.node.process import port_holder, port_taken
from turnout.elastic.node.requirements import VERSION
from turnout.elastic.node.server import Node, Wanted, wait_until_ready
from turnout.errors import EnvironmentProblem

IMAGE = f"elasticsearch:{VERSION}"
SNAPSHOTS = "/usr/share/elasticsearch/snapshots"

_PULL_TIMEOUT_S = 3600.0


def container_name(home: Path) -> str:
    """The name of the container and of its volume: one per node folder."""
    return f"turnout-{hashlib.sha256(str(home).encode()).hexdigest()[:12]}"


def start(machine: Machine, wanted: Wanted, *, tell: Tell) -> Node:
    """Start a container that outlives this process, and wait until it answers.

    Raises:
        EnvironmentProblem: the port is taken, or Docker refuses.
    """
    if wanted.port and port_taken(wanted.port):
        raise EnvironmentProblem(
            f"port {wanted.port} is taken by {port_holder(wanted.port)}",
            remedy="end it, or choose another port with `turnout elastic start --port 9211`",
        )
    name = container_name(wanted.home)
    if _docker(machine, "image", "inspect", IMAGE, check=False) is None:
        tell(f"pulling the image {IMAGE}")
        _docker(machine, "pull", IMAGE, timeout_s=_PULL_TIMEOUT_S)
    _docker(machine, "rm", "--force", name, check=False)
    tell(f"starting Elasticsearch (container {name})")
    _docker(machine, "run", *_arguments(wanted, name))
    published = _docker(machine, "port", name, "9200/tcp") or ""
    url = f"http://127.0.0.1:{published.splitlines()[0].rpartition(':')[2]}"
    version = wait_until_ready(url)
    return Node(url=url, version=version, how="docker", container=name, home=str(wanted.home))


def alive(machine: Machine, container: str) -> bool:
    """Whether a container runs."""
    answer = _docker(machine, "inspect", "--format", "{{.State.Running}}", container, check=False)
    return (answer or "").strip() == "true"


def stop(machine: Machine, container: str, *, kill: bool = False) -> bool:
    """Stop a container and keep its data; False if it didn't run."""
    ran = alive(machine, container)
    if ran:
        _docker(machine, *(("kill",) if kill else ("stop", "--time", "60")), container, timeout_s=90)
    _docker(machine, "rm", "--force", container, check=False)
    return ran


def remove_data(machine: Machine, container: str) -> None:
    """Delete the volume of a container that is gone."""
    _docker(machine, "volume", "rm", "--force", container, check=False)


def _arguments(wanted: Wanted, name: str) -> list[str]:
    settings = {
        "discovery.type": "single-node",
        "xpack.security.enabled": "false",
        "path.repo": SNAPSHOTS,
        "cluster.routing.allocation.disk.threshold_enabled": "false",
        **wanted.settings,
        "ES_JAVA_OPTS": f"-Xms{wanted.heap} -Xmx{wanted.heap}",
    }
    return [
        *("--detach", "--name", name, "--publish", f"127.0.0.1:{wanted.port or ''}:9200"),
        *("--volume", f"{name}:/usr/share/elasticsearch/data"),
        *(part for key, value in settings.items() for part in ("--env", f"{key}={value}")),
        IMAGE,
    ]


def _docker(machine: Machine, *arguments: str, check: bool = True, timeout_s: float = 60.0) -> str | None:
    done = machine.run(["docker", *arguments], timeout_s=timeout_s)
    if done.code == 0:
        return done.output
    if check:
        raise EnvironmentProblem(
            f"docker {arguments[0]} failed: {done.output.strip()[-500:]}",
            remedy="mend what Docker names, or stop its engine to use a JDK and Maven instead",
        )
    return None
