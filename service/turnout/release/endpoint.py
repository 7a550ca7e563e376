"""Where a hosted model may be asked, and what is known about its providers. Read by the rules, by the fingerprint and,
once more before any request, by the hosted runtime: a pod gets release.json and no findings."""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

TOKEN_RULE_VERSION = 1
"""Raised when the estimate of a hosted model's tokens changes: texts are then cut at other places."""

MOST_TEXTS = {"openai": 2048, "cohere": 96}
"""Texts that a provider takes in one request."""

_FORM = re.compile(r"https?://[a-z0-9.\-\[\]:]+(/[A-Za-z0-9._~/-]*[A-Za-z0-9._~-])?")


class EndpointProblem(NamedTuple):
    """Why a URL can't be an endpoint. Never quotes the URL: there may be a secret in it."""

    rule: str
    problem: str
    remedy: str


def endpoint_problem(url: str) -> EndpointProblem | None:
    """What is wrong with an endpoint; None if nothing is."""
    if "@" in url:
        return EndpointProblem(
            "endpoint-credentials",
            "the endpoint has credentials in it",
            "take them out, and change them: they are in Git now. The key belongs into TURNOUT_EMBEDDING_API_KEY",
        )
    parts = _parts(url)
    if not _FORM.fullmatch(url) or parts is None or not parts.hostname:
        return EndpointProblem(
            "endpoint-form",
            "the endpoint is not a base URL",
            "write https://host/path: host in lower case, no `/` at the end, no query, no fragment",
        )
    if parts.scheme == "http" and not on_this_machine(url):
        return EndpointProblem(
            "endpoint-insecure",
            "the endpoint is plain http to another machine: texts and the key could be read on the way",
            "write https; http is for 127.0.0.1, [::1] and localhost",
        )
    return None


def host_of(url: str) -> str:
    """The host that a URL names, without port; empty if it names none."""
    parts = _parts(url)
    return (parts.hostname or "") if parts else ""


def without_credentials(url: str) -> str:
    """A URL that may be printed: what stands before any `@` and in the query could be a secret."""
    scheme, mark, rest = url.partition("://")
    open_part = rest.rpartition("@")[2].split("?", 1)[0].split("#", 1)[0]
    return f"{scheme}{mark}{open_part}" if mark else "a URL without a scheme"


def on_this_machine(url: str) -> bool:
    """Whether the URL's host is a loopback address."""
    parts = _parts(url)
    host = parts.hostname if parts else None
    if host is None or host == "localhost":
        return host is not None
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _parts(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        return parts if parts.port != 0 else None
    except ValueError:  # a port that is no number, half a bracket
        return None
