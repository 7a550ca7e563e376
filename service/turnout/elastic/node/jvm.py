"""Start a node from the unpacked distribution, by Elastic's own launcher.

Starting the server's JVM directly would be 5 s faster, but it means feeding the server an internal record in a wire
format that each version may change, and holding its stdin open for life. The launcher's command line is documented:
`-d` waits until the node is up, lets go of it and ends, and `-p` leaves the pid.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
from pathlib import Path

from turnout.elastic.node.machine import Machine, Tell
from turnout.elastic.node.process import fingerprint, port_holder, port_taken
from turnout.elastic.node.requirements import Jdk
from turnout.elastic.node.server import START_TIMEOUT_S, Node, Wanted, wait_until_ready
from turnout.errors import EnvironmentProblem

_HERE = Path(__file__).parent
_FOLDERS = ("config", "data", "logs", "tmp", "snapshots")
_WRITTEN = (
    *("config/jvm.options", "config/log4j2.properties", "config/elasticsearch.yml"),
    *("logs/http.ports", "logs/server.log", "start.log", "pid"),
)
_LAUNCHER_HEAP = "-Xms4m -Xmx64m -XX:+UseSerialGC -XX:TieredStopAtLevel=1"
_LOG_LINES = 15


def start(machine: Machine, wanted: Wanted, *, distribution: Path, jdk: Jdk, tell: Tell) -> Node:
    """Start a node that outlives this process, and wait until it answers.

    Raises:
        EnvironmentProblem: the port is taken, or the server didn't start; the last lines of its log are in the text.
    """
    if wanted.port and port_taken(wanted.port):
        raise EnvironmentProblem(
            f"port {wanted.port} is taken by {port_holder(wanted.port)}",
            remedy="end it, or choose another port with `turnout elastic start --port 9211`",
        )
    _prepare(machine, wanted)
    tell("starting Elasticsearch (JVM); this takes 10 s, on a busy machine up to 3 minutes")
    pid_file = wanted.home / "pid"
    code = machine.launch(
        [
            str(jdk.home / "bin" / "java"),
            *_LAUNCHER_HEAP.split(),
            "-cp",
            f"{distribution}/lib/tools/server-launcher/*",
            "org.elasticsearch.server.launcher.ServerLauncher",
            "-d",
            "-p",
            str(pid_file),
        ],
        env=_environment(machine, wanted, distribution, jdk),
        cwd=distribution,
        output=wanted.home / "start.log",
        timeout_s=START_TIMEOUT_S,
    )
    if code != 0:
        raise _failed(wanted, code)
    return _started(machine, wanted, int(pid_file.read_text()))


def _prepare(machine: Machine, wanted: Wanted) -> None:
    """Write folders and configuration; as root give them to `nobody`."""
    for needed in (wanted.home, *(wanted.home / name for name in _FOLDERS)):
        if needed.is_symlink():
            raise EnvironmentProblem("a link where a folder must be", where=str(needed), remedy="remove it")
        needed.mkdir(parents=True, exist_ok=True)
    # What is written below is written anew: the folder is the server's, as root another user's, who may leave links.
    for stale in _WRITTEN:
        (wanted.home / stale).unlink(missing_ok=True)
    for name in ("jvm.options", "log4j2.properties"):
        shutil.copyfile(_HERE / name, wanted.home / "config" / name)
    lines = [f"{key}: {json.dumps(value)}\n" for key, value in _settings(wanted).items()]
    (wanted.home / "config" / "elasticsearch.yml").write_text("".join(lines))
    if machine.is_root():
        nobody = pwd.getpwnam("nobody")
        for folder, _, files in os.walk(wanted.home):
            for path in (folder, *(os.path.join(folder, file) for file in files)):
                os.chown(path, nobody.pw_uid, nobody.pw_gid, follow_symlinks=False)


def _settings(wanted: Wanted) -> dict[str, str]:
    return {
        "cluster.name": "turnout",
        "node.name": "local",
        "path.data": str(wanted.home / "data"),
        "path.logs": str(wanted.home / "logs"),
        "path.repo": str(wanted.snapshots),
        "network.host": "127.0.0.1",
        "http.port": str(wanted.port),
        "transport.port": "0",
        "discovery.type": "single-node",
        "node.portsfile": "true",
        "xpack.security.enabled": "false",
        # A disk that is 95 % full is normal on a laptop and must not make every index read-only; free bytes are
        # checked before the start.
        "cluster.routing.allocation.disk.threshold_enabled": "false",
        **wanted.settings,
    }


def _environment(machine: Machine, wanted: Wanted, distribution: Path, jdk: Jdk) -> dict[str, str]:
    collector = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1" if wanted.short_lived else "-XX:+UseG1GC"
    return machine.env | {
        "ES_HOME": str(distribution),
        "ES_JAVA_HOME": str(jdk.home),
        "JAVA": str(jdk.home / "bin" / "java"),
        "JAVA_TYPE": "ES_JAVA_HOME",
        "ES_DISTRIBUTION_TYPE": "zip",
        "CLI_JAVA_OPTS": _LAUNCHER_HEAP,
        "ES_JAVA_OPTS": f"-Xms{wanted.heap} -Xmx{wanted.heap} {collector}",
        "ES_PATH_CONF": str(wanted.home / "config"),
        "ES_TMPDIR": str(wanted.home / "tmp"),
        "LIBFFI_TMPDIR": str(wanted.home / "tmp"),
        "HOME": str(wanted.home),
    }


def _started(machine: Machine, wanted: Wanted, pid: int) -> Node:
    identity = fingerprint(machine, pid)
    if identity is None:
        raise _failed(wanted, 0)
    address = (wanted.home / "logs" / "http.ports").read_text().split()[0]
    url = f"http://127.0.0.1:{address.rpartition(':')[2]}"
    version = wait_until_ready(url)
    return Node(url=url, version=version, how="jvm", pid=pid, identity=identity, home=str(wanted.home))


def _failed(wanted: Wanted, code: int) -> EnvironmentProblem:
    lines = []
    for log in (wanted.home / "start.log", wanted.home / "logs" / "server.log"):
        if log.exists():
            lines += log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
    reason = f"not up after {START_TIMEOUT_S:.0f} s" if code == 124 else f"exit code {code}"
    log_text = "\n".join(f"  | {line[:300]}" for line in lines)
    return EnvironmentProblem(
        f"Elasticsearch did not start ({reason}); the end of its log:\n{log_text}",
        where=str(wanted.home / "logs"),
        remedy="mend what the log names, then start again",
    )
