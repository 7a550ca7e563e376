"""A server that the user gave by URL is checked before anything is done with it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from turnout.elastic.node import Node, shared
from turnout.elastic.node.server import check_given
from turnout.errors import EnvironmentProblem, Refused

Serve = Callable[..., str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a server that gives one answer to everything; returns its address."""
    servers: list[HTTPServer] = []

    def start(status: int, version: str = "9.4.3", product: str | None = "Elasticsearch") -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps({"version": {"number": version}}).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                if product:
                    self.send_header("x-elastic-product", product)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_server_of_the_right_major_version_is_taken(serve: Serve) -> None:
    assert check_given(serve(200, "9.1.0")).how == "given"


@pytest.mark.parametrize("version", ["8.19.0", "10.0.0"])
def test_another_major_version_is_named(serve: Serve, version: str) -> None:
    with pytest.raises(EnvironmentProblem, match=f"Elasticsearch {version} answers"):
        check_given(serve(200, version))


def test_something_else_than_elasticsearch_is_refused(serve: Serve) -> None:
    with pytest.raises(EnvironmentProblem, match="no Elasticsearch that lets turnout in"):
        check_given(serve(200, product=None))


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_credential_names_the_setting(serve: Serve, status: int) -> None:
    with pytest.raises(EnvironmentProblem) as raised:
        check_given(serve(status))
    assert "TURNOUT_ELASTICSEARCH_READ_API_KEY" in raised.value.remedy


def test_a_node_that_runs_on_another_port_is_not_passed_off_as_the_one_asked_for() -> None:
    node = Node(url="http://127.0.0.1:9210", version="9.4.3", how="jvm")
    with pytest.raises(Refused, match="runs already"):
        shared._reuse(node, 9211)


@pytest.mark.parametrize(("status", "version"), [(401, "9.4.3"), (200, "8.19.0")])
def test_a_password_in_the_url_is_in_no_message(serve: Serve, status: int, version: str) -> None:
    url = serve(status, version)
    with pytest.raises(EnvironmentProblem) as raised:
        check_given(url.replace("://", "://elastic:S3cret-pass@"))
    assert raised.value.where == url
    assert "S3cret" not in str(raised.value)
