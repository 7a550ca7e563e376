"""Starts, ends and finds programs of the cluster by name; used by `Cluster` for its own programs and by the stories.

What runs is written down with the process's start time, so a later call, or another Python process, acts on exactly
the process that was started and never on one that got the same number since.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from e2e.cluster.cgroups import programs_file
from e2e.cluster.namespace import ENTER
from turnout.errors import BadInput, EnvironmentProblem

if TYPE_CHECKING:
    from collections.abc import Sequence

# The program joins its cgroup before it is itself: no moment in which it could be missed.
_JOIN = ["sh", "-c", 'echo $$ > "$1" && shift && exec "$@"', "join"]


class Processes:
    """The programs whose records lie in `folder`/pid and whose output goes to `folder`/log.

    Args:
        folder: the cluster's run folder.
        search_path: PATH for every program.
    """

    def __init__(self, folder: Path, search_path: str) -> None:
        self._folder = folder
        self._search_path = search_path
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._closed = threading.Event()
        self._starting = threading.Lock()

    def start(self, name: str, argv: Sequence[str], env: dict[str, str] | None = None) -> None:
        """Start a program inside the namespace in a session of its own; output is appended to its log.

        It gets a small environment (PATH, HOME, LANG) and what `env` adds; nothing of ours leaks into it.

        Raises:
            BadInput: it runs already.
            EnvironmentProblem: the cluster is going down.
        """
        if self.pid(name) is not None:
            raise BadInput("it runs already", where=name, remedy="Stop it first, or restart it.")
        environment = {"PATH": self._search_path, "HOME": str(self._folder / "home"), "LANG": "C.UTF-8", **(env or {})}
        command = [*_JOIN, str(programs_file()), *ENTER, *argv]
        self.log_of(name).parent.mkdir(parents=True, exist_ok=True)
        with self._starting, self.log_of(name).open("ab") as log:
            if self._closed.is_set():
                raise EnvironmentProblem("the cluster is going down", where=name)
            child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
            )
        self._children[name] = child
        record = {"pid": child.pid, "started": _start_time(child.pid), "argv": list(argv), "env": env or {}}
        self._record(name).parent.mkdir(parents=True, exist_ok=True)
        unfinished = self._record(name).with_suffix(".new")
        unfinished.touch(mode=0o600)
        unfinished.write_text(json.dumps(record))
        unfinished.rename(self._record(name))

    def pid(self, name: str) -> int | None:
        """The process id, or None when the program doesn't run."""
        if child := self._children.get(name):
            child.poll()  # takes the exit status of a child that ended
        record = self._read(name)
        if record is None or record["started"] is None or _start_time(record["pid"]) != record["started"]:
            return None
        return int(record["pid"])

    def names(self) -> list[str]:
        """Of all programs that were started, running or not."""
        return sorted(path.stem for path in (self._folder / "pid").glob("*.json"))

    def kill(self, name: str) -> None:
        """Kill -9 the program with the helpers in its process group, as a crash would."""
        self._signal(name, signal.SIGKILL)
        self._await_end(name, 10.0)

    def stop(self, name: str, *, timeout: float = 20.0) -> None:
        """Ask the program to end, and kill it if it hasn't after `timeout` seconds."""
        self._signal(name, signal.SIGTERM)
        if not self._await_end(name, timeout):
            self.kill(name)

    def restart(self, name: str) -> None:
        """Start the program as it was started the last time, killing it first if it runs.

        Raises:
            BadInput: no such program was ever started.
        """
        record = self._read(name)
        if record is None:
            raise BadInput("no such program", where=name, remedy=f"One of: {', '.join(self.names())}.")
        self.kill(name)
        self.start(name, record["argv"], record["env"])

    def log_of(self, name: str) -> Path:
        return self._folder / "log" / f"{name}.log"

    def close(self) -> None:
        """From now on nothing can be started: threads that still bring programs up stop at their next one."""
        with self._starting:
            self._closed.set()

    @property
    def closed(self) -> bool:
        return self._closed.is_set()

    def _signal(self, name: str, number: signal.Signals) -> None:
        if (pid := self.pid(name)) is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, number)

    def _await_end(self, name: str, timeout: float) -> bool:
        until = time.monotonic() + timeout
        while self.pid(name) is not None:
            if time.monotonic() > until:
                return False
            time.sleep(0.02)
        return True

    def _record(self, name: str) -> Path:
        return self._folder / "pid" / f"{name}.json"

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            record: dict[str, Any] = json.loads(self._record(name).read_text())
        except FileNotFoundError:
            return None
        return record


def _start_time(pid: int) -> int | None:
    """Clock ticks from boot to the start of a process; None when it is gone or only its exit status is left."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])
