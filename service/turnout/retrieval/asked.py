"""From what a client sent to a `Query`, within the release's limits. Pure; called by the handlers."""

from __future__ import annotations

import re
from collections.abc import Iterable

from turnout.errors import BadInput
from turnout.query.request import Query
from turnout.release.artifacts import Release
from turnout.retrieval.messages import TENANT_PATTERN, SearchRequest

_TENANT = re.compile(TENANT_PATTERN)


def as_query(release: Release, request: SearchRequest, tenant: str) -> Query:
    """The search as asked, with the release's defaults for what was left out.

    Raises:
        BadInput: beyond the release's limits, a filter that it doesn't name, or a tenant that can't be one.
    """
    limits, defaults = release.pipeline.limits, release.pipeline.retrieval
    if not _TENANT.fullmatch(tenant):
        raise BadInput(
            "not a tenant", where="header X-Tenant", remedy="use 1 to 128 letters, digits, dots, dashes, _ or @"
        )
    if len(request.query) > limits.max_query_chars:
        raise BadInput(
            f"the query has {len(request.query)} characters, at most {limits.max_query_chars} are taken",
            where="query",
            remedy="shorten it",
        )
    k = defaults.k if request.k is None else int(request.k)
    if k > limits.max_k:
        raise BadInput(f"k is {k}, at most {limits.max_k} hits are returned", where="k", remedy="ask for fewer")
    return Query(
        text=request.query,
        mode=request.mode or defaults.mode,
        k=k,
        tenant=tenant,
        filters={field: tuple(values) for field, values in request.filters.items()},
        passages=request.passages,
    )


def parse_filters(pairs: Iterable[str]) -> dict[str, list[str]]:
    """`field:value` pairs of a query string; values of one field are alternatives.

    Raises:
        BadInput: no colon.
    """
    filters: dict[str, list[str]] = {}
    for pair in pairs:
        field, colon, value = pair.partition(":")
        if not colon:
            raise BadInput("a filter is `field:value`", where="query filter", remedy="write filter=kind:guide")
        filters.setdefault(field, []).append(value)
    return filters
