"""What a client sends on a real socket never becomes an error of the service, nor its memory."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import uvicorn

from support.fake_embedder import FakeEmbedder
from support.releases import make_release
from support.running_service import Running, running
from turnout.elastic.names import Names
from turnout.retrieval.protocol import BoundedProtocol

RELEASE = make_release()
NOTHING_LISTENS = "http://127.0.0.1:1"
CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def service() -> Iterator[Running]:
    """A service without a view: it must understand a request before it says so."""
    with running(RELEASE, Names(collection="toys"), NOTHING_LISTENS, FakeEmbedder) as started:
        yield started


def connect(service: Running) -> socket.socket:
    return socket.create_connection(("127.0.0.1", service.http.base_url.port or 0), timeout=5)


def test_a_body_that_is_not_utf8_is_the_clients_mistake(service: Running) -> None:
    for body in (b'{"query": "\xff\xfe"}', b'{"query": "\xed\xa0\x80"}'):
        reply = service.http.post("/search", content=body)
        assert (reply.status_code, reply.json()["where"]) == (400, "body")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_second_tenant_is_refused_rather_than_one_of_them_believed(service: Running, method: str) -> None:
    headers = [("X-Tenant", "acme"), ("x-tenant", "default")]
    reply = service.http.request(method, "/search", params={"q": "a"}, content=b'{"query": "a"}', headers=headers)
    assert (reply.status_code, reply.json()["where"]) == (400, "header X-Tenant")


def test_a_client_that_leaves_in_the_middle_of_its_body_is_no_failure_of_the_service(service: Running) -> None:
    with connect(service) as client:
        client.sendall(b'POST /search HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n{"que')
        time.sleep(0.1)
    wait_until(lambda: counted(service, "499") == 1)
    assert counted(service, "500") is None


def counted(service: Running, status: str) -> float | None:
    labels = {"release": RELEASE.id, "method": "POST", "path": "/search", "status": status}
    return service.service.metrics.registry.get_sample_value("http_requests_total", labels)


def wait_until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@contextmanager
def listening(**settings: float) -> Iterator[int]:
    """An application that reads the whole body and says ok, behind the protocol with other bounds."""

    async def application(scope, receive, send):  # type: ignore[no-untyped-def]
        while scope["type"] == "http" and (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    protocol = type("Protocol", (BoundedProtocol,), settings)
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        config = uvicorn.Config(application, http=protocol, lifespan="off", log_config=None, timeout_keep_alive=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
        thread.start()
        wait_until(lambda: server.started)
        yield bound.getsockname()[1]
        server.should_exit = True
        thread.join(10)


def sent_until_closed(port: int, begin: bytes, more: bytes) -> int:
    """How many bytes are taken before the server hangs up, at most 8 MiB."""
    sent = 0
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(begin)
        try:
            while sent < 8 * 2**20:
                client.sendall(more)
                sent += len(more)
        except OSError:
            pass
    return sent


@pytest.mark.parametrize(
    ("begin", "more"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\nA: ", b"a" * 16384),
        (b"GET / HTTP/1.1\r\n", b"A: a\r\n" * 1000),
        (CHUNKED + b"0\r\nA: ", b"a" * 16384),
        (CHUNKED + b"0\r\n", b"A: a\r\n" * 1000),
        (CHUNKED + b"1;", b"a" * 16384),
    ],
    ids=["one endless header", "endless headers", "one endless trailer", "endless trailers", "endless chunk extension"],
)
def test_headers_and_trailers_without_end_are_hung_up_on(begin: bytes, more: bytes) -> None:
    with listening() as port:
        assert sent_until_closed(port, begin, more) < 8 * 2**20


@pytest.mark.parametrize(
    "begin",
    [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\n", b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n{", CHUNKED],
    ids=["nothing", "part of a line", "part of the headers", "part of the body", "no chunk"],
)
def test_a_request_that_never_becomes_whole_does_not_keep_its_connection(begin: bytes) -> None:
    with listening(request_timeout_s=0.2) as port, socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(begin)
        assert client.recv(1000) == b""


def test_what_is_within_the_bounds_is_answered_again_and_again() -> None:
    head = b"POST / HTTP/1.1\r\nContent-Length: 200000\r\nX-Long: " + b"a" * 30_000 + b"\r\n\r\n"
    with listening(request_timeout_s=0.5) as port, socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        for _ in range(5):
            client.sendall(head + b"a" * 200_000)
            assert client.recv(1000).endswith(b"ok")
            time.sleep(0.2)
