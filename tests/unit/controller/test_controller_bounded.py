"""The controller's port has a limit of connections, and silent ones lock nobody out."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx
import pytest
from prometheus_client import CollectorRegistry

from turnout.canary.judgment import Judgment
from turnout.controller.server import serving

CONNECTIONS = 64
NOTHING = Judgment(verdict="inconclusive", reason="", since=0.0, until=0.0, windows=0)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def threads() -> int:
    return sum("process_request_thread" in thread.name for thread in threading.enumerate())


def wait_for(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def is_served(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=5.0).status_code == 200
    except httpx.TransportError:
        return False


def silent(port: int, count: int, stack: ExitStack) -> list[socket.socket]:
    return [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(count)]


def test_silent_connections_are_ended_for_those_that_ask(stack: ExitStack) -> None:
    port = stack.enter_context(serving("127.0.0.1", 0, CollectorRegistry(), lambda: True))
    before = threads()
    held = silent(port, 3 * CONNECTIONS, stack)
    wait_for(lambda: threads() - before <= CONNECTIONS)
    for _ in range(20):
        assert httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=5.0).status_code == 200
    held[0].settimeout(5.0)
    assert held[0].recv(1) == b"", "the oldest was ended"
    assert threads() - before <= CONNECTIONS


def test_while_all_wait_for_their_answer_one_more_is_closed_and_later_there_is_room_again(stack: ExitStack) -> None:
    answer, asked = threading.Event(), threading.Semaphore(0)

    def ask(canary: str, stable: str) -> Judgment:
        asked.release()
        answer.wait(20.0)
        return NOTHING

    port = stack.enter_context(serving("127.0.0.1", 0, CollectorRegistry(), lambda: True, ask=ask))
    stack.callback(answer.set)
    busy = silent(port, CONNECTIONS, stack)
    for each in busy:
        each.sendall(b"GET /judge?canary=a&stable=b HTTP/1.0\r\n\r\n")
    for _ in busy:
        assert asked.acquire(timeout=10.0)
    assert not is_served(port)
    answer.set()
    for each in busy:
        each.settimeout(10.0)
        assert each.recv(12) == b"HTTP/1.0 200"
        each.close()
    wait_for(lambda: is_served(port))
