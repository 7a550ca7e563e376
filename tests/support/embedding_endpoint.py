"""A local HTTP server that speaks OpenAI's `/v1/embeddings` and Cohere's `/v2/embed`, and misbehaves on order.

Vectors follow from the text alone (`vector_of`), so a test can tell which text a row is of.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
import numpy as np

from support.releases import make_release, merged
from turnout.release.artifacts import Release
from turnout.release.fingerprint import build

DIMS = 8
Order = Callable[["_Handler", dict[str, Any]], None]


def vector_of(text: str, dims: int = DIMS, salt: str = "") -> np.ndarray:
    """The endpoint's vector of a text, not normalised."""
    seed = int.from_bytes(hashlib.sha256((salt + text).encode()).digest()[:8], "big")
    return np.random.default_rng(seed).standard_normal(dims).astype(np.float32)


@dataclass(frozen=True)
class Asked:
    """A request as it came in."""

    path: str
    body: dict[str, Any]
    key: str | None
    at: float

    @property
    def texts(self) -> list[str]:
        return self.body.get("input") or self.body["texts"]


@dataclass
class EmbeddingEndpoint:
    """What tests give orders to. `orders` are taken one for each request; without any it behaves."""

    url: str = ""
    dims: int = DIMS
    salt: str = ""
    delay_s: float = 0.0
    tokens_per_text: int | None = 5
    """What it bills; None to say nothing about it."""
    orders: deque[Order] = field(default_factory=deque)
    asked: list[Asked] = field(default_factory=list)
    most_at_once: int = 0
    _at_once: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def order(self, *orders: Order) -> None:
        """Misbehave like this in the next requests, one after the other."""
        self.orders.extend(orders)

    @property
    def openai(self) -> str:
        """The base URL for `runtime.name: openai`."""
        return f"{self.url}/v1"

    @contextmanager
    def counted(self, asked: Asked) -> Iterator[Order | None]:
        with self._lock:
            self.asked.append(asked)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            order = self.orders.popleft() if self.orders else None
        try:
            yield order
        finally:
            with self._lock:
                self._at_once -= 1

    def reply(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """A right answer."""
        texts = body.get("input") or body["texts"]
        rows = [vector_of(text, self.dims, self.salt).tolist() for text in texts]
        billed = None if self.tokens_per_text is None else self.tokens_per_text * len(texts)
        if path == "/v2/embed":
            meta = {} if billed is None else {"billed_units": {"input_tokens": billed}}
            return {"id": "x", "embeddings": {"float": rows}, "texts": texts, "meta": meta}
        data = [{"object": "embedding", "index": place, "embedding": row} for place, row in enumerate(rows)]
        usage = {} if billed is None else {"usage": {"prompt_tokens": billed, "total_tokens": billed}}
        return {"object": "list", "data": data, "model": body["model"], **usage}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    endpoint: EmbeddingEndpoint

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        asked = Asked(self.path, body, self.headers.get("Authorization"), time.monotonic())
        with self.endpoint.counted(asked) as order:
            if self.endpoint.delay_s:
                time.sleep(self.endpoint.delay_s)
            if self.path not in ("/v1/embeddings", "/v2/embed"):
                self.send(404, {"error": {"code": "model_not_found"}})
            elif order is None:
                self.send(200, self.endpoint.reply(self.path, body))
            else:
                order(self, body)

    def send(
        self, status: int, content: Any, headers: dict[str, str] | None = None, *, reason: str | None = None
    ) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        with contextlib.suppress(OSError):
            self.send_response(status, reason)
            for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def embedding_endpoint() -> Iterator[EmbeddingEndpoint]:
    """A running server on a free port of this machine."""
    endpoint = EmbeddingEndpoint()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"endpoint": endpoint}))
    server.daemon_threads = True
    endpoint.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)


def hosted_release(endpoint: EmbeddingEndpoint, runtime: str = "openai", **parts: Any) -> Release:
    """A release whose model is behind the endpoint; `model` and `pipeline` are laid over the defaults."""
    url = endpoint.url if runtime == "cohere" else endpoint.openai
    base = {"id": "toy-hosted", "endpoint": url, "runtime": {"name": runtime}, "dims": endpoint.dims}
    mapping = {"mappings": {"properties": {"passages": {"properties": {"vector": {"dims": endpoint.dims}}}}}}
    made = make_release(mapping=mapping, model=merged(base, parts.pop("model", {})), **parts)
    model = msgspec.structs.replace(made.model, digests=msgspec.UNSET, pooling=msgspec.UNSET)
    return build(
        made.collection,
        mapping=made.mapping,
        model=model,
        pipeline=made.pipeline,
        gates=made.gates,
        evaluation=None,
        code=made.code,
    )


# Orders


def status(code: int, retry_after: str | None = None, *, says: Any = None) -> Order:
    """Answer with a status, and with the request's own key and texts in the body, as careless servers do."""

    def order(handler: _Handler, body: dict[str, Any]) -> None:
        echo = {"message": f"{handler.headers.get('Authorization')} {body}", "code": says, "type": says}
        headers = {} if retry_after is None else {"Retry-After": retry_after}
        if 300 <= code < 400:
            headers["Location"] = "/v1/embeddings"
        handler.send(code, {"error": echo, "message": echo["message"]}, headers, reason=says)

    return order


def hang(seconds: float) -> Order:
    """Answer rightly, but late."""

    def order(handler: _Handler, body: dict[str, Any]) -> None:
        time.sleep(seconds)
        handler.send(200, handler.endpoint.reply(handler.path, body))

    return order


def drip(seconds: float) -> Order:
    """Send a byte now and then, for so long."""

    def order(handler: _Handler, body: dict[str, Any]) -> None:
        handler.close_connection = True
        until = time.monotonic() + seconds
        with contextlib.suppress(OSError):
            handler.send_response(200)
            handler.end_headers()
            while time.monotonic() < until:
                handler.wfile.write(b" ")
                handler.wfile.flush()
                time.sleep(0.02)

    return order


def reset(handler: _Handler, body: dict[str, Any]) -> None:
    """Break the connection off."""
    linger = struct.pack("ii", 1, 0)  # close sends a reset
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    handler.close_connection = True
    handler.connection.close()
    handler.rfile.close()


def flood(handler: _Handler, body: dict[str, Any]) -> None:
    """Answer with 64 MB."""
    with contextlib.suppress(OSError):
        handler.send(200, b" " * (64 << 20))


def raw(content: bytes) -> Order:
    """Answer 200 with these bytes."""
    return lambda handler, body: handler.send(200, content)


def html(handler: _Handler, body: dict[str, Any]) -> None:
    """A page with the key on it, with status 200."""
    page = f"<html>{handler.headers.get('Authorization')} {body}</html>".encode()
    handler.send(200, page, {"Content-Type": "text/html"})


def changed(change: Callable[[list[Any]], list[Any]], *, texts_too: bool = False) -> Order:
    """A right answer whose list of rows went through `change`: rows with an index, or Cohere's bare vectors."""

    def order(handler: _Handler, body: dict[str, Any]) -> None:
        reply = handler.endpoint.reply(handler.path, body)
        if "data" in reply:
            reply["data"] = change(reply["data"])
        else:
            reply["embeddings"]["float"] = change(reply["embeddings"]["float"])
            reply["texts"] = change(reply["texts"]) if texts_too else reply["texts"]
        handler.send(200, reply)

    return order


def with_vector(change: Callable[[list[float]], list[Any]]) -> Order:
    """A right answer but for its last vector."""

    def spoil(rows: list[Any]) -> list[Any]:
        last = rows[-1]
        spoilt = {**last, "embedding": change(last["embedding"])} if isinstance(last, dict) else change(last)
        return [*rows[:-1], spoilt]

    return changed(spoil)


short_vector = with_vector(lambda vector: vector[:-1])
nan_vector = with_vector(lambda vector: [float("nan"), *vector[1:]])
null_vector = with_vector(lambda vector: [None, *vector[1:]])
huge_vector = with_vector(lambda vector: [1e300, *vector[1:]])
zero_vector = with_vector(lambda vector: [0.0] * len(vector))
wrong_order = changed(lambda rows: rows[::-1], texts_too=True)
too_few = changed(lambda rows: rows[:-1])
too_many = changed(lambda rows: [*rows, rows[-1]])
twice_the_same = changed(lambda rows: [rows[0]] * len(rows))
