"""Counts every answered request, whatever answers it. Wrapped around the whole application."""

from __future__ import annotations

import time
from collections.abc import Collection

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from litestar.types.asgi_types import ReceiveMessage

from turnout.retrieval.metrics import Metrics

# As nginx counts a client that went away before its request was whole. Not a failure of ours: anybody can do it, and
# failures end a canary.
_LEFT = 499

_METHODS = frozenset({"GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"})


def measured(app: ASGIApp, metrics: Metrics, paths: Collection[str]) -> ASGIApp:
    """`app`, counted. What a client makes up (paths, methods) becomes `other`: it must not make new series."""

    async def counted(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 0

        left = False

        async def hear() -> ReceiveMessage:
            nonlocal left
            message = await receive()
            left = left or (message["type"] == "http.disconnect" and not status)
            return message

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        method = str(scope["method"])
        metrics.in_flight.inc()
        try:
            await app(scope, hear, watch)
        finally:
            metrics.in_flight.dec()
            metrics.request(
                method if method in _METHODS else "other",
                scope["path"] if scope["path"] in paths else "other",
                _LEFT if left else status,
                time.perf_counter() - started,
            )

    return counted
