"""A real Prometheus for tests, the demo and rules' tests: on loopback, with any history at once.

`binaries` finds or fetches the programs, `backfill` writes history into a storage folder, `Running` serves it.
"""

from __future__ import annotations

import os
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
    return Binaries(*debian.programs("prometheus", Binaries._fields, build / "prometheus", log))


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
        self._program = self._start_with(build)
        self._folder = folder
        self._log = folder / f"{Path(self._program[-1]).name}.log"
        self._config = config
        self._storage = storage or folder / "data"
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    def _start_with(self, build: Path) -> list[str]:
        return [str(binaries(build).prometheus)]

    def _flags(self) -> list[str]:
        return [f"--storage.tsdb.path={self._storage}"]

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
        config = self._folder / "config.yml"
        config.write_text(self._config)
        self.port = self.port or _free_port()
        command = [
            *(*self._program, f"--config.file={config}", f"--web.listen-address=127.0.0.1:{self.port}"),
            *self._flags(),
            *self._options,
        ]
        with self._log.open("ab") as log:
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
                said = self._log.read_text(errors="replace")[-1500:]
                raise EnvironmentProblem("doesn't start", where=self._program[-1], remedy=f"it said: {said}")
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
