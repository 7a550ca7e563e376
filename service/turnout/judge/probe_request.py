"""One query to one pod, and what its reply is worth. Used by `probe`.

A reply counts only if it is whole: of the release that is meant, in its own mode, not degraded and not kept from
before. Nothing of a query or of a reply's documents is repeated in a message.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

import httpx
import msgspec

from turnout.evaluation import JudgedQuery
from turnout.release.artifacts import RetrievalMode

PATH = "/probe"
_MOST_BYTES = 16 << 20
_AWAY_S = 5.0
_BUSY = frozenset({429, 502, 503, 504})
_MOST_ID = 512  # of a document; Elasticsearch takes no longer ones
# The name of one index and no pattern: it is searched.
_VIEW = r"""^[^-_+*?"<>|,#/\\:\s][^*?"<>|,#/\\:\s]{0,254}\Z"""
_TOLD = 60  # characters of a word that a reply gives

# They log each request.
for _vendor in ("httpx", "httpcore"):
    logging.getLogger(_vendor).setLevel(logging.WARNING)


@dataclass(frozen=True)
class Side:
    """A release that is asked.

    Args:
        mode: in which it answers when none is asked for.
        pods: gives the base URLs of its ready pods as they are now; must not wait.
    """

    release_id: str
    mode: RetrievalMode
    pods: Callable[[], Sequence[str]]


@dataclass(frozen=True)
class Answer:
    """A whole answer: source ids of the documents, best first, and the index that they came from."""

    documents: tuple[str, ...]
    view: str


@dataclass(frozen=True)
class Problem:
    """No whole answer. `said` goes on after the release's name.

    Args:
        may_pass: the same query may be answered later.
        pod_is_away: another pod may answer it now.
    """

    said: str
    may_pass: bool = True
    pod_is_away: bool = False


class Rota:
    """Pods in turn. One that was away is left out for some seconds, unless no other is there."""

    def __init__(self, pods: Callable[[], Sequence[str]]) -> None:
        self._pods = pods
        self._turn = 0
        self._away: dict[str, float] = {}

    def next(self) -> str | None:
        """The pod to ask; None if there is none."""
        pods = sorted(self._pods())
        present = [pod for pod in pods if self._away.get(pod, 0.0) <= time.monotonic()] or pods
        self._turn += 1
        return present[self._turn % len(present)] if present else None

    def is_away(self, pod: str) -> None:
        """Ask others for a while."""
        self._away[pod] = time.monotonic() + _AWAY_S


class _Hit(msgspec.Struct, frozen=True):
    id: Annotated[str, msgspec.Meta(max_length=_MOST_ID)]


class _Reply(msgspec.Struct, frozen=True, kw_only=True):
    release: str
    view: Annotated[str, msgspec.Meta(pattern=_VIEW)]
    mode: str
    degraded: str | None
    stale: bool
    hits: list[_Hit]


_REPLY = msgspec.json.Decoder(_Reply)


async def request(
    http: httpx.AsyncClient, pod: str, side: Side, query: JudgedQuery, *, k: int, timeout_s: float
) -> Answer | Problem:
    """Ask one pod; never raises for what a pod does."""
    body: dict[str, object] = {"query": query.text, "k": k}
    if query.filters:
        body["filters"] = {name: list(values) for name, values in query.filters.items()}
    try:
        sent = http.stream("POST", f"{pod}{PATH}", json=body, headers={"Accept-Encoding": "identity"})
        async with asyncio.timeout(timeout_s), sent as response:
            status, data = response.status_code, await _read(response)
    except TimeoutError:
        return Problem(f"didn't answer within {timeout_s:g} s", pod_is_away=True)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return Problem(f"can't be reached ({type(error).__name__})", pod_is_away=True)
    if status != 200:
        is_busy = status in _BUSY
        return Problem(f"answers with HTTP {status}", may_pass=is_busy or status >= 500, pod_is_away=is_busy)
    return _answer(data, side, k)


async def _read(response: httpx.Response) -> bytes:
    data = bytearray()
    async for part in response.aiter_raw(1 << 16):  # never inflated, for a small reply may be of gigabytes
        data += part
        if len(data) > _MOST_BYTES:
            break  # what is cut off isn't JSON
    return bytes(data)


def _answer(data: bytes, side: Side, k: int) -> Answer | Problem:
    try:
        reply = _REPLY.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Problem("gives a reply that isn't one of a search", pod_is_away=True)
    if reply.release != side.release_id:
        return Problem("is not the one that answers at its pods", pod_is_away=True)
    if reply.degraded is not None or reply.stale:
        return Problem(f"answers degraded ({reply.degraded or 'stale'})"[:_TOLD])
    if reply.mode != side.mode:
        return Problem(f"answers in mode {reply.mode[:_TOLD]} instead of {side.mode}")
    documents = tuple(hit.id for hit in reply.hits[:k])
    if len(set(documents)) != len(documents):
        return Problem("names a document twice in one answer")
    return Answer(documents=documents, view=reply.view)
