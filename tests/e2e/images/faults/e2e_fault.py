"""Makes `turnout serve` misbehave, for images of the end-to-end stories only; the product holds nothing of it.

A file `.pth` in the image's site-packages imports this when Python starts. The fault is put *under* the service's own
counting of requests, so that its metrics say what clients see.
"""

from __future__ import annotations

import asyncio
import functools
import importlib.abc
import importlib.machinery
import importlib.util
import itertools
import sys
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from types import ModuleType
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Any, Any, Any], Awaitable[None]]

DELAY_S = 2.0
ONE_IN = 5
_APPLICATION = "turnout.retrieval.app"
_PROBLEM = b'{"type":"about:blank","title":"injected by the end-to-end test","status":500}'


def slow(app: App, *, delay_s: float = DELAY_S) -> App:
    """`app`, with each answer to /search `delay_s` later."""

    async def delayed(scope: Scope, receive: Receive, send: Send) -> None:
        if _is_search(scope):
            await asyncio.sleep(delay_s)
        await app(scope, receive, send)

    return delayed


def errors(app: App) -> App:
    """`app`, with HTTP 500 for exactly each fifth search of this process."""
    searches = itertools.count(1)

    async def failing(scope: Scope, receive: Receive, send: Send) -> None:
        if not _is_search(scope) or next(searches) % ONE_IN:
            await app(scope, receive, send)
            return
        headers = [(b"content-type", b"application/problem+json"), (b"content-length", b"%d" % len(_PROBLEM))]
        await send({"type": "http.response.start", "status": 500, "headers": headers})
        await send({"type": "http.response.body", "body": _PROBLEM})

    return failing


def install(name: str, *, delay_s: float = DELAY_S) -> None:
    """Give the service the fault `slow` or `errors` as soon as it imports its application."""
    # In a virtual environment Python reads `.pth` files twice.
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        faults: dict[str, Callable[[App], App]] = {"slow": functools.partial(slow, delay_s=delay_s), "errors": errors}
        sys.meta_path.insert(0, _Finder(faults[name]))


def _is_search(scope: Scope) -> bool:
    return (scope["type"], scope.get("path")) == ("http", "/search")


class _Finder(importlib.abc.MetaPathFinder):
    """Finds one module the usual way, and changes it once it has run."""

    def __init__(self, fault: Callable[[App], App]) -> None:
        self._fault = fault

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != _APPLICATION:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, self._fault)
        return spec


class _Loader(importlib.abc.Loader):
    def __init__(self, usual: Any, fault: Callable[[App], App]) -> None:
        self._usual = usual
        self._fault = fault

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._usual.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        self._usual.exec_module(module)
        # An AttributeError here means that the service no longer counts there: better no pod than one without a fault.
        counted = module.measured

        def measured(app: App, *arguments: Any) -> Any:
            return counted(self._fault(app), *arguments)

        module.measured = measured  # type: ignore[attr-defined]
