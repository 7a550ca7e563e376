"""Asks the other release's pods what this one was asked. Called by `shadow`, one search at a time."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Annotated, Any, Protocol

import httpx
import msgspec

from turnout import __version__
from turnout.retrieval.messages import SearchRequest

_MOST_BYTES = 1 << 20


class _Hit(msgspec.Struct, frozen=True):
    id: Annotated[str, msgspec.Meta(max_length=512)]  # Elasticsearch takes no longer ones


class OtherReply(msgspec.Struct, frozen=True):
    """The part of another service's reply that is compared. Its release becomes a label, so it must look like one."""

    release: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._-]{1,64}\Z")]
    hits: list[_Hit]
    degraded: str | None = None
    stale: bool = False


class NotTaken(Exception):
    """The other side says that it can't be asked that, for example because its limits are narrower."""


class NoReply(Exception):
    """No answer in time, or none that can be used. The message never holds what was asked."""


class Asks(Protocol):
    """The other side: `Mirror`, and fakes of it."""

    async def ask(self, asked: SearchRequest, tenant: str) -> OtherReply:
        """The other side's answer. Raises NotTaken, NoReply."""

    async def close(self) -> None:
        """Give connections back."""


class Mirror:
    """A client for the `/probe` of one Service.

    Each search takes a connection of its own: one that is kept would stay with the pod it began with after the Service
    points to the pods of another release. Nothing is taken from the environment and no redirect is followed.
    """

    def __init__(self, url: str, *, timeout_s: float) -> None:
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        self._url = url.rstrip("/") + "/probe"
        self._timeout_s = timeout_s
        self._client = httpx.AsyncClient(
            headers={**headers, "User-Agent": f"turnout/{__version__}", "Connection": "close"},
            timeout=timeout_s,
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=0),
            trust_env=False,
        )

    async def ask(self, asked: SearchRequest, tenant: str) -> OtherReply:
        """The other side's answer to a search of that tenant, without passages.

        Raises:
            NotTaken: refused as a search that it doesn't take.
            NoReply: anything else but an answer within the timeout.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                status, body = await self._send(_copy(asked), tenant)
        except (TimeoutError, httpx.HTTPError, httpx.StreamError, httpx.InvalidURL) as error:
            raise NoReply(type(error).__name__) from error
        if status == HTTPStatus.BAD_REQUEST:
            raise NotTaken
        if status != HTTPStatus.OK:
            raise NoReply(f"status {status}")
        try:
            return msgspec.json.decode(body, type=OtherReply)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise NoReply("not the reply of a search") from error

    async def close(self) -> None:
        """Give connections back."""
        await self._client.aclose()

    async def _send(self, body: bytes, tenant: str) -> tuple[int, bytes]:
        async with self._client.stream("POST", self._url, content=body, headers={"X-Tenant": tenant}) as response:
            found = bytearray()
            async for chunk in response.aiter_raw(1 << 16):
                found += chunk
                if len(found) > _MOST_BYTES:
                    raise NoReply("too long")
        return response.status_code, bytes(found)


def _copy(asked: SearchRequest) -> bytes:
    """What was left out stays left out: the other release has defaults of its own, which may be what it changes."""
    fields: dict[str, Any] = {"query": asked.query, "mode": asked.mode, "k": asked.k, "filters": asked.filters}
    return msgspec.json.encode({name: value for name, value in fields.items() if value})
