"""The faults of the test images: exactly as much as they say, counted by the service, and never in the product."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from e2e.images.faults import e2e_fault

ROOT = Path(__file__).parents[3]


async def healthy(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


async def status(app: e2e_fault.App, path: str) -> int:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await app({"type": "http", "path": path}, None, send)
    found: int = sent[0]["status"]
    return found


async def statuses(app: e2e_fault.App, *paths: str) -> list[int]:
    return [await status(app, path) for path in paths]


def test_exactly_every_fifth_search_fails() -> None:
    found = asyncio.run(statuses(e2e_fault.errors(healthy), *["/search"] * 20))
    assert found == [200, 200, 200, 200, 500] * 4


def test_probes_and_metrics_never_fail_and_do_not_count() -> None:
    paths = ["/search", "/readyz", "/metrics", "/healthz"] * 4
    assert set(asyncio.run(statuses(e2e_fault.errors(healthy), *paths))) == {200}


def test_searches_are_delayed_and_probes_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    assert asyncio.run(statuses(e2e_fault.slow(healthy), "/search", "/readyz", "/search")) == [200, 200, 200]
    assert slept == [e2e_fault.DELAY_S, e2e_fault.DELAY_S]


# What the image does: `.pth` files are read twice in a virtual environment, then the service imports its application.
PROGRAM = """
import e2e_fault
e2e_fault.install("errors"); e2e_fault.install("errors")
import asyncio
from types import SimpleNamespace
from turnout.retrieval import app

counted = []
metrics = SimpleNamespace(
    in_flight=SimpleNamespace(inc=lambda: None, dec=lambda: None),
    request=lambda method, path, status, seconds: counted.append(status),
)

async def healthy(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})

async def send(message):
    pass

async def main():
    application = app.measured(healthy, metrics, {"/search"})
    for _ in range(10):
        await application({"type": "http", "method": "GET", "path": "/search"}, None, send)

asyncio.run(main())
print(counted)
"""


def test_the_service_counts_the_errors_that_its_clients_see() -> None:
    path = f"{ROOT / 'tests/e2e/images/faults'}:{ROOT / 'service'}"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env={"PYTHONPATH": path}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str([200, 200, 200, 200, 500] * 2)


def test_the_product_holds_nothing_of_them() -> None:
    code = "".join(path.read_text() for path in (ROOT / "service").rglob("*.py"))
    assert "e2e_fault" not in code
