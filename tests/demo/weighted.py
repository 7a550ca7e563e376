"""Users of the canary act: searches of the query log at random moments, a share of them sent to the canary.

Open-loop: a search begins when its time has come, whether the former ones have ended or not, so that a slow release
gets no fewer of them.
"""

from __future__ import annotations

import itertools
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import httpx

from turnout.errors import BadInput

CLIENTS = 32
MODES = ("hybrid", "lexical", "lexical")  # in turn, as where many search for a name; cheap enough for two cores
TIMEOUT_S = 5.0


@dataclass
class Answers:
    """What one side gave its users."""

    sent: int = 0
    failed: int = 0


class Weighted:
    """Sends `per_second` searches to stable, and from `begin` to `end` a share of them to a canary."""

    def __init__(self, stable: str, queries: list[str], *, per_second: float, share: float, seed: int) -> None:
        if not queries:
            raise BadInput("no queries to send")
        self.stable, self.canary = Answers(), Answers()
        self._urls = (stable, "")
        self._queries, self._per_second, self._share = queries, per_second, share
        self._modes = itertools.cycle(MODES)
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="weighted searches", daemon=True)

    def start(self) -> None:
        """Begin, with stable only."""
        self._thread.start()

    def stop(self) -> None:
        """End after the searches under way."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def begin(self, canary: str) -> None:
        """Send a share to `canary` from now on, and count its answers from 0."""
        self.canary = Answers()
        self._urls = (self._urls[0], canary)

    def end(self, *, promoted: bool) -> None:
        """Send everything to the canary, which is stable then, or to stable again."""
        self._urls = (self._urls[1] if promoted else self._urls[0], "")

    def _run(self) -> None:
        due = time.monotonic()
        with httpx.Client(timeout=TIMEOUT_S, trust_env=False) as client, ThreadPoolExecutor(CLIENTS) as pool:
            for number in itertools.count():
                due += self._random.expovariate(self._per_second)
                if self._stop.wait(max(0.0, due - time.monotonic())):
                    return
                stable, canary = self._urls
                to_canary = bool(canary) and self._random.random() < self._share
                side, url = (self.canary, canary) if to_canary else (self.stable, stable)
                asked = {"query": self._queries[number % len(self._queries)], "mode": next(self._modes)}
                pool.submit(self._search, client, side, url, asked)

    def _search(self, client: httpx.Client, side: Answers, url: str, asked: dict[str, str]) -> None:
        try:
            answer = client.post(f"{url}/search", json=asked)
            failed = not answer.is_success or not answer.json()["hits"]
        except (httpx.HTTPError, ValueError):
            failed = True
        with self._lock:
            side.sent += 1
            side.failed += failed
