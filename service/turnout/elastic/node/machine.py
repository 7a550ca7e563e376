"""What a local node needs to know of the machine, in one object that tests replace.

The rest of this package decides; only this module looks at programs, memory and disk.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

Tell = Callable[[str], None]
"""Takes a line about what is happening now."""

_JDK_PATTERNS = (
    ("/usr/lib/jvm", "*"),
    ("/opt/java", "*"),
    ("/Library/Java/JavaVirtualMachines", "*/Contents/Home"),
)


def silent(message: str) -> None:
    """The `Tell` that says nothing."""


class Completed(NamedTuple):
    """How a program ended. `output` is stdout and stderr together."""

    code: int
    output: str


class Machine:
    """Programs, memory and disk of this machine.

    Args:
        env: the environment; only entry points read the real one and hand it down.
    """

    def __init__(self, env: Mapping[str, str]) -> None:
        self.env = dict(env)

    def is_root(self) -> bool:
        """Whether this process may do anything; Elasticsearch refuses to run so."""
        return os.geteuid() == 0

    def which(self, program: str) -> str | None:
        """The path of a program, if it is installed."""
        return shutil.which(program, path=self.env.get("PATH"))

    def run(
        self,
        arguments: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        timeout_s: float = 60.0,
        on_output: Tell = silent,
    ) -> Completed:
        """Run a program to its end; code 124 if it took longer than `timeout_s`.

        `on_output` gets each line while the program runs; a carriage return also ends a line.
        """
        process = subprocess.Popen(
            arguments,
            env=self.env | dict(env or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        timer = _Killer(process, timeout_s)
        try:
            output = _read(process, on_output)
            code = process.wait()
        except BaseException:
            timer.kill()
            raise
        finally:
            timer.cancel()
        return Completed(124 if timer.fired else code, output)

    def launch(
        self, arguments: Sequence[str], *, env: Mapping[str, str], cwd: Path, output: Path, timeout_s: float
    ) -> int:
        """Run a program that leaves a server behind, and return its code; 124 if it took longer than `timeout_s`.

        As root it runs as `nobody`. Output goes to a file, because a pipe would be held open by the server. When
        it fails, is late, or is interrupted, everything that it started is killed.
        """
        with output.open("wb") as sink:
            process = subprocess.Popen(
                arguments,
                env=dict(env),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **_as_nobody(self.is_root()),
            )
        code = -1
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            code = 124
        finally:
            if code != 0:
                _kill_group(process.pid)
                process.wait()
        return code

    def available_memory(self) -> int | None:
        """Bytes that a new process can have without swapping, None if that can't be told."""
        found = [value for value in (_meminfo(), _cgroup_left()) if value is not None]
        return min(found, default=None)

    def free_disk(self, folder: Path) -> int:
        """Free bytes on the disk that holds `folder`."""
        return shutil.disk_usage(folder).free

    def jdk_folders(self) -> list[Path]:
        """Where operating systems put JDKs."""
        return [home for base, pattern in _JDK_PATTERNS for home in sorted(Path(base).glob(pattern))]


class _Killer:
    """Ends a process and its children when time is up."""

    def __init__(self, process: subprocess.Popen[bytes], timeout_s: float) -> None:
        self.fired = False
        self._process = process
        self._timer = threading.Timer(timeout_s, self._fire)
        self._timer.daemon = True
        self._timer.start()

    def _fire(self) -> None:
        self.fired = True
        self.kill()

    def kill(self) -> None:
        _kill_group(self._process.pid)

    def cancel(self) -> None:
        self._timer.cancel()


def _kill_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def _as_nobody(root: bool) -> dict[str, Any]:
    """What Popen needs to give up root."""
    if not root:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _read(process: subprocess.Popen[bytes], on_output: Tell) -> str:
    assert process.stdout is not None  # noqa: S101  (asked for above)
    whole = b""
    line = b""
    while block := os.read(process.stdout.fileno(), 65536):
        whole += block
        *lines, line = (line + block).replace(b"\r", b"\n").split(b"\n")
        for text in lines:
            if text.strip():
                on_output(text.decode(errors="replace").strip())
    return whole.decode(errors="replace")


def _meminfo() -> int | None:
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return None


def _cgroup_left() -> int | None:
    """What a container's memory limit leaves; caches that the kernel would give back count as free."""
    base = Path("/sys/fs/cgroup")
    with contextlib.suppress(OSError, ValueError):
        limit = int((base / "memory.max").read_text())
        used = int((base / "memory.current").read_text())
        stat = dict(line.split() for line in (base / "memory.stat").read_text().splitlines())
        return limit - used + int(stat.get("inactive_file", 0))
    return None
