"""The vendor's client behind the one call that turnout makes of it. Made by entry points only.

The generated methods are left alone: they decode with classes of their own, and a list of release ConfigMaps without
their content isn't among them. What is used is the package's configuration, its TLS, its tokens and its connections.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec
from kubernetes import config
from kubernetes.client import ApiClient, ApiException, Configuration
from urllib3.exceptions import HTTPError

from turnout.errors import EnvironmentProblem, Refused, TurnoutError, Unavailable
from turnout.kube.api import Conflict, NotFound

TIMEOUT_S = 10.0
_BUSY = frozenset({408, 429, 500, 502, 503, 504})


class _Status(msgspec.Struct, frozen=True):
    message: str = ""


class Client:
    """A connection to one API server. Thread-safe; each call takes `timeout_s` at most for each wait.

    Nothing is tried twice here: the controller comes back by itself, and a lease that is renewed late isn't renewed.
    """

    def __init__(self, configuration: Configuration, *, timeout_s: float = TIMEOUT_S) -> None:
        configuration.retries = False
        self._client = ApiClient(configuration)
        self._client.user_agent = "turnout"
        self._timeout_s = timeout_s

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """See `Api.call`."""
        path = f"{path}?{urlencode(query)}" if query else path
        given = {"Accept": "application/json", "Content-Type": "application/json", **(headers or {})}
        try:
            request = self._client.param_serialize(
                method, path, header_params=given, body=body, auth_settings=["BearerToken"]
            )
            response = self._client.call_api(*request, _request_timeout=self._timeout_s)
            data = bytes(response.read() or b"")  # type: ignore[no-untyped-call]
        except (ApiException, HTTPError, OSError, config.ConfigException) as error:
            raise self._unavailable(f"can't be reached: {_told(error)}") from error
        if 200 <= response.status < 300:
            return data
        raise self._refusal(response.status, data, f"{method} {path}")

    def close(self) -> None:
        """Close all connections."""
        self._client.close()  # type: ignore[no-untyped-call]

    def _refusal(self, status: int, data: bytes, what: str) -> Exception:
        message = _message(data)
        if status == 404:
            return NotFound(message or what)
        if status == 409:
            return Conflict(message or what)
        if status in _BUSY:
            return self._unavailable(f"is not able to answer now (HTTP {status})")
        if status in (401, 403):
            return EnvironmentProblem(
                f"not allowed: {message or what}", where=what, remedy="look at the Role of this account in manifests/"
            )
        return Refused(f"the API server doesn't accept it (HTTP {status}): {message}", where=what)

    def _unavailable(self, what: str) -> TurnoutError:
        return Unavailable(
            f"the Kubernetes API {what}",
            where=str(self._client.configuration.host),
            remedy="try again when the API server is healthy",
        )


def _told(error: Exception) -> str:
    """The first line, without a traceback's worth of nested errors."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]


def _message(data: bytes) -> str:
    """What the server says, if it says it in its own format; a proxy answers in HTML."""
    try:
        return msgspec.json.decode(data, type=_Status).message[:1000]
    except msgspec.DecodeError:
        return ""


def connect(*, in_cluster: bool, timeout_s: float = TIMEOUT_S) -> Client:
    """A client with the service account of this pod, or else with the kubeconfig that kubectl would use.

    Raises:
        EnvironmentProblem: neither is there, or it can't be read.
    """
    configuration = Configuration()
    try:
        if in_cluster:
            config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        else:
            config.load_kube_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    except (config.ConfigException, OSError) as error:
        raise EnvironmentProblem(
            f"no way to a Kubernetes cluster: {_told(error)}",
            remedy="run in a pod with a service account, or set KUBECONFIG",
        ) from error
    return Client(configuration, timeout_s=timeout_s)
