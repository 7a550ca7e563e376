"""An HTTP server with a limit of connections, each of which is a thread. Used by `server`.

Connections that haven't asked anything yet are ended first, the oldest before the others: whoever opens many and says
nothing locks out neither the kubelet's probes nor Argo Rollouts.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from http.server import ThreadingHTTPServer
from typing import Any

CONNECTIONS = 64
"""At once. Probes, scrapes and Argo Rollouts need a few."""


class BoundedServer(ThreadingHTTPServer):
    """Answers `CONNECTIONS` at once. While all of them wait for their answer, one more is closed without any."""

    daemon_threads = True
    request_queue_size = 2 * CONNECTIONS
    """Connections that wait to be taken. The library's 5 let a few clients at once wait for seconds."""

    def __init__(self, *args: Any) -> None:
        self._changing = threading.Lock()
        self._count = 0
        self._silent: dict[Any, None] = {}
        super().__init__(*args)

    def asked(self, connection: Any) -> None:
        """A handler has read a whole request from this connection."""
        with self._changing:
            self._silent.pop(connection, None)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Take a connection, or close it."""
        if self._admitted(request):
            super().process_request(request, client_address)
        else:
            super().shutdown_request(request)

    def shutdown_request(self, request: Any) -> None:
        """A connection that was taken has ended."""
        with self._changing:
            self._count -= 1
            self._silent.pop(request, None)
        super().shutdown_request(request)

    def _admitted(self, connection: Any) -> bool:
        with self._changing:
            if self._count >= CONNECTIONS:
                oldest = next(iter(self._silent), None)
                if oldest is None:
                    return False
                del self._silent[oldest]
                # Its thread wakes up from reading, and ends.
                with contextlib.suppress(OSError):
                    oldest.shutdown(socket.SHUT_RDWR)
            self._count += 1
            self._silent[connection] = None
            return True
