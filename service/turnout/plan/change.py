"""Change classes and single differences. Everything in this package speaks in these two."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from enum import Enum
from typing import Any, Literal

import msgspec
from msgspec import UNSET

from turnout.release.fingerprint import canonical

ABSENT: Any = UNSET
"""Stands for "not written there", which JSON's null can't: null is a value."""


@functools.total_ordering
class Change(Enum):
    """How much work a difference makes, cheapest first. The value is the word used everywhere."""

    NONE = "none"
    OPERATIONAL = "operational"
    QUERY = "query"
    IN_PLACE = "in-place"
    COPY = "copy"
    EMBED = "embed"

    def __lt__(self, other: Change) -> bool:
        order = list(Change)
        return order.index(self) < order.index(other)


class Difference(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One place where two releases differ.

    `path` is a JSON pointer into release.json. `before` or `after` is `ABSENT` (left out of JSON) where one side has
    nothing there. `server` says what the rule believes that Elasticsearch does with the change in place; it is what
    `--confirm` holds against a real server. A change that the server takes can still be `copy`, because it isn't
    additive.
    """

    path: str
    change: Change
    reason: str
    before: Any = ABSENT
    after: Any = ABSENT
    server: Literal["takes", "refuses", "unknown"] = "unknown"


def highest(differences: Iterable[Difference]) -> Change:
    """The class of a whole change: that of its dearest difference."""
    return max((difference.change for difference in differences), default=Change.NONE)


def same(before: Any, after: Any) -> bool:
    """Whether two JSON values are written the same: `true` is not `1`, and absent is not null."""
    if before is ABSENT or after is ABSENT:
        return before is after
    return canonical(before) == canonical(after)


def pointer(tokens: Iterable[str]) -> str:
    """A JSON pointer (RFC 6901) of the tokens."""
    return "".join("/" + token.replace("~", "~0").replace("/", "~1") for token in tokens)


def tokens_of(path: str) -> tuple[str, ...]:
    """The inverse of `pointer`."""
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in path.split("/")[1:])
