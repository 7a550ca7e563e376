"""Is this process ours, and who holds a port? Used before anything is signalled, for a pid alone proves nothing.

Pids are used again, after a reboot soon. A process is ours only if it started when ours started and is a JVM that
runs Elasticsearch.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from pathlib import Path

from turnout.elastic.node.machine import Machine

_STOP_TIMEOUT_S = 60.0
_PROC = Path("/proc")
_LINUX = _PROC / "self" / "stat"  # where there is an empty /proc, as in a bare chroot, `ps` is asked
_LISTEN = "0A"  # the state of a listening socket in /proc/net/tcp


def fingerprint(machine: Machine, pid: int) -> str | None:
    """When a process started and that it is Elasticsearch; None if it is gone or something else."""
    if _LINUX.exists():
        with contextlib.suppress(OSError):
            command = (_PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace")
            state, started, _ = _status(pid)
            return started if "org.elasticsearch" in command and state != "Z" else None
        return None
    answer = machine.run(["ps", "-o", "lstart=,command=", "-p", str(pid)]).output
    return f"started {answer[:24].strip()}" if "org.elasticsearch" in answer else None


def end(machine: Machine, pid: int, identity: str, *, kill: bool = False) -> bool:
    """End our process: SIGTERM, and SIGKILL after a minute. Returns when its port is free; False if it was gone
    already.
    """
    if fingerprint(machine, pid) != identity:
        return False
    os.kill(pid, signal.SIGKILL if kill else signal.SIGTERM)
    deadline = time.monotonic() + _STOP_TIMEOUT_S
    while _holds_its_port(machine, pid, identity):
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            deadline += _STOP_TIMEOUT_S
        time.sleep(0.05)
    return True


def _holds_its_port(machine: Machine, pid: int, identity: str) -> bool:
    """Whether a process may still do so. Of one that ends, the command line goes first and then its main thread, but
    files and sockets with the last of its threads.
    """
    if not _LINUX.exists():
        return fingerprint(machine, pid) == identity
    with contextlib.suppress(OSError):
        state, started, threads = _status(pid)
        return started == identity and (state != "Z" or threads > 1)
    return False


def _status(pid: int) -> tuple[str, str, int]:
    """(state, when it started, threads) as Linux tells; see proc_pid_stat(5)."""
    # After the name in parentheses, which may hold anything.
    fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return fields[0], f"started {fields[19]}", int(fields[17])


def port_taken(port: int) -> bool:
    """Whether something listens on a port of this machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def port_holder(port: int) -> str:
    """Who listens on a port, as far as this user may know: `java (pid 4711)`, else `another program`."""
    inodes = _listening(port)
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            links = {os.readlink(link) for link in (folder / "fd").iterdir()}
            if links & inodes:
                return f"{(folder / 'comm').read_text().strip()} (pid {folder.name})"
    return "another program"


def _listening(port: int) -> set[str]:
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                    found.add(f"socket:[{fields[9]}]")
    return found
