"""A retrieval service on a real socket, in a thread of the test."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import uvicorn

from turnout.elastic.async_reader import AsyncReader
from turnout.elastic.client import connect_async
from turnout.elastic.names import Names
from turnout.embedding import Embedder
from turnout.release.artifacts import Release
from turnout.retrieval.app import create_app
from turnout.retrieval.pinning import Pace
from turnout.retrieval.protocol import BoundedProtocol
from turnout.retrieval.service import Service, Source
from turnout.retrieval.shadow import ShadowSettings

FAST = Pace(first=0.02, most=0.1, watch=0.1, model=0.1)


class Running:
    """A service and a client for it."""

    def __init__(self, service: Service, http: httpx.Client) -> None:
        self.service = service
        self.http = http

    def wait_until(self, condition: Callable[[dict], bool], seconds: float = 20.0) -> dict:
        """What /readyz says once `condition` holds for it."""
        end = time.monotonic() + seconds
        while not condition(state := self.http.get("/readyz").json()):
            assert time.monotonic() < end, state
            time.sleep(0.02)
        return state

    def wait_ready(self) -> dict:
        """Wait until searches may be sent."""
        return self.wait_until(lambda state: state["ready"])

    def search(self, query: str, *, tenant: str | None = None, **asked: object) -> httpx.Response:
        """POST a search."""
        headers = {"X-Tenant": tenant} if tenant else {}
        return self.http.post("/search", json={"query": query, **asked}, headers=headers)


@contextmanager
def running(
    release: Release,
    names: Names,
    url: str,
    load_model: Callable[[], Embedder],
    *,
    pace: Pace = FAST,
    shadow: ShadowSettings | None = None,
    ca: Path | None = None,
) -> Iterator[Running]:
    """Start a service on a free port and stop it at the end."""
    reader = AsyncReader(connect_async(url, ca=ca))
    source = Source(release=release, names=names, reader=reader, load_model=load_model)
    service = Service(source, pace=pace, shadow=shadow)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            create_app(service),
            http=BoundedProtocol,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=2,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        port = listening.getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20.0) as http:
            try:
                end = time.monotonic() + 20
                while not server.started and time.monotonic() < end:
                    time.sleep(0.01)
                yield Running(service, http)
            finally:
                server.should_exit = True
                thread.join(10)
