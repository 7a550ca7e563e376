"""/metrics, /healthz, /readyz and /judge of the controller, on threads of their own. Started by the CLI.

Argo Rollouts takes any answer with a 2xx that isn't JSON for a success, so /judge answers JSON whatever it is asked.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from turnout.canary.judgment import Judgment
from turnout.controller.bounded import BoundedServer
from turnout.errors import EnvironmentProblem

Ask = Callable[[str, str], Judgment]
"""The judgment of the pods with the first hash against those with the second. Never raises."""
Answer = tuple[int, bytes, str]
"""Status, body, and its kind."""


@contextmanager
def serving(
    host: str, port: int, registry: CollectorRegistry, alive: Callable[[], bool], *, ask: Ask | None = None
) -> Iterator[int]:
    """Serve until the block ends; gives the port. Without `ask` there is no /judge.

    /readyz says yes as soon as it is asked: a replica that doesn't lead is ready to. /healthz says whether `alive`.

    Raises:
        EnvironmentProblem: the port is taken.
    """

    routes = _routes(registry, alive, ask)

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            server.asked(self.connection)
            path, _, query = self.path.partition("?")
            route = routes.get(path)
            self._answer(*(route(query) if route is not None else _json(404, {"status": "not found"})))

        def _answer(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
            """What the library refuses by itself, such as a line that is too long: in JSON as everything here."""
            self.close_connection = True
            self._answer(*_json(code, {"status": message or "refused"}))

        def log_message(self, format: str, *args: Any) -> None:
            """Probes and scrapes are no news."""

    try:
        server = BoundedServer((host, port), Handler)
    except OSError as error:
        raise EnvironmentProblem(
            f"port {port} can't be used: {error.strerror}", remedy="choose another --port"
        ) from error
    thread = threading.Thread(target=server.serve_forever, name="http", daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)


def _routes(
    registry: CollectorRegistry, alive: Callable[[], bool], ask: Ask | None
) -> dict[str, Callable[[str], Answer]]:
    """What answers a path, given the query."""

    def healthz(_: str) -> Answer:
        is_alive = alive()
        return _json(200 if is_alive else 503, {"status": "ok" if is_alive else "the loop hangs"})

    routes = {
        "/metrics": lambda _: (200, generate_latest(registry), CONTENT_TYPE_LATEST),
        "/healthz": healthz,
        "/readyz": lambda _: _json(200, {"status": "ok"}),
    }
    if ask is not None:
        routes["/judge"] = lambda query: (200, msgspec.json.encode(_judged(ask, query)), "application/json")
    return routes


def _json(status: int, body: dict[str, Any]) -> Answer:
    return status, json.dumps(body).encode(), "application/json"


def _judged(ask: Ask, query: str) -> Judgment:
    """What is asked with `canary=HASH&stable=HASH`, each once."""
    try:
        given = parse_qs(query, max_num_fields=2, strict_parsing=True)
    except ValueError:
        given = {}
    if set(given) != {"canary", "stable"} or any(len(values) != 1 for values in given.values()):
        reason = "ask for /judge?canary=HASH&stable=HASH, with two pod template hashes"
        return Judgment(verdict="inconclusive", reason=reason, since=0.0, until=0.0, windows=0)
    return ask(given["canary"][0], given["stable"][0])
