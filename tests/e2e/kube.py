"""The cluster as the stories see it: plain objects by path, over one kept connection (kubectl would cost a process).

Only asks and changes; what it means is in `rolling`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
import urllib3
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

NAMESPACE = "turnout"
PATCH = "application/merge-patch+json"


class ApiDown(Exception):
    """The API server can't be reached, or isn't ready to answer."""


class Kube:
    """A client of one cluster, with the rights of the kubeconfig."""

    def __init__(self, kubeconfig: Path) -> None:
        configuration = client.Configuration()
        config.load_kube_config(str(kubeconfig), client_configuration=configuration)  # type: ignore[no-untyped-call]
        configuration.retries = False
        self._api = client.ApiClient(configuration)
        self._host = configuration.host

    def get(self, path: str, **query: str) -> dict[str, Any] | None:
        """One object, or a list; None if there is no such thing."""
        return self._call("GET", path, query=query)

    def items(self, path: str, **query: str) -> list[dict[str, Any]]:
        """The items of a list; empty if the kind isn't known."""
        found = self.get(path, **query)
        return list(found["items"]) if found else []

    def post(self, path: str, body: dict[str, Any], **query: str) -> dict[str, Any]:
        """Create an object.

        Raises:
            ApiException: it exists, or isn't valid.
        """
        made = self._call("POST", path, body=body, query=query)
        assert made is not None, f"{path}: no such kind or namespace"
        return made

    def patch(self, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
        """Lay `body` over an object; None if there is no such object."""
        return self._call("PATCH", path, body=body, content=PATCH)

    def delete(self, path: str, **query: str) -> None:
        """Delete an object, if it exists."""
        self._call("DELETE", path, query=query)

    def _call(
        self,
        method: str,
        path: str,
        *,
        body: dict[str, Any] | None = None,
        query: dict[str, str] | None = None,
        content: str = "application/json",
    ) -> dict[str, Any] | None:
        url = f"{self._host}{path}" + (f"?{urlencode(query)}" if query else "")
        headers: dict[str, str] = {"Accept": "application/json", "Content-Type": content}
        self._api.update_params_for_auth(headers, [], ["BearerToken"], path, method, body)
        try:
            answer = self._api.call_api(method, url, headers, body, None, 15.0)
            data = answer.read()  # type: ignore[no-untyped-call]
        except urllib3.exceptions.HTTPError as error:
            raise ApiDown(f"{type(error).__name__}: {error}"[:300]) from error
        if answer.status == 404:
            return None
        if answer.status in (429, 500, 502, 503, 504):
            raise ApiDown(f"HTTP {answer.status}: {data[:200]!r}")
        if not 200 <= answer.status < 300:
            raise ApiException(http_resp=answer, body=data.decode(errors="replace"))
        result: dict[str, Any] = orjson.loads(data)
        return result


def core(kind: str, name: str = "", *, namespace: str = NAMESPACE) -> str:
    """The path of a core/v1 object, or of all of a kind."""
    return f"/api/v1/namespaces/{namespace}/{kind}" + (f"/{name}" if name else "")


def group(api: str, kind: str, name: str = "", *, namespace: str = NAMESPACE) -> str:
    """The path of another API's object, or of all of a kind; `api` is for example `apps/v1`."""
    return f"/apis/{api}/namespaces/{namespace}/{kind}" + (f"/{name}" if name else "")


ROLLOUTS = "argoproj.io/v1alpha1"
