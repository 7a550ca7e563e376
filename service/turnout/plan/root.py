"""Rules for the root of a mapping: `dynamic`, `runtime`, `_meta` and what else stands beside `properties`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from turnout.plan.change import ABSENT, Change, Difference, pointer, same
from turnout.release.artifacts import Release

Server = Literal["takes", "refuses", "unknown"]
_Rule = tuple[Change, Server, str]

# Key -> what the server does with a new value, and why it is `copy` all the same.
_KNOWN: dict[str, tuple[Server, str]] = {
    "dynamic": ("takes", "documents written before were mapped under the old setting"),
    "dynamic_templates": ("takes", "documents written before were mapped by the old templates"),
    "date_detection": ("takes", "documents written before were mapped under the old setting"),
    "numeric_detection": ("takes", "documents written before were mapped under the old setting"),
    "dynamic_date_formats": ("takes", "documents written before were mapped under the old setting"),
}
_DYNAMIC_DEFAULT = True


def root_difference(
    before: dict[str, Any], after: dict[str, Any], key: str, tokens: tuple[str, ...], release: Release
) -> Iterator[Difference]:
    """The differences that one changed key of the mapping's root makes; `release` is the head."""
    old, new = before.get(key, ABSENT), after.get(key, ABSENT)
    if key == "runtime" and all(value is ABSENT or isinstance(value, dict) for value in (old, new)):
        yield from _runtime(before, {} if new is ABSENT else new, tokens, release)
        return
    change, server, reason = _rule(key, old, new)
    yield Difference(path=pointer(tokens), before=old, after=new, change=change, reason=reason, server=server)


def _rule(key: str, old: Any, new: Any) -> _Rule:
    if key == "_meta":
        reason = "notes that the server doesn't act on; a view gets them when it is built again"
        return Change.IN_PLACE, "takes", reason
    if key == "dynamic":
        return _dynamic(old, new)
    if key in _KNOWN and new is not ABSENT:
        server, reason = _KNOWN[key]
        return Change.COPY, server, reason
    return Change.COPY, "unknown", f"no rule is known for {key}: the documents are written again to be safe"


def _dynamic(old: Any, new: Any) -> _Rule:
    if new is ABSENT:
        # A request that leaves it out changes nothing, so only a new index would get the default.
        return Change.COPY, "unknown", "leaving dynamic out of a request leaves it as it was"
    was, now = (str(_DYNAMIC_DEFAULT if value is ABSENT else value).lower() for value in (old, new))
    if was == now:
        return Change.IN_PLACE, "takes", "written another way, or a default written out: the same meaning to the server"
    if was == "strict":
        return Change.IN_PLACE, "takes", "looser than strict: documents that were taken before are stored the same"
    server, reason = _KNOWN["dynamic"]
    return Change.COPY, server, reason


def _runtime(
    base: dict[str, Any], after: dict[str, Any], tokens: tuple[str, ...], release: Release
) -> Iterator[Difference]:
    before = base.get("runtime") or {}
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name, ABSENT), after.get(name, ABSENT)
        if same(old, new):
            continue
        change, server, reason = _runtime_rule(base, name, old, release)
        yield Difference(
            path=pointer((*tokens, name)), before=old, after=new, change=change, reason=reason, server=server
        )


def _runtime_rule(base: dict[str, Any], name: str, old: Any, release: Release) -> _Rule:
    top = name.split(".", maxsplit=1)[0]
    if old is not ABSENT:
        return Change.COPY, "unknown", "the stable release may ask for this runtime field as it was"
    if top in (base.get("properties") or {}):
        return Change.COPY, "takes", "it would hide a field of the same name from the stable release"
    index = release.pipeline.index
    if top in {target.split(".", maxsplit=1)[0] for target in (*index.copy, index.passages)}:
        return Change.COPY, "takes", "documents fill a field of this name, which would no longer be mapped by itself"
    return Change.IN_PLACE, "takes", "a new runtime field: computed when asked, and nothing asks for it yet"
