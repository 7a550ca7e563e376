"""One call to the Kubernetes API, and what can come of it: all that Reader and Writer know of the vendor's client.

Implemented by `client.Client`, and by a dictionary in unit tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class NotFound(Exception):
    """There is no such object, or no such kind of object."""


class Conflict(Exception):
    """The object exists already, or isn't the version that was read. Read again and decide again."""


class Api(Protocol):
    """A connection with the credentials of one service account or person."""

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """The JSON that the server answers with.

        Raises:
            NotFound: 404.
            Conflict: 409.
            Unavailable: the server can't be reached, is overloaded, or took too long.
            EnvironmentProblem: the account may not do this (401, 403).
            Refused: the server doesn't accept the object; the message is its own.
        """
