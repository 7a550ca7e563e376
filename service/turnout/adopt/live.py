"""Look at an index that turnout didn't make. Reads only."""

from __future__ import annotations

import copy
from typing import Any

import msgspec

from turnout.elastic.reader import Reader
from turnout.elastic.views import META_KEY
from turnout.errors import BadInput, Refused

# What a server adds to the settings of an index by itself and refuses, or shouldn't get, when one is made.
_OF_THE_SERVER = frozenset(
    {"uuid", "creation_date", "provided_name", "version", "history", "resize", "verified_before_close"}
)


class LiveIndex(msgspec.Struct, frozen=True, kw_only=True):
    """An index as the server describes it. `alias` is None if it was named by its own name.

    `documents` counts documents without their nested parts, as the last refresh left them.
    """

    index: str
    alias: str | None
    mappings: dict[str, Any]
    settings: dict[str, Any]
    documents: int


def look(reader: Reader, name: str) -> LiveIndex:
    """The index that is called `name`, or that the alias `name` points at.

    Raises:
        BadInput: there is neither.
        Refused: an alias on several indexes or with a filter or routing, a closed index, or a view of turnout's own.
        Unavailable: the server can't answer.
    """
    targets = reader.alias_targets(name)
    if len(targets) > 1:
        listed = ", ".join(sorted(targets))
        raise Refused(f"the alias points at {len(targets)} indexes: {listed}", where=name, remedy="name one of them")
    index = next(iter(targets), name)
    described = reader.describe(index)
    if described is None:
        raise BadInput("there is no such index or alias", where=name, remedy="name it as Elasticsearch does")
    settings = dict(described["settings"]["index"])
    _refuse(name, index, described, settings)
    return LiveIndex(
        index=index,
        alias=name if targets else None,
        mappings=described["mappings"],
        settings=settings,
        documents=reader.count(index),
    )


def _refuse(name: str, index: str, described: dict[str, Any], settings: dict[str, Any]) -> None:
    meta = (described["mappings"].get("_meta") or {}).get(META_KEY)
    if isinstance(meta, dict) and not meta.get("adopted"):
        raise Refused(
            "turnout made this index itself", where=index, remedy="its files are in Git; see `turnout status`"
        )
    if settings.get("verified_before_close") in (True, "true"):
        raise Refused("the index is closed", where=index, remedy="open it")
    about = described["aliases"].get(name, {})
    more = sorted(set(about) & {"filter", "index_routing", "search_routing"})
    if more:
        raise Refused(
            f"the alias has {', '.join(more)}, which turnout would lose when it moves it",
            where=name,
            remedy="give the applications an alias without it, and adopt that one",
        )


def release_mapping(live: LiveIndex) -> dict[str, Any]:
    """The body that would make such an index: without what the server adds, and without turnout's own `_meta`."""
    mappings = copy.deepcopy(live.mappings)
    meta = mappings.get("_meta")
    if isinstance(meta, dict):
        meta.pop(META_KEY, None)
        if not meta:
            del mappings["_meta"]
    settings = {name: value for name, value in live.settings.items() if name not in _OF_THE_SERVER}
    if "routing" in settings:
        settings["routing"] = _routing(copy.deepcopy(settings["routing"]))
        settings = {name: value for name, value in settings.items() if value != {}}
    return {"settings": settings, "mappings": mappings}


def _routing(routing: dict[str, Any]) -> dict[str, Any]:
    """Allocation rules without those that the server sets on every new or restored index."""
    allocation = routing.get("allocation", {})
    allocation.pop("initial_recovery", None)
    if allocation.get("include", {}).get("_tier_preference") == "data_content":
        del allocation["include"]["_tier_preference"]
    routing["allocation"] = {name: value for name, value in allocation.items() if value != {}}
    return {name: value for name, value in routing.items() if value != {}}
