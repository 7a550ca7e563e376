"""Search pods that answer `/probe` as a test says, on loopback."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

from support.loopback import listening

Answer = Callable[[dict[str, Any]], tuple[int, bytes]]


class FakePod:
    """One pod. `asked` are the bodies of the requests, in order; `answer` may be replaced at any time."""

    def __init__(self, answer: Answer, url: str = "") -> None:
        self.answer, self.url = answer, url
        self.asked: list[dict[str, Any]] = []
        self.paths: set[str] = set()


def reply(ids: list[str], release: str = "r-1", **changes: Any) -> tuple[int, bytes]:
    """What a service answers, with the fields of `turnout.retrieval.messages.SearchReply`."""
    hits = [{"id": each, "score": 1.0, "title": "t", "fields": {}, "passage": None} for each in ids]
    body = {"release": release, "view": f"v-{release}", "mode": "lexical", "degraded": None, "stale": False}
    return 200, json.dumps({**body, "took_ms": 1.0, "hits": hits, **changes}).encode()


@contextmanager
def pod(answer: Answer) -> Iterator[FakePod]:
    """A pod until the block ends; then connections to it are refused."""
    made = FakePod(answer)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            made.paths.add(self.path)
            made.asked.append(body)
            status, data = made.answer(body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    with listening(Handler) as made.url:
        yield made
