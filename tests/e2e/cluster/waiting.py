"""Waits until a program of the cluster answers; used by the steps of a start and by restarts."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from typing import TYPE_CHECKING

from e2e.cluster.layout import PORTS
from e2e.cluster.namespace import inside
from turnout.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def wait_until(what: str, check: Callable[[], bool], *, timeout: float, given_up: Callable[[], bool]) -> None:
    """Ask `check` five times a second until it says yes.

    Raises:
        Unavailable: not within `timeout` seconds, or `given_up` says that nobody wants to know any more.
    """
    until = time.monotonic() + timeout
    while not check():
        if given_up():
            raise Unavailable("given up, the cluster is going down", where=what)
        if time.monotonic() > until:
            raise Unavailable(f"not ready after {timeout:.0f} s", where=what, remedy="Read its log.")
        time.sleep(0.2)


def answers(name: str, path: str = "/healthz", *, tls: bool = False) -> Callable[[], bool]:
    """A check that asks the port of `name` (see `layout.PORTS`) for `path` and wants status 200."""
    return lambda: _quietly(lambda: _status(PORTS[name], path, tls) == http.client.OK)


def listens(name: str) -> Callable[[], bool]:
    """A check for programs that don't speak HTTP: does the port of `name` take connections?"""

    def connect() -> bool:
        with socket.create_connection(("127.0.0.1", PORTS[name]), timeout=2):
            return True

    return lambda: _quietly(connect)


def logs(log: Path, beginning: str, wanted: str) -> Callable[[], bool]:
    """A check that reads: has `wanted` been written since the last line with `beginning`, the program's first words?"""

    def read() -> bool:
        _, started, since = log.read_text(errors="replace").rpartition(beginning)
        return bool(started) and wanted in since

    return lambda: _quietly(read)


def _status(port: int, path: str, tls: bool) -> int:
    # Health pages only: no credential is sent, so the certificate needn't be checked.
    context = ssl._create_unverified_context() if tls else None  # noqa: S323
    connection = (
        http.client.HTTPSConnection("127.0.0.1", port, timeout=2, context=context)
        if tls
        else http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    )
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def _quietly(look: Callable[[], bool]) -> bool:
    try:
        return inside(look)
    except (OSError, http.client.HTTPException):
        return False
