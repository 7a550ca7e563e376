"""The rule for a field that an index hasn't yet: in place only if it stays empty and can refuse no document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from turnout.plan.change import Change, Difference, pointer
from turnout.plan.head import Head, children
from turnout.plan.types import CONTAINERS, KNOWN_TYPES
from turnout.plan.vectors import TRANSITIONS

Server = Literal["takes", "refuses", "unknown"]
_Rule = tuple[Change, Server, str]
_DOTTED: _Rule = (Change.COPY, "unknown", "a dot in a name makes objects on the way: write them as objects")


def new_field_difference(
    parent: dict[str, Any], after: Any, tokens: tuple[str, ...], name: str, head: Head
) -> Difference:
    """The difference that a new field makes.

    Args:
        parent: the object that it becomes a property of, as the base has it.
        name: its dotted name from the root.
        head: its pipeline says what documents fill, its mapping what is copied.
    """
    if "." in tokens[-1] and parent.get("subobjects") is not False:
        change, server, reason = _DOTTED
    else:
        change, server, reason = _rule(parent, after, name, head)
    return Difference(path=pointer(tokens), after=after, change=change, reason=reason, server=server)


def _rule(parent: dict[str, Any], after: Any, name: str, head: Head) -> _Rule:
    if surprise := next(_surprises(after, name), None):
        return Change.COPY, "unknown", surprise
    kind = after.get("type", "object")
    if parent.get("subobjects") is False and kind in CONTAINERS:
        return Change.COPY, "refuses" if kind == "nested" else "unknown", "its parent takes no objects"
    if kind == "alias" and not _reachable(str(after.get("path")), head):
        return Change.COPY, "unknown", "what this alias leads to can't be told"
    filled = head.filled(name)
    if filled is not None:
        reason = f"a new field that documents fill ({filled}): documents written before would lack it"
        return Change.COPY, "takes", reason
    return Change.IN_PLACE, "takes", "a new field that nothing fills yet: the stable release doesn't know it"


def _surprises(definition: Any, name: str, depth: int = 0) -> Iterator[str]:
    """Why a new field may do more than lie there empty."""
    if not isinstance(definition, dict):
        yield "not the definition of a field"
        return
    kind = definition.get("type", "object")
    if kind not in KNOWN_TYPES:
        yield f"no rule is known for new fields of type {kind}"
    if kind in ("alias", "constant_keyword") and (depth or "." in name):
        yield f"a field of type {kind} has values at once, so searches for the object around it would find more"
    if kind == "dense_vector" and _options(definition) not in TRANSITIONS:
        yield "no rule is known for its index_options"
    if "script" in definition:
        yield "it is computed for every document that the stable release writes, and may refuse it"
    if "time_series_dimension" in definition:
        yield "it may become part of how documents are routed"
    inside = {**children(definition, "properties"), **children(definition, "fields")}
    for child, inner in inside.items():
        if "." in child:
            yield "a dot in a name makes objects on the way"
        yield from _surprises(inner, f"{name}.{child}", depth + 1)


def _options(vector: dict[str, Any]) -> Any:
    options = vector.get("index_options", {"type": "hnsw"})
    return options.get("type") if isinstance(options, dict) else None


def _reachable(path: str, head: Head) -> bool:
    """Whether an alias at the root can lead there: to a field that exists and isn't inside nested documents."""
    field: Any = head.mappings
    for token in path.split("."):
        field = children(field, "properties").get(token)
        if not isinstance(field, dict) or field.get("type") in ("nested", "alias"):
            return False
    return bool(field.get("type", "object") != "object")
