"""/metrics, /healthz and /readyz of the controller, on a thread of their own. Started by the CLI."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from turnout.errors import EnvironmentProblem


@contextmanager
def serving(host: str, port: int, registry: CollectorRegistry, alive: Callable[[], bool]) -> Iterator[int]:
    """Serve until the block ends; gives the port.

    /readyz says yes as soon as it is asked: a replica that doesn't lead is ready to. /healthz says whether `alive`.

    Raises:
        EnvironmentProblem: the port is taken.
    """

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            match self.path.partition("?")[0]:
                case "/metrics":
                    self._answer(200, generate_latest(registry), CONTENT_TYPE_LATEST)
                case "/healthz":
                    is_alive = alive()
                    self._json(200 if is_alive else 503, {"status": "ok" if is_alive else "the loop hangs"})
                case "/readyz":
                    self._json(200, {"status": "ok"})
                case _:
                    self._json(404, {"status": "not found"})

        def _json(self, status: int, body: dict[str, Any]) -> None:
            self._answer(status, json.dumps(body).encode(), "application/json")

        def _answer(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Probes and scrapes are no news."""

    try:
        server = ThreadingHTTPServer((host, port), Handler)
    except OSError as error:
        raise EnvironmentProblem(
            f"port {port} can't be used: {error.strerror}", remedy="choose another --port"
        ) from error
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="http", daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
