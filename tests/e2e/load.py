"""The load that never stops during the stories, a process of its own: `python -m e2e.load SETTINGS.json EVENTS.jsonl`.

Searches go through the Service, each over a new connection, so that kube-proxy spreads them over the pods; alias
readers ask Elasticsearch itself with the reading key; a writer upserts and deletes notes through the write API. A
dropped connection is tried once more, as any client would; nothing else is repeated, so that a failure shows. SIGTERM
ends it.
"""

from __future__ import annotations

import itertools
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

import httpx
import msgspec

from e2e.events import Event, Kind, note
from turnout.elastic.client import connect
from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.writer import Writer
from turnout.errors import TurnoutError
from turnout.ingest import Documents

RETRY_AFTER_S = 2.0  # a client that repeats at once may be sent to the very pod that died a moment ago
INJECTED = "injected"  # in the title of an answer that the image with errors makes up
NOTES = 150  # as many documents are written again and again, so that the corpus keeps its size


class LoadSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the load does. Rates are per second; `alias` is the name that readers search."""

    service: str
    elasticsearch: str
    read_key: str
    write_key: str
    collection: str
    prefix: str
    queries: list[str]
    searches: float = 12.0
    alias_reads: float = 3.0
    writes: float = 2.0
    timeout_s: float = 10.0


class Load:
    """All clients together."""

    def __init__(self, settings: LoadSettings, sink: IO[bytes]) -> None:
        self._settings = settings
        self._sink = sink
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._names = Names(collection=settings.collection, prefix=settings.prefix)
        # No connection is kept: a kept one would stay with one pod for good.
        limits = httpx.Limits(max_keepalive_connections=0)
        self._http = httpx.Client(timeout=settings.timeout_s, limits=limits, trust_env=False)

    def run(self) -> None:
        """Until `stop`; then the requests under way are finished."""
        settings = self._settings
        writer = threading.Thread(target=self._write, name="writer")
        writer.start()
        with ThreadPoolExecutor(16) as searches, ThreadPoolExecutor(4) as readers:
            pacers = [
                threading.Thread(target=self._pace, args=(settings.searches, searches, self._search)),
                threading.Thread(target=self._pace, args=(settings.alias_reads, readers, self._read_alias)),
            ]
            for pacer in pacers:
                pacer.start()
            for thread in pacers:
                thread.join()
        writer.join()
        self._http.close()

    def stop(self) -> None:
        """End."""
        self._stop.set()

    def _pace(self, per_second: float, pool: ThreadPoolExecutor, request: Callable[[int], None]) -> None:
        """Begin requests at a fixed rate, whether the former ones have ended or not."""
        began = time.monotonic()
        for number in itertools.count():
            pool.submit(self._safely, request, number)
            if self._stop.wait(max(0.0, began + (number + 1) / per_second - time.monotonic())):
                return

    def _safely(self, request: Callable[[int], None], number: int) -> None:
        try:
            request(number)
        except Exception as error:  # a defect of the load itself must not go unseen
            now = time.monotonic()
            self._tell(Event(kind="search", at=now, until=now, status=0, reason=f"load: {error!r}"[:300]))

    def _tell(self, event: Event) -> None:
        with self._lock:
            self._sink.write(msgspec.json.encode(event) + b"\n")
            self._sink.flush()

    def _search(self, number: int) -> None:
        query = self._settings.queries[number % len(self._settings.queries)]
        self._ask("search", f"{self._settings.service}/search", {"query": query}, {})

    def _read_alias(self, number: int) -> None:
        settings = self._settings
        body = {"query": {"match": {"body": "file"}}, "size": 3, "_source": False}
        url = f"{settings.elasticsearch}/{self._names.alias}/_search?allow_partial_search_results=false"
        self._ask("alias", url, body, {"Authorization": f"ApiKey {settings.read_key}"})

    def _ask(self, kind: Kind, url: str, body: dict[str, Any], headers: dict[str, str]) -> None:
        at = time.monotonic()
        answer, reason, tries = None, "", 1
        for tries in (1, 2):
            try:
                answer = self._http.post(url, json=body, headers=headers)
                break
            except httpx.HTTPError as error:
                reason = f"{type(error).__name__}: {error}"[:200]
            if tries == 1:
                self._stop.wait(RETRY_AFTER_S)
        event = Event(kind=kind, at=at, until=time.monotonic(), status=0, tries=tries, reason=reason)
        self._tell(event if answer is None else _understood(event, answer))

    def _write(self) -> None:
        settings = self._settings
        rng = random.Random(7)
        live: set[str] = set()
        url = settings.elasticsearch
        with connect(url, api_key=settings.read_key) as reading, connect(url, api_key=settings.write_key) as writing:
            documents = Documents(Reader(reading), Writer(writing), self._names, patience_s=10.0)
            for number in itertools.count():
                delete = number % 3 == 2 and bool(live)
                key = rng.choice(sorted(live)) if delete else f"e2e.note-{number % NOTES}"
                self._write_once(documents, "delete" if delete else "upsert", key, number)
                (live.discard if delete else live.add)(key)
                if self._stop.wait(1.0 / settings.writes):
                    return

    def _write_once(self, documents: Documents, kind: Kind, key: str, number: int) -> None:
        """Until it is acknowledged: to send the same write again is always safe."""
        at = time.monotonic()
        for tries in itertools.count(1):
            try:
                if kind == "delete":
                    documents.delete(key)
                else:
                    documents.upsert(key, title=key, text=note(number), fields={"module": "e2e", "kind": "note"})
            except TurnoutError as error:
                if not self._stop.is_set():
                    self._stop.wait(0.5)
                    continue
                status, reason = 0, error.what[:200]
            else:
                status, reason = 200, ""
            event = Event(kind=kind, at=at, until=time.monotonic(), status=status, tries=tries, key=key)
            self._tell(msgspec.structs.replace(event, number=number, reason=reason))
            return


def _understood(event: Event, answer: httpx.Response) -> Event:
    """The event with what its answer says about itself."""
    try:
        said = answer.json()
    except ValueError:
        said = {}
    said = said if isinstance(said, dict) else {}
    headers = answer.headers
    reason = "" if answer.is_success else str(said.get("detail") or said.get("error") or "")[:200]
    status = answer.status_code
    if event.kind == "alias" and answer.is_success and not said.get("hits", {}).get("hits"):
        status, reason = 0, "no hits through the alias"
    if event.kind == "search" and answer.is_success and not said.get("hits"):
        status, reason = 0, "no hits"
    is_search = event.kind == "search"
    return msgspec.structs.replace(
        event,
        status=status,
        reason=reason,
        release=str(said.get("release") or headers.get("x-turnout-release", "")) if is_search else "",
        view=str(said.get("view") or headers.get("x-turnout-view", "")) if is_search else "",
        degraded=str(said.get("degraded") or "") if is_search else "",
        fault=INJECTED if is_search and INJECTED in str(said.get("title", "")) else "",
    )


def main() -> int:
    """Run until SIGTERM."""
    settings = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=LoadSettings)
    with Path(sys.argv[2]).open("ab") as sink:
        load = Load(settings, sink)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: load.stop())
        load.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
