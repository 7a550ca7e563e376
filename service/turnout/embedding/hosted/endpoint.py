"""One attempt over HTTP: a body goes out, an outcome comes back; never an exception, and never anything of the key.

The vendor client's errors hold the request with its headers, so none of them leaves this module, not even as a cause.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

import httpx
import msgspec

from turnout import __version__
from turnout.embedding.hosted.retry import retry_after_s, worth_a_retry

# Codes of errors that tell a person what to do. Nothing else of a server's words is repeated: they may hold the texts
# or the key.
_KNOWN_CODES = frozenset(
    {
        "context_length_exceeded",
        "insufficient_quota",
        "invalid_api_key",
        "invalid_request_error",
        "model_not_found",
        "rate_limit_exceeded",
        "server_error",
    }
)

# They log what a server sends in its status line and headers, and a server may send the key back.
for _vendor in ("httpx", "httpcore"):
    logging.getLogger(_vendor).setLevel(logging.WARNING)


@dataclass(frozen=True)
class Reply:
    """Status 200 and a body."""

    body: bytes


@dataclass(frozen=True)
class Failure:
    """No answer.

    Args:
        what: the problem, a sentence's end: "answered 429".
        status: 0 if there was no status.
        again: whether the same request may succeed later.
        billed: whether the provider may charge for it all the same.
        retry_after_s: what the server asked for.
    """

    what: str
    status: int
    again: bool
    billed: bool
    retry_after_s: float | None = None


class Endpoint:
    """A client for one URL. Safe for threads.

    Redirects aren't followed, and neither proxies nor .netrc are taken from the environment: the key goes to the
    endpoint of the release and nowhere else.
    """

    def __init__(self, url: str, *, key: str | None, timeout_s: float, connections: int) -> None:
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        headers["User-Agent"] = f"turnout/{__version__}"
        if key is not None:
            headers["Authorization"] = f"Bearer {key}"
        self._url = url
        self._timeout_s = timeout_s
        limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        self._client = httpx.Client(headers=headers, timeout=timeout_s, limits=limits, trust_env=False)

    def ask(self, body: bytes, *, most_bytes: int) -> Reply | Failure:
        """Send a body and read at most `most_bytes` of the answer."""
        try:
            return self._ask(body, most_bytes, time.monotonic() + self._timeout_s)
        except httpx.ConnectTimeout:
            return Failure("can't be reached in time", 0, again=True, billed=False)
        except httpx.TimeoutException:
            return self._too_slow()
        except httpx.ConnectError:
            return Failure("can't be reached", 0, again=True, billed=False)
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, RuntimeError) as error:
            # RuntimeError: the client was closed while the request was under way.
            again = isinstance(error, httpx.TransportError)
            return Failure(f"broke off ({type(error).__name__})", 0, again=again, billed=True)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _ask(self, body: bytes, most_bytes: int, deadline: float) -> Reply | Failure:
        with self._client.stream("POST", self._url, content=body) as response:
            found = bytearray()
            for chunk in response.iter_raw():  # as it comes: a chunk of a fixed size would be waited for
                found += chunk
                if time.monotonic() > deadline:
                    return self._too_slow()
                if len(found) > most_bytes:
                    what = f"answered {response.status_code} with more than {most_bytes} bytes"
                    return Failure(what, response.status_code, again=False, billed=True)
        if response.status_code == 200:
            return Reply(bytes(found))
        return _failure(response, bytes(found))

    def _too_slow(self) -> Failure:
        return Failure(f"didn't answer within {self._timeout_s:g} s", 0, again=True, billed=True)


def _failure(response: httpx.Response, body: bytes) -> Failure:
    status, code = response.status_code, _code(body)
    return Failure(
        f"answered {status}{f' ({code})' if code else ''}",
        status,
        again=worth_a_retry(status),
        billed=False,
        retry_after_s=retry_after_s(response.headers.get("Retry-After"), wall=time.time()),
    )


class _Error(msgspec.Struct):
    code: object = None
    type: object = None


class _ErrorReply(msgspec.Struct):
    error: _Error


def _code(body: bytes) -> str:
    """The error's code, if it is one that is known."""
    try:
        error = msgspec.json.decode(body, type=_ErrorReply).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    return next((code for code in (error.code, error.type) if isinstance(code, str) and code in _KNOWN_CODES), "")
