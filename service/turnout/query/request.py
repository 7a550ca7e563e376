"""One search, as asked. Made by the service from HTTP and by evaluation from a query set."""

from __future__ import annotations

import msgspec

from turnout.release.artifacts import RetrievalMode


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What to search for.

    `tenant` is not optional: every body that this package builds filters by it. `filters` maps a field of the
    release's `filter_fields` to the values of which one must match. `passages` asks for the best passage of each hit.
    """

    text: str
    mode: RetrievalMode
    k: int
    tenant: str
    filters: dict[str, tuple[str, ...]] = {}
    passages: bool = False
