"""A TLS-terminating proxy on loopback with a certificate authority made for the test."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import trustme

from support.switchable_proxy import copy

_LONG_AGO = datetime(2020, 1, 2, tzinfo=UTC)


class Authority:
    """A certificate authority, and the PEM file that names it."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self._ca = trustme.CA()
        self.file = folder / f"{name}.pem"
        self._ca.cert_pem.write_to_path(str(self.file))

    def context(self, *names: str, expired: bool = False) -> ssl.SSLContext:
        """For a server with a certificate for `names`; for the loopback address unless told otherwise."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        until = _LONG_AGO if expired else None
        self._ca.issue_cert(*(names or ("127.0.0.1", "localhost")), not_after=until).configure_cert(context)
        return context


@contextlib.contextmanager
def tls_before(url: str, context: ssl.SSLContext) -> Iterator[str]:
    """The https:// address of a proxy that takes TLS off what goes to `url` (http://host:port)."""
    host, port = url.removeprefix("http://").rstrip("/").split(":")
    with socket.create_server(("127.0.0.1", 0), backlog=50) as listening:
        threading.Thread(target=_accept, args=(listening, (host, int(port)), context), daemon=True).start()
        yield f"https://127.0.0.1:{listening.getsockname()[1]}"
        with contextlib.suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)


def _accept(listening: socket.socket, target: tuple[str, int], context: ssl.SSLContext) -> None:
    with contextlib.suppress(OSError):
        while True:
            near, _ = listening.accept()
            threading.Thread(target=_serve, args=(near, target, context), daemon=True).start()


def _serve(near: socket.socket, target: tuple[str, int], context: ssl.SSLContext) -> None:
    try:
        wrapped = context.wrap_socket(near, server_side=True)
    except OSError:  # a client that doesn't trust us, or speaks plain HTTP
        near.close()
        return
    far = socket.create_connection(target)
    threading.Thread(target=copy, args=(far, wrapped), daemon=True).start()
    copy(wrapped, far)
