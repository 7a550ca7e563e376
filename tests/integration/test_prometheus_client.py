"""The client over real connections: every way in which an answer can be missing or wrong has its error."""

from __future__ import annotations

import http.server
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from support.loopback import listening
from turnout.errors import BadInput, Refused, TurnoutError, Unavailable
from turnout.prometheus import Prometheus

SECRET = "s3cr3t-t0ken"
EMPTY = b'{"status":"success","data":{"resultType":"matrix","result":[]}}'

Answering = Callable[[http.server.BaseHTTPRequestHandler], None]


@contextmanager
def server(answer: Answering) -> Iterator[tuple[str, list[http.server.BaseHTTPRequestHandler]]]:
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self)
            answer(self)

    with listening(Handler) as url:
        yield url, asked


def says(status: int, body: bytes, **headers: str) -> Answering:
    def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def error_of(answer: Answering, *, timeout_s: float = 2.0) -> TurnoutError:
    """The error, which must hold nothing of the token, whatever the server sends back."""
    with server(answer) as (url, _):
        client = Prometheus(url, timeout_s=timeout_s, headers={"Authorization": f"Bearer {SECRET}"})
        with pytest.raises(TurnoutError) as caught:
            client.query_range("up", 1, 2, 1)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None or SECRET not in str(caught.value.__cause__)
    return caught.value


def test_a_path_a_token_and_a_password_are_sent() -> None:
    with server(says(200, EMPTY)) as (url, asked):
        Prometheus(url + "/some/prefix/", headers={"Authorization": f"Bearer {SECRET}"}).query_range("up", 1, 2.5, 0.5)
        Prometheus(url.replace("//", f"//someone:{SECRET}@")).query_range("up", 1, 2, 1)
    assert asked[0].path.startswith("/some/prefix/api/v1/query_range?query=up&start=1.000&end=2.500&step=0.500")
    assert asked[0].headers["Authorization"] == f"Bearer {SECRET}"
    assert asked[1].headers["Authorization"].startswith("Basic ")


def test_values_warnings_and_the_clock_are_returned() -> None:
    body = (
        b'{"status":"success","warnings":["a part"],"infos":["odd"],"data":{"resultType":"matrix","result":['
        b'{"metric":{"a":"b"},"values":[[1,"1.5"],[2.5,"NaN"],[3,"+Inf"]]}]}}'
    )
    with server(says(200, body)) as (url, _):
        answer = Prometheus(url).query_range("up", 1, 2, 1)
    (series,) = answer
    assert series.labels == {"a": "b"}
    assert list(series.times) == [1, 2.5, 3]
    assert str(list(map(float, series.values))) == "[1.5, nan, inf]"
    assert answer.warnings == ("a part",)
    assert answer.infos == ("odd",)
    assert abs(answer.date - time.time()) < 5


def _problem(text: str) -> bytes:
    return b'{"status":"error","errorType":"bad_data","error":"' + text.encode() + b'"}'


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (says(400, _problem(f"parse error {SECRET}")), Refused, "rejects the query (HTTP 400: parse error ***)"),
        (says(422, _problem("too many samples")), Refused, "too many samples"),
        (says(401, b"no " + SECRET.encode()), Refused, "rejects the caller (HTTP 401)"),
        (says(404, b"<html>"), Refused, "HTTP 404"),
        (says(302, b"", Location="http://127.0.0.1:9/"), Refused, "HTTP 302"),
        (says(503, _problem("query timed out")), Unavailable, "can't answer now (HTTP 503: query timed out)"),
        (says(429, b""), Unavailable, "HTTP 429"),
        (says(200, b"<html>hello</html>"), Refused, "isn't Prometheus"),
        (says(200, b'{"status":"success","data":{"resultType":"vector","result":[]}}'), Refused, "isn't Prometheus"),
        (says(200, EMPTY[:-5]), Refused, "isn't Prometheus"),
        (says(200, EMPTY, **{"Content-Length": "999"}), Unavailable, "breaks off"),
    ],
)
def test_each_bad_answer_has_its_error(answer: Answering, kind: type[TurnoutError], said: str) -> None:
    error = error_of(answer)
    assert type(error) is kind
    assert said in str(error)


def test_an_answer_that_comes_drop_by_drop_ends_in_time() -> None:
    def drip(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        for byte in EMPTY:
            try:
                handler.wfile.write(bytes([byte]))
                handler.wfile.flush()
            except OSError:
                return
            time.sleep(0.05)

    error = error_of(drip, timeout_s=0.3)
    assert isinstance(error, Unavailable)
    assert "in time" in str(error)


def test_a_prometheus_that_is_not_there_is_tried_again_for_a_while() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        client = Prometheus(f"http://127.0.0.1:{taken.getsockname()[1]}", timeout_s=0.4)
        with pytest.raises(Unavailable, match="can't be reached"):
            client.query_range("up", 1, 2, 1)


def test_a_prometheus_that_comes_up_meanwhile_answers() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    client, answers = Prometheus(f"http://127.0.0.1:{port}", timeout_s=4.0), []
    asking = threading.Thread(target=lambda: answers.append(client.query_range("up", 1, 2, 1)))
    asking.start()
    time.sleep(0.2)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            says(200, EMPTY)(self)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", port), Handler) as listening:
        listening.handle_request()
    asking.join()
    assert len(answers) == 1


@pytest.mark.parametrize("url", ["", "prometheus:9090", "ftp://somewhere", "http://"])
def test_what_is_no_address_is_refused_at_once(url: str) -> None:
    with pytest.raises(BadInput, match="isn't one"):
        Prometheus(url)


def test_an_answer_that_would_take_the_controllers_memory_is_not_read_to_its_end() -> None:
    def endless(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        for _ in range(65 << 2):
            try:
                handler.wfile.write(bytes(1 << 18))
            except OSError:
                return

    assert "more than 64 MiB" in error_of(endless, timeout_s=10.0).what
