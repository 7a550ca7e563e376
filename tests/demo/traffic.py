"""The load that never stops during the demo: searches through the service and through the alias, writes and deletes.

Each client is a thread with a bounded pace; what it saw is counted and timed, and nothing is retried except as
said, so that a failure shows.
"""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from turnout.ingest import Documents

SEARCHES_PER_SECOND = 12
ALIAS_READS_PER_SECOND = 6
WRITES_PER_SECOND = 4


@dataclass
class Sample:
    """One answered request: when (seconds since the start of the load) and how long it took (milliseconds)."""

    at: float
    milliseconds: float
    release: str


@dataclass
class SearchLog:
    """What a searching client saw. `mixed`: the answer came from a view that isn't the answering release's own."""

    sent: int = 0
    failed: int = 0
    mixed: int = 0
    degraded: int = 0
    samples: list[Sample] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass
class WriteLog:
    """What a writing client was told: the last acknowledged text of each document, None for a deleted one."""

    acknowledged: int = 0
    deleted: int = 0
    failed: int = 0
    latest: dict[str, str | None] = field(default_factory=dict)


class Router:
    """What a load balancer is to the service: where the next request goes, and which view each release must use."""

    def __init__(self) -> None:
        self.url = ""
        self.views: dict[str, str] = {}

    def point(self, url: str, *, release: str, view: str) -> None:
        """Send all further requests to `url`."""
        self.views[release] = view
        self.url = url


class Load:
    """All clients together; `start` and `stop` them once."""

    def __init__(
        self,
        *,
        router: Router,
        queries: list[str],
        alias_search: Callable[[], int],
        documents: Documents,
        corpus: list[str],
    ) -> None:
        self.searches, self.alias_reads, self.writes = SearchLog(), SearchLog(), WriteLog()
        self._router, self._queries, self._alias_search = router, queries, alias_search
        self._documents, self._corpus = documents, corpus
        self._stop = threading.Event()
        self._began = time.monotonic()
        self._threads = [
            threading.Thread(target=self._search, name="searches"),
            threading.Thread(target=self._read_alias, name="alias reads"),
            threading.Thread(target=self._write, name="writes"),
        ]

    def start(self) -> None:
        """Begin; time zero of all samples."""
        self._began = time.monotonic()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End after the request under way."""
        self._stop.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def seconds(self) -> float:
        """Seconds since the load began."""
        return time.monotonic() - self._began

    def _paced(self, per_second: float) -> Iterator[int]:
        for number in itertools.count():
            if self._stop.is_set():
                return
            yield number
            self._stop.wait(1.0 / per_second)

    @contextmanager
    def _timed(self, log: SearchLog, release: list[str]) -> Iterator[None]:
        began = time.monotonic()
        log.sent += 1
        try:
            yield
        except Exception as error:
            log.failed += 1
            log.problems.append(f"{self.seconds():.1f} s: {type(error).__name__}: {error}"[:300])
        else:
            took = (time.monotonic() - began) * 1000
            log.samples.append(Sample(began - self._began, took, release[0]))

    def _search(self) -> None:
        with httpx.Client(timeout=5.0) as client:
            for number in self._paced(SEARCHES_PER_SECOND):
                release = [""]
                with self._timed(self.searches, release):
                    self._search_once(client, self._queries[number % len(self._queries)], release)

    def _search_once(self, client: httpx.Client, query: str, release: list[str]) -> None:
        answer = client.post(f"{self._router.url}/search", json={"query": query})
        answer.raise_for_status()
        body = answer.json()
        release[0] = body["release"]
        self.searches.mixed += body["view"] != self._router.views[body["release"]]
        self.searches.degraded += body["degraded"] is not None
        if not body["hits"]:
            raise ValueError("no hits")

    def _read_alias(self) -> None:
        for _ in self._paced(ALIAS_READS_PER_SECOND):
            with self._timed(self.alias_reads, [""]):
                if self._alias_search() == 0:
                    raise ValueError("no hits through the alias")

    def _write(self) -> None:
        """Upserts of new documents, changes of the corpus' own, and deletes of both."""
        rng = random.Random(7)
        for number in self._paced(WRITES_PER_SECOND):
            try:
                self._write_once(number, rng)
            except Exception:
                self.writes.failed += 1

    def _write_once(self, number: int, rng: random.Random) -> None:
        known = [key for key, text in self.writes.latest.items() if text is not None]
        if number % 3 == 2 and known:
            key = rng.choice(known)
            self._documents.delete(key)
            self.writes.latest[key] = None
            self.writes.deleted += 1
            return
        key = rng.choice(self._corpus) if number % 3 == 1 else f"demo.note-{number}"
        text = f"A note that was written as number {number} while the index was being rebuilt."
        self._documents.upsert(key, title=key, text=text, fields={"module": "demo", "kind": "note"})
        self.writes.latest[key] = text
        self.writes.acknowledged += 1
