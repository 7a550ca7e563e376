"""A real Prometheus for tests, the demo and rules' tests: on loopback, with any history at once.

`binaries` finds or fetches the programs, `backfill` writes history into a storage folder, `Running` serves it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import httpx

from support import debian
from turnout.errors import EnvironmentProblem

BUILD = Path(os.environ.get("TURNOUT_BUILD", Path(__file__).parents[2] / "build")).resolve()
"""Where the tests keep the programs."""
NO_TARGETS = "scrape_configs: []\n"
_PACKAGE = "prometheus"
_START_S = 20.0


class Binaries(NamedTuple):
    """The server and its tool."""

    prometheus: Path
    promtool: Path


def binaries(build: Path, log: Callable[[str], None] = lambda _: None) -> Binaries:
    """Both from PATH, else from Debian's package, which is unpacked into `build`/prometheus the first time.

    Raises:
        EnvironmentProblem: neither on PATH, nor can the package be fetched.
    """
    found = [shutil.which("prometheus"), shutil.which("promtool")]
    if found[0] and found[1]:
        return Binaries(Path(found[0]), Path(found[1]))
    root = build / "prometheus"
    unpacked = Binaries(root / "usr/bin/prometheus", root / "usr/bin/promtool")
    build.mkdir(parents=True, exist_ok=True)
    with (build / "prometheus.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not all(program.exists() for program in unpacked):
            _unpack(root, log)
    return unpacked


def _unpack(root: Path, log: Callable[[str], None]) -> None:
    # Into another folder first: a process that was ended half-way leaves nothing that looks whole.
    new = root.with_name(root.name + ".unfinished")
    shutil.rmtree(new, ignore_errors=True)
    shutil.rmtree(root, ignore_errors=True)
    debian.unpack([_PACKAGE], new, root.with_name(root.name + ".debs"), log)
    new.rename(root)


def backfill(openmetrics: str, storage: Path, *, build: Path) -> None:
    """Write samples with their times into a storage folder. Before its Prometheus starts, which then has them at once.

    Args:
        openmetrics: the OpenMetrics text format with a time in seconds on each line, `# EOF` at the end.
    """
    storage.mkdir(parents=True, exist_ok=True)
    tool = binaries(build).promtool
    with tempfile.NamedTemporaryFile("w", suffix=".om", dir=storage.parent) as file:
        file.write(openmetrics)
        file.flush()
        command = [str(tool), "tsdb", "create-blocks-from", "openmetrics", file.name, str(storage)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise ValueError(f"promtool: {done.stderr or done.stdout}")


class Running:
    """A Prometheus on a free port of loopback; a context manager. `url` is without a slash at the end.

    Args:
        folder: for configuration, log and data; kept, so that one can start again on it.
        build: where `binaries` keeps what it fetched.
        config: the text of prometheus.yml; by default nothing is scraped.
        storage: the data, as `backfill` wrote them; by default `folder`/data.
        options: further flags, such as `--storage.tsdb.retention.time=1h`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        build: Path,
        config: str = NO_TARGETS,
        storage: Path | None = None,
        options: Sequence[str] = (),
    ) -> None:
        self._program = binaries(build).prometheus
        self._folder = folder
        self._config = config
        self._storage = storage or folder / "data"
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """Where the HTTP API is."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Running:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start and wait until queries are answered. The port stays the same after a stop."""
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / "prometheus.yml").write_text(self._config)
        self.port = self.port or _free_port()
        command = [
            *(str(self._program), f"--config.file={self._folder / 'prometheus.yml'}"),
            *(f"--storage.tsdb.path={self._storage}", f"--web.listen-address=127.0.0.1:{self.port}"),
            *self._options,
        ]
        with (self._folder / "prometheus.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self._folder)
        try:
            self._wait_ready()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End it; its data stay."""
        if self._process:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def _wait_ready(self) -> None:
        end = time.monotonic() + _START_S
        while not self._is_ready():
            if self._process is None or self._process.poll() is not None or time.monotonic() > end:
                said = (self._folder / "prometheus.log").read_text(errors="replace")[-1500:]
                raise EnvironmentProblem("doesn't start", where=str(self._program), remedy=f"it said: {said}")
            time.sleep(0.03)

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/-/ready", timeout=2.0).status_code == 200
        except httpx.TransportError:
            return False


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])
