"""The demo's faulty service is the real one with a fault of the end-to-end stories under it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from demo import faulty
from e2e.images.faults import e2e_fault

TESTS = Path(__file__).parents[2]


def test_the_rest_of_the_arguments_is_a_turnout_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "demo.faulty", "slow", "serve", "--help"],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Run the retrieval service for one release" in done.stdout


def test_an_unknown_fault_starts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["faulty", "nothing", "serve"])
    with pytest.raises(KeyError):
        faulty.main()


def test_the_delay_is_as_long_as_the_caller_says(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def healthy(*_: Any) -> None: ...

    monkeypatch.setattr(asyncio, "sleep", sleep)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    e2e_fault.install("slow", delay_s=0.3)
    finder = next(one for one in sys.meta_path if isinstance(one, e2e_fault._Finder))
    asyncio.run(finder._fault(healthy)({"type": "http", "path": "/search"}, None, None))  # type: ignore[arg-type]
    assert slept == [0.3]
