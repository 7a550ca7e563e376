"""What fired and when: looks at Prometheus once a second, and takes what Alertmanager sends. For the exercise."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any

import httpx

from support.loopback import listening

EVERY_S = 1.0


@dataclass(frozen=True)
class Change:
    """An alert began or ceased to fire. `at` in monotonic seconds; `where` is `prometheus` or `sink`."""

    alert: str
    at: float
    fires: bool
    where: str


class Watch:
    """Firing alerts, whatever their labels. A context manager that looks as long as it is entered."""

    def __init__(self, prometheus: str) -> None:
        self._prometheus = prometheus
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="alerts", daemon=True)
        self._lock = threading.Lock()
        self._firing: dict[str, set[str]] = {"prometheus": set(), "sink": set()}
        self.changes: list[Change] = []
        self.payloads: list[dict[str, Any]] = []
        self.labels: dict[str, dict[str, str]] = {}

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def firing(self, where: str = "prometheus") -> frozenset[str]:
        """The names of what fires now."""
        with self._lock:
            return frozenset(self._firing[where])

    def first(self, alert: str, *, since: float, fires: bool, where: str = "prometheus") -> float | None:
        """When an alert first began (or ceased) to fire since a moment; None if it didn't."""
        with self._lock:
            found = [
                each.at
                for each in self.changes
                if each.alert == alert and each.fires is fires and each.where == where and each.at >= since
            ]
        return min(found, default=None)

    def take(self, payload: dict[str, Any]) -> None:
        """What Alertmanager sent."""
        now = time.monotonic()
        with self._lock:
            self.payloads.append(payload)
            for alert in payload.get("alerts", []):
                name = str(alert["labels"].get("alertname", ""))
                self._change(name, now, fires=alert["status"] == "firing", where="sink")

    def _change(self, name: str, now: float, *, fires: bool, where: str) -> None:
        if fires == (name in self._firing[where]):
            return
        (self._firing[where].add if fires else self._firing[where].discard)(name)
        self.changes.append(Change(name, now, fires, where))

    def _watch(self) -> None:
        with httpx.Client(timeout=5.0, trust_env=False) as client:
            while not self._stop.wait(EVERY_S):
                try:
                    told = client.get(f"{self._prometheus}/api/v1/alerts").raise_for_status().json()
                except (httpx.HTTPError, ValueError):
                    continue
                self._seen(told["data"]["alerts"])

    def _seen(self, alerts: list[dict[str, Any]]) -> None:
        now = time.monotonic()
        firing = {
            str(each["labels"]["alertname"]): dict(each["labels"]) for each in alerts if each["state"] == "firing"
        }
        with self._lock:
            self.labels |= firing
            for name in sorted(self._firing["prometheus"] - firing.keys()):
                self._change(name, now, fires=False, where="prometheus")
            for name in firing:
                self._change(name, now, fires=True, where="prometheus")


@contextmanager
def sink(take: Callable[[dict[str, Any]], None]) -> Iterator[str]:
    """A webhook on loopback for Alertmanager; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            take(json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0)))))
            self.send_response(200)
            self.end_headers()

    with listening(Handler) as address:
        yield address
