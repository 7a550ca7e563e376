"""The notification engine of Argo CD and Argo Rollouts, for tests of their messages and for the exercise.

`send` runs triggers on objects, as the controllers do, and really sends. `inbox` is a chat that takes what is sent.
The program is built from `tests/e2e/tools/notifications` and kept by what it is built from.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, NamedTuple

from support.loopback import listening

_SOURCE = Path(__file__).resolve().parents[1] / "e2e/tools/notifications"


class Sent(NamedTuple):
    """What became of one run: templates that fired with their oncePer, services that were sent to, what failed."""

    fired: list[str]
    once_per: list[str]
    to: list[str]
    errors: list[str]


class Received(NamedTuple):
    """One request that an inbox took: the path and the JSON of its body."""

    path: str
    body: Any


@contextmanager
def inbox() -> Iterator[tuple[str, list[Received]]]:
    """A webhook on loopback until the block ends: its address, and what it received so far, oldest first."""
    received: list[Received] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            received.append(Received(self.path, json.loads(self.rfile.read(length))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with listening(Handler) as url:
        yield url, received


def send(config: Mapping[str, str], secret: Mapping[str, str], runs: Sequence[Mapping[str, Any]]) -> list[Sent]:
    """Run triggers and send what fires to whoever is subscribed; one answer for each run, in their order.

    Args:
        config: data of the ConfigMap. secret: data of the Secret, not encoded.
        runs: `trigger`, `kind` ("rollout" or "app"), `vars` (that object, `analysisRuns`), `commits` (id to message).

    Raises:
        RuntimeError: no Go, the build failed, or the engine refuses the configuration.
    """
    given = json.dumps({"config": dict(config), "secret": dict(secret), "runs": list(runs)})
    done = subprocess.run([str(program())], input=given, capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    keys = ("fired", "oncePer", "to", "errors")
    return [Sent(*(each[key] or [] for key in keys)) for each in json.loads(done.stdout)]


def program() -> Path:
    """The engine as a program; built the first time (a minute of one processor).

    Raises:
        RuntimeError: there is no Go, or the build failed.
    """
    build = Path(os.environ.get("TURNOUT_BUILD", _SOURCE.parents[3] / "build")).resolve() / "notifications"
    build.mkdir(parents=True, exist_ok=True)
    sources = b"\0".join((_SOURCE / name).read_bytes() for name in ("go.mod", "go.sum", "main.go"))
    kept = build / f"engine-{hashlib.sha256(sources).hexdigest()[:16]}"
    with (build / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            _build(kept)
    return kept


def _build(kept: Path) -> None:
    new = kept.with_name("unfinished")
    command = ["go", "build", "-trimpath", "-ldflags", "-s -w", "-o", str(new), "."]
    environment = {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly"}
    try:
        done = subprocess.run(command, cwd=_SOURCE, env=environment, capture_output=True, text=True)
    except OSError as problem:
        raise RuntimeError("Go can't be started: install Go 1.26 or newer") from problem
    if done.returncode:
        raise RuntimeError(f"go build in {_SOURCE} failed: {done.stderr[-2000:]}")
    new.rename(kept)
