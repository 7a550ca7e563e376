"""How long and how large a request may get before it is whole. Used by `server`.

The server's own protocol bounds neither: one connection could make it keep headers or chunked trailers without end,
and a request that never ends would hold its connection for as long as the client likes.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_OVERHEAD_BYTES = 64 * 1024
REQUEST_TIMEOUT_S = 20.0

_TOO_LARGE = "The headers or trailers are too large."


class BoundedProtocol(HttpToolsProtocol):
    """HTTP/1.1 that hangs up on requests that don't get anywhere.

    A connection is closed when `max_overhead` bytes of headers, trailers or chunk sizes came (those of a body are the
    application's to bound), when a request isn't whole `request_timeout_s` after its first byte, or when no request
    begins within the time for idle connections.
    """

    max_overhead = MAX_OVERHEAD_BYTES
    request_timeout_s = REQUEST_TIMEOUT_S

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._overhead = 0
        self._got_on = False
        self._unfinished: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def connection_lost(self, exc: Exception | None) -> None:
        self._whole()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._got_on = False
        super().data_received(data)
        # What came without finishing anything is what the parser and the protocol now hold.
        self._overhead = 0 if self._got_on else self._overhead + len(data)
        if self._overhead > self.max_overhead and not self.transport.is_closing():
            self.logger.warning(_TOO_LARGE)
            self.send_400_response(_TOO_LARGE)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._whole()
        self._unfinished = self.loop.call_later(self.request_timeout_s, self.timeout_keep_alive_handler)

    def on_headers_complete(self) -> None:
        self._got_on = True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._got_on = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._got_on = True
        self._whole()
        super().on_message_complete()

    def _whole(self) -> None:
        if self._unfinished is not None:
            self._unfinished.cancel()
            self._unfinished = None
