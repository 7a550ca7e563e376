"""A TCP proxy that can be taken down and brought back on the same port: a server that is away for a while."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator


class SwitchableProxy:
    """Forwards to `target` while up; refuses and cuts connections while down."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._listening: socket.socket | None = None
        self._open: list[socket.socket] = []
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def up(self) -> None:
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", self.port))
        listening.listen(50)
        self._listening = listening
        threading.Thread(target=self._accept, args=(listening,), daemon=True).start()

    def down(self) -> None:
        ends, self._open = [self._listening, *self._open], []
        for end in ends:
            if end is not None:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()
        self._listening = None

    def _accept(self, listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = listening.accept()
                far = socket.create_connection(self._target)
                self._open += [near, far]
                threading.Thread(target=copy, args=(near, far), daemon=True).start()
                threading.Thread(target=copy, args=(far, near), daemon=True).start()


def copy(source: socket.socket, sink: socket.socket) -> None:
    """Pass on what comes from `source` until it ends, then end both."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def proxy_to(url: str) -> Iterator[SwitchableProxy]:
    """A proxy to `url`, down at first."""
    host, port = url.removeprefix("http://").rstrip("/").split(":")
    proxy = SwitchableProxy((host, int(port)))
    try:
        yield proxy
    finally:
        proxy.down()
