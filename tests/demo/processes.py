"""The long-running processes of the demo: services and followers, each a `turnout` command with a log file."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import httpx

from support.workspace import Workspace

TESTS = Path(__file__).parents[1]
READY_SECONDS = 120
STOP_SECONDS = 30


class NotReady(Exception):
    """A service didn't become ready; the message is what it says about itself."""


class Process:
    """A `turnout` command in the background. Its output goes to `log`. With a `fault` it is run by `demo.faulty`."""

    def __init__(
        self, workspace: Workspace, log: Path, *arguments: str, env: dict[str, str] | None = None, fault: str = ""
    ) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        faulty = [sys.executable, "-m", "demo.faulty", fault, *arguments]
        self.log = log
        self._file: IO[bytes] = log.open("wb")
        self._process = subprocess.Popen(
            faulty if fault else workspace.command(*arguments),
            cwd=workspace.root,
            env={**workspace.env, **({"PYTHONPATH": str(TESTS)} if fault else {}), **(env or {})},
            stdout=self._file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._process.poll()

    def stop(self) -> None:
        """SIGTERM, and SIGKILL for what doesn't end."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._file.close()


class Service(Process):
    """A retrieval service of the release in the workspace as it is now."""

    def __init__(
        self, workspace: Workspace, log: Path, release: Path, *, env: dict[str, str] | None = None, fault: str = ""
    ) -> None:
        port = free_port()
        self.address = f"127.0.0.1:{port}"
        self.url = f"http://{self.address}"
        super().__init__(workspace, log, "serve", "--release", str(release), "--port", str(port), env=env, fault=fault)

    def wait_ready(self) -> dict[str, str]:
        """Wait for readiness; what `/version` says.

        Raises:
            NotReady: it ended, or it isn't ready in time.
        """
        end = time.monotonic() + READY_SECONDS
        said = ""
        while time.monotonic() < end and self.exit_code is None:
            ready, said = self.readiness()
            if ready:
                version: dict[str, str] = httpx.get(f"{self.url}/version").json()
                return version
            time.sleep(0.2)
        raise NotReady(f"{said}\n{self.log.read_text()[-2000:]}")

    def wait_refused(self) -> str:
        """Wait until it says why it will not serve; what it says.

        Raises:
            NotReady: it became ready, or said nothing of a refusal in time.
        """
        end = time.monotonic() + READY_SECONDS
        said = ""
        while time.monotonic() < end and self.exit_code is None:
            ready, said = self.readiness()
            if ready:
                raise NotReady("it serves, although it should not")
            if "attestation" in said:
                return said
            time.sleep(0.2)
        raise NotReady(f"no refusal: {said}\n{self.log.read_text()[-2000:]}")

    def readiness(self) -> tuple[bool, str]:
        """Whether it is ready, and what it says."""
        try:
            answer = httpx.get(f"{self.url}/readyz", timeout=2.0)
        except httpx.HTTPError as error:
            return False, f"{type(error).__name__}"
        return answer.status_code == 200, answer.text


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
