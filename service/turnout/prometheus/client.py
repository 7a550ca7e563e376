"""Range queries to Prometheus over HTTP, each with one deadline for all of it. Called by `turnout.judge`.

The errors of the HTTP library hold requests with their headers, so none of them leaves this module, not even as a
cause: a token must not get into a log.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

import httpx
import msgspec
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from turnout import __version__
from turnout.errors import BadInput, Refused, Unavailable
from turnout.prometheus.series import Answer, decode

MOST_BYTES = 64 << 20
"""Read, an answer takes five times as much memory; the controller has 1 GiB, and a trial may be paused for days."""
_LEAST_TIMEOUT_S = 0.05
_SAID = 300  # characters of Prometheus' own words that are repeated
_TRY_AGAIN = (408, 429, 500, 502, 503, 504)

# They log addresses, in which a password may stand.
for _vendor in ("httpx", "httpcore"):
    logging.getLogger(_vendor).setLevel(logging.WARNING)


class _NotConnected(Exception):
    """Nothing was sent, so the same can be tried again at once."""


class Prometheus:
    """One Prometheus, or anything that speaks its HTTP API. Safe for threads.

    Args:
        url: its address; may have a path in front of /api/v1, and a user with a password.
        timeout_s: most that one query may take, connecting and reading the answer included.
        headers: sent with each query, such as `Authorization`; never repeated in an error.
        most_bytes: of one answer.

    Raises:
        BadInput: the address isn't one.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float = 5.0,
        headers: Mapping[str, str] | None = None,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self.timeout_s, self._most_bytes = timeout_s, most_bytes
        address = _address(url)
        self.where = str(address.copy_with(username=None, password=None, query=None, fragment=None)).rstrip("/")
        self._query_range = address.copy_with(
            path=address.path.rstrip("/") + "/api/v1/query_range", query=None, fragment=None
        )
        self._secrets = [part for value in (headers or {}).values() for part in (value, value.split(" ")[-1]) if part]
        self._secrets += [address.password] if address.password else []
        # Unpacking costs more than what a cluster's network takes for the same. No proxies, no .netrc, no redirects:
        # the token goes to this address and nowhere else.
        own = {"Accept-Encoding": "identity", "User-Agent": f"turnout/{__version__}"}
        self._client = httpx.Client(headers={**own, **(headers or {})}, timeout=timeout_s, trust_env=False)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def query_range(
        self, promql: str, start: float, end: float, step: float, *, timeout_s: float | None = None
    ) -> Answer:
        """Ask for the values of an expression at `start`, `start` + `step` and so on, up to `end`.

        Args:
            promql: the expression.
            start, end: Unix seconds; Prometheus takes milliseconds.
            step: seconds.
            timeout_s: less than the client's own time, where there is less left.

        Raises:
            Unavailable: Prometheus is down, too slow or overloaded; the same may work later.
            Refused: it rejects the query or the caller, or what answers isn't Prometheus.
        """
        limit = max(_LEAST_TIMEOUT_S, min(self.timeout_s, self.timeout_s if timeout_s is None else timeout_s))
        deadline = time.monotonic() + limit
        query = {"query": promql, "start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:.3f}"}
        tries = Retrying(
            retry=retry_if_exception_type(_NotConnected),
            stop=stop_after_delay(limit / 2),
            wait=wait_random_exponential(multiplier=0.05, max=0.5),
            reraise=True,
        )
        try:
            status, body, date = tries(self._ask, query | {"timeout": f"{limit:.3f}"}, deadline)
        except _NotConnected:
            raise self._unavailable("can't be reached") from None
        if status != 200:
            raise self._rejected(status, body)
        try:
            return decode(body, date=date)
        except ValueError as error:
            raise Refused(
                "what answers isn't Prometheus, or it can't be understood",
                where=self.where,
                remedy="check the address and what stands before Prometheus",
            ) from error

    def _ask(self, query: Mapping[str, str], deadline: float) -> tuple[int, bytes, float | None]:
        left = max(_LEAST_TIMEOUT_S, deadline - time.monotonic())
        try:
            with self._client.stream("GET", self._query_range, params=dict(query), timeout=left) as response:
                found = bytearray()
                for chunk in response.iter_raw():  # as it comes: with a size it would wait for one, however long
                    found += chunk
                    if time.monotonic() > deadline:
                        raise self._unavailable("doesn't answer in time")
                    if len(found) > self._most_bytes:
                        raise self._unavailable(f"answers with more than {self._most_bytes >> 20} MiB")
            return response.status_code, bytes(found), _date(response.headers.get("Date"))
        except (httpx.ConnectError, httpx.ConnectTimeout):
            raise _NotConnected from None
        except httpx.TimeoutException:
            raise self._unavailable("doesn't answer in time") from None
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, RuntimeError) as error:
            # RuntimeError: the client was closed meanwhile.
            raise self._unavailable(f"breaks off ({type(error).__name__})") from None

    def _unavailable(self, what: str) -> Unavailable:
        return Unavailable(
            f"Prometheus {what}", where=self.where, remedy="see whether it is up, and whether it may be reached"
        )

    def _rejected(self, status: int, body: bytes) -> Unavailable | Refused:
        said = self._said(body)
        if status in (401, 403):
            return Refused(f"Prometheus rejects the caller (HTTP {status})", where=self.where, remedy="check the token")
        if status in _TRY_AGAIN:
            return self._unavailable(f"can't answer now (HTTP {status}{said})")
        remedy = "check the address and the query" if said else "check the address, with the path before /api/v1"
        return Refused(f"Prometheus rejects the query (HTTP {status}{said})", where=self.where, remedy=remedy)

    def _said(self, body: bytes) -> str:
        """Prometheus' own words on one line, without what only we and it should know."""
        try:
            text = msgspec.json.decode(body, type=_Problem).error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return ""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return f": {' '.join(text.split())[:_SAID]}"


class _Problem(msgspec.Struct, tag_field="status", tag="error"):
    error: str


def _address(url: str) -> httpx.URL:
    try:
        address = httpx.URL(url.strip())
    except (httpx.InvalidURL, TypeError):
        address = httpx.URL("")
    if address.scheme not in ("http", "https") or not address.host:
        raise BadInput(
            "the address of Prometheus isn't one", remedy="give one such as http://prometheus.monitoring:9090"
        )
    return address


def _date(text: str | None) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp() if text else None
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
