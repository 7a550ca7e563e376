"""Errors as HTTP replies, in one shape (RFC 9457). Used by the app; no stack trace and no query text leaves here."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from turnout.errors import BadInput, TurnoutError
from turnout.retrieval.admission import Shed
from turnout.retrieval.messages import Problem

_log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 1

AnyRequest = Request[Any, Any, Any]


def reply(problem: Problem, *, headers: dict[str, str] | None = None) -> Response[Problem]:
    """A problem as a response. 503 says when to come back."""
    extra = {"Retry-After": str(RETRY_AFTER_S)} if problem.status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    return Response(problem, status_code=problem.status, media_type=MEDIA_TYPE, headers={**extra, **(headers or {})})


def problem(status: int, detail: str, *, where: str = "", remedy: str = "") -> Problem:
    """A problem with the standard title of its status."""
    return Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, where=where, remedy=remedy)


def from_own(_: AnyRequest, error: TurnoutError) -> Response[Problem]:
    """Our own errors: the caller's mistake, or something that isn't there now."""
    status = 400 if isinstance(error, BadInput) else 503
    return reply(problem(status, error.what, where=error.where, remedy=error.remedy))


def from_shed(_: AnyRequest, __: Shed) -> Response[Problem]:
    """Too many searches are waiting."""
    return reply(problem(503, "too many searches are waiting", where="search", remedy="try again in a second"))


def from_validation(_: AnyRequest, error: ValidationException) -> Response[Problem]:
    """What the types refuse, with the first place of it."""
    extra: Any = error.extra
    first = extra[0] if isinstance(extra, list) and extra else {}
    message = first.get("message", error.detail)
    source, key = first.get("source", ""), str(first.get("key", ""))
    where = f"{getattr(source, 'value', source)} {_NAMES.get(key, key)}".strip()
    return reply(problem(400, message, where=where, remedy=_REMEDY))


def from_http(_: AnyRequest, error: HTTPException) -> Response[Problem]:
    """What the framework refuses: unknown paths and methods, bodies that are too large or no JSON."""
    headers = {name: value for name, value in (error.headers or {}).items() if name.lower() == "allow"}
    remedy = _REMEDY if error.status_code < 500 else ""
    return reply(problem(error.status_code, error.detail, remedy=remedy), headers=headers)


def from_body(__: AnyRequest, error: msgspec.DecodeError | RecursionError | UnicodeDecodeError) -> Response[Problem]:
    """A body that isn't the JSON that is asked for. msgspec names the place as `$.field`."""
    if isinstance(error, UnicodeDecodeError):
        return reply(problem(400, "the JSON is not UTF-8", where="body", remedy=_REMEDY))
    if isinstance(error, RecursionError):
        return reply(problem(400, "the JSON is nested too deeply", where="body", remedy=_REMEDY))
    detail, _, place = str(error).partition(" - at `")
    return reply(problem(400, detail, where=place.rstrip("`") or "body", remedy=_REMEDY))


def from_anything(request: AnyRequest, error: Exception) -> Response[Problem]:
    """A bug. The type goes to the log, with where it came from but without its message, which may hold a query."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    at = f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place is not None else "?"
    _log.error("unexpected %s at %s in %s", type(error).__name__, at, request.scope["path"])
    return reply(problem(500, "something went wrong here", remedy="report it with the time of the request"))


# Our names of parameters that go by another name in HTTP.
_NAMES = {"tenant": "X-Tenant", "filter_": "filter"}

_REMEDY = "see /schema/openapi.json for what is taken"

HANDLERS: dict[int | type[Exception], Any] = {
    TurnoutError: from_own,
    Shed: from_shed,
    ValidationException: from_validation,
    HTTPException: from_http,
    msgspec.DecodeError: from_body,
    RecursionError: from_body,
    UnicodeDecodeError: from_body,
    Exception: from_anything,
}
