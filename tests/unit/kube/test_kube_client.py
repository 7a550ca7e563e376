"""What the API server answers becomes data or an error that says what it means; silence becomes one, too."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler

import pytest
from kubernetes.client import Configuration

from support.loopback import listening
from turnout.errors import EnvironmentProblem, Refused, Unavailable
from turnout.kube.api import Conflict, NotFound
from turnout.kube.client import Client, connect


@contextmanager
def server(status: int, body: str, *, pause_s: float = 0.0) -> Iterator[tuple[Client, list[tuple[str, str, str]]]]:
    """An API server that always answers the same; gives a client, and what it was asked."""
    asked: list[tuple[str, str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            text = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            asked.append((self.command, self.path, text))
            time.sleep(pause_s)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        do_GET = do_POST = do_DELETE = do_PATCH = answer  # noqa: N815  (the library's names)

    with listening(Handler) as url, closing(Client(Configuration(host=url), timeout_s=0.3)) as client:
        yield client, asked


def test_an_answer_is_handed_on_as_it_came() -> None:
    with server(200, '{"items": []}') as (client, asked):
        assert client.call("GET", "/api/v1/things", query={"labelSelector": "a in (b,c)"}) == b'{"items": []}'
        assert asked == [("GET", "/api/v1/things?labelSelector=a+in+%28b%2Cc%29", "")]


def test_an_applied_object_is_sent_as_json_under_its_own_content_type() -> None:
    with server(200, "{}") as (client, asked):
        client.call("PATCH", "/x", body={"a": [1]}, headers={"Content-Type": "application/apply-patch+yaml"})
        assert asked == [("PATCH", "/x", '{"a": [1]}')]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (404, NotFound),
        (409, Conflict),
        (401, EnvironmentProblem),
        (403, EnvironmentProblem),
        (422, Refused),
        (429, Unavailable),
        (500, Unavailable),
        (503, Unavailable),
    ],
)
def test_each_refusal_has_the_kind_that_says_whether_to_try_again(status: int, kind: type[Exception]) -> None:
    with server(status, '{"kind": "Status", "message": "no, because"}') as (client, _), pytest.raises(kind) as caught:
        client.call("POST", "/x", body={"a": 1})
    assert type(caught.value) is kind
    assert kind is Unavailable or "no, because" in str(caught.value)


def test_a_proxy_that_answers_in_html_confuses_nobody() -> None:
    with server(403, "<html>forbidden</html>") as (client, _), pytest.raises(EnvironmentProblem, match="GET /x"):
        client.call("GET", "/x")


def test_a_server_that_is_silent_is_given_up_and_asked_once() -> None:
    with server(200, "{}", pause_s=0.6) as (client, asked):
        with pytest.raises(Unavailable, match="can't be reached"):
            client.call("GET", "/x")
        assert len(asked) == 1


def test_a_server_that_is_not_there_is_unavailable() -> None:
    client = Client(Configuration(host="http://127.0.0.1:9"), timeout_s=0.3)
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:9"):
        client.call("GET", "/x")


def test_without_a_cluster_the_error_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EnvironmentProblem, match="no way to a Kubernetes cluster"):
        connect(in_cluster=True)
