"""Turns signals that end a program into exceptions, so that `with Cluster(...)` takes down what it started."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

_ENDING = (signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def ending_signals_raise() -> Iterator[None]:
    """SIGTERM and SIGHUP raise SystemExit, as Ctrl-C raises KeyboardInterrupt. Only in the main thread."""

    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    with _handling(dict.fromkeys(_ENDING, end)):
        yield


@contextlib.contextmanager
def uninterrupted(log: Callable[[str], None]) -> Iterator[None]:
    """Let the block end first: half a clean-up would leave what the next run has to find."""

    def ignore(number: int, frame: FrameType | None) -> None:
        log("taking the cluster down, a few seconds more")

    with _handling(dict.fromkeys((*_ENDING, signal.SIGINT), ignore)):
        yield


@contextlib.contextmanager
def _handling(handlers: dict[signal.Signals, Callable[[int, FrameType | None], None]]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    former = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
