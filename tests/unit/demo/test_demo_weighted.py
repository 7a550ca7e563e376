"""The users of the canary act: who gets how many searches, and that a slow release gets no fewer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

from demo.weighted import Weighted
from support.loopback import listening

PER_SECOND = 200.0


@contextmanager
def answering(status: int = 200, *, after_s: float = 0.0) -> Iterator[tuple[str, list[float]]]:
    """A server's address, and when it was asked."""
    asked: list[float] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(time.monotonic())
            self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(after_s)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b'{"hits": [1]}')

    with listening(Handler) as url:
        yield url, asked


@contextmanager
def searching(stable: str) -> Iterator[Weighted]:
    traffic = Weighted(stable, ["json", "sort"], per_second=PER_SECOND, share=0.2, seed=1)
    traffic.start()
    try:
        yield traffic
    finally:
        traffic.stop()


def wait_for(asked: list[float], number: int) -> None:
    end = time.monotonic() + 20
    while len(asked) < number:
        assert time.monotonic() < end, f"{len(asked)} searches"
        time.sleep(0.01)


def test_a_canary_gets_its_share_of_the_searches_and_nothing_before_and_after() -> None:
    with answering() as (stable, to_stable), answering() as (canary, to_canary), searching(stable) as traffic:
        wait_for(to_stable, 20)
        assert not to_canary
        begun = len(to_stable)
        traffic.begin(canary)
        wait_for(to_canary, 40)
        traffic.end(promoted=False)
        between = len(to_stable) - begun
        time.sleep(0.05)  # what was under way
        stopped = len(to_canary)
        wait_for(to_stable, len(to_stable) + 20)
        assert len(to_canary) == stopped
    assert 90 < between < 260  # 160 are expected
    assert traffic.canary.sent == stopped
    assert traffic.stable.failed == traffic.canary.failed == 0


def test_a_promoted_canary_gets_all_searches() -> None:
    with answering() as (stable, to_stable), answering() as (canary, to_canary), searching(stable) as traffic:
        traffic.begin(canary)
        wait_for(to_canary, 5)
        traffic.end(promoted=True)
        time.sleep(0.05)
        left = len(to_stable)
        wait_for(to_canary, len(to_canary) + 40)
        assert len(to_stable) == left


def test_searches_that_begin_do_not_wait_for_slow_answers() -> None:
    """20 slow answers one after the other would take 2 seconds."""
    with answering(after_s=0.1) as (stable, to_stable), searching(stable):
        wait_for(to_stable, 20)
        assert to_stable[19] - to_stable[0] < 1.5


def test_answers_with_an_error_are_counted_as_failed() -> None:
    with answering() as (stable, _), answering(503) as (canary, to_canary), searching(stable) as traffic:
        traffic.begin(canary)
        wait_for(to_canary, 10)
    assert traffic.canary.failed == traffic.canary.sent >= 10
    assert traffic.stable.failed == 0
