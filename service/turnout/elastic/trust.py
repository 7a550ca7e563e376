"""Whose certificate is taken for Elasticsearch's, and what a failed handshake means in words.

Called by `client`, which every client comes from, and by the readers and writers that turn vendor errors into ours.
There is no way to turn verification off.
"""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import certifi

from turnout.errors import EnvironmentProblem

CA_VARIABLE = "TURNOUT_ELASTICSEARCH_CA"

_NOT_YET, _EXPIRED = 9, 10
_OTHER_NAME = (62, 64)  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH
_PLAIN_ANSWERS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNEXPECTED_MESSAGE", "RECORD_LAYER_FAILURE")
# What a client sees when a server that expects TLS hangs up on plain HTTP.
_HUNG_UP = (http.client.RemoteDisconnected, http.client.BadStatusLine, ConnectionResetError)


class Problem(NamedTuple):
    """What is wrong with the connection's encryption, and what to do about it."""

    what: str
    remedy: str


def context_for(url: str, ca: Path | None) -> ssl.SSLContext | None:
    """How the server at `url` is verified: its chain, its dates and its name or address; None for plain HTTP.

    Args:
        ca: a PEM file with the authorities that are trusted, and no others. None trusts those of the system and the
            public ones.

    Raises:
        EnvironmentProblem: the file is missing, can't be read or holds no certificate; or the address is plain HTTP,
            where a given authority would protect nothing.
    """
    if not url.lower().startswith("https://"):
        if ca is not None:
            raise EnvironmentProblem(
                f"{CA_VARIABLE} is set, but the address of Elasticsearch is no https://: nothing would be encrypted",
                where=str(ca),
                remedy=f"write https:// in TURNOUT_ELASTICSEARCH_URL, or unset {CA_VARIABLE}",
            )
        return None
    if ca is None:
        context = ssl.create_default_context()
        context.load_verify_locations(cafile=certifi.where())
    else:
        context = _trusting_only(ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _trusting_only(ca: Path) -> ssl.SSLContext:
    remedy = f"point {CA_VARIABLE} at the PEM file of the authority that signed Elasticsearch's certificate"
    try:
        return ssl.create_default_context(cafile=str(ca))
    except ssl.SSLError as error:
        what = "holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)"
        raise EnvironmentProblem(what, where=str(ca), remedy=remedy) from error
    except OSError as error:
        what = f"the certificate authority can't be read: {error.strerror}"
        raise EnvironmentProblem(what, where=str(ca), remedy=remedy) from error


def problem_of(error: BaseException, *, scheme: str) -> Problem | None:
    """What an error of the vendor's client says about encryption; None if it is about something else.

    Args:
        scheme: `http` or `https`, as the server was asked.
    """
    causes = list(_causes(error, set()))
    if scheme == "http":
        return _plain_to_tls(causes)
    # Not aiohttp's own error, which is of this class and has no code.
    refused = [
        each for each in causes if isinstance(each, ssl.SSLCertVerificationError) and hasattr(each, "verify_code")
    ]
    if refused:
        return _certificate(refused[0])
    failed = [each for each in causes if isinstance(each, ssl.SSLError)]
    if not failed:
        return None
    if any(each.reason in _PLAIN_ANSWERS for each in failed):
        return Problem("it answers without TLS", "turn on TLS there, or ask it by http:// if it is on this machine")
    reason = next((each.reason for each in failed if each.reason), "the handshake failed")
    return Problem(f"TLS can't be agreed on ({reason})", "see that it offers TLS 1.2 or newer and wants no certificate")


def _certificate(error: ssl.SSLCertVerificationError) -> Problem:
    if error.verify_code == _EXPIRED:
        return Problem("its certificate, or one that signed it, has expired", "renew that certificate")
    if error.verify_code == _NOT_YET:
        return Problem("its certificate isn't valid yet", "compare the clocks of both machines")
    if error.verify_code in _OTHER_NAME or "mismatch" in str(error):
        remedy = "ask it by a name that is in its certificate, or issue one for this name"
        return Problem("its certificate is for another name", remedy)
    return Problem(
        f"no trusted authority signed its certificate ({error.verify_message})",
        f"set {CA_VARIABLE} to the PEM file of the authority that did",
    )


def _plain_to_tls(causes: list[BaseException]) -> Problem | None:
    if any(isinstance(each, _HUNG_UP) for each in causes):
        return Problem("it closed the connection", "if it speaks TLS, write https:// in TURNOUT_ELASTICSEARCH_URL")
    return None


def _causes(error: BaseException, seen: set[int]) -> Iterator[BaseException]:
    """The error and all that it wraps. Each library wraps in a way of its own."""
    if id(error) in seen:
        return
    seen.add(id(error))
    yield error
    wrapped = (*getattr(error, "errors", ()), *error.args, getattr(error, "certificate_error", None))
    for each in (*wrapped, error.__cause__, error.__context__):
        if isinstance(each, BaseException):
            yield from _causes(each, seen)
