"""Runs the application on a socket until a signal ends it, without losing a request. Called by `turnout serve`."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import dataclass
from types import FrameType
from typing import Any

import uvicorn

from turnout.retrieval.app import create_app
from turnout.retrieval.protocol import BoundedProtocol
from turnout.retrieval.service import Service


@dataclass(frozen=True)
class Address:
    """Where to listen, and how to leave.

    Args:
        host: address to bind.
        port: 0 for any free one.
        drain_s: seconds between saying "not ready" and closing the door, so that load balancers notice first.
        grace_s: seconds that requests in flight then have to finish.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    drain_s: float = 0.0
    grace_s: float = 30.0


class _Draining(uvicorn.Server):
    """On the first signal says "not ready", goes on answering for a while, then stops; on the second stops at once."""

    def __init__(self, config: uvicorn.Config, service: Service, drain_s: float) -> None:
        super().__init__(config)
        self._service = service
        self._drain_s = drain_s
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets=sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 uvicorn's signature
        # Not super(): it would raise the signal again after the clean end, and the exit code would be a failure.
        if self._service.pinning.draining or self._loop is None:
            self.should_exit = True
            return
        self._service.pinning.drain()
        self._loop.call_soon_threadsafe(self._loop.call_later, self._drain_s, self._stop)

    def _stop(self) -> None:
        self.should_exit = True


def run(service: Service, address: Address) -> None:
    """Serve until a signal comes and everything in flight is answered."""
    application: Any = create_app(service)
    config = uvicorn.Config(
        application,
        host=address.host,
        port=address.port,
        loop="auto",  # uvloop where there is one
        http=BoundedProtocol,
        lifespan="on",
        access_log=False,  # it would write down what people search for
        log_config=None,
        server_header=False,
        date_header=True,
        timeout_graceful_shutdown=max(1, round(address.grace_s)),
        timeout_keep_alive=75,  # longer than the usual 60 s of load balancers, so that they close first
    )
    _Draining(config, service, address.drain_s).run()
