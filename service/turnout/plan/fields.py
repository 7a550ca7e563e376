"""Rules for fields of a mapping: what may be changed on an index that the stable release is using.

A change is in-place only when it is *additive*: the stable release's results and writes stay as they are, and a
document written before the change is stored as one written after it. What Elasticsearch would take without being
additive (`search_analyzer`, `ignore_above`, ...) is `copy`, as is whatever has no rule here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from turnout.plan.change import ABSENT, Change, Difference, pointer, same
from turnout.plan.head import Head
from turnout.plan.multi_fields import multi_field_difference
from turnout.plan.new_fields import new_field_difference
from turnout.plan.parameters import Server, parameter_difference
from turnout.plan.root import root_difference
from turnout.release.artifacts import Release

Tokens = tuple[str, ...]
MAPPINGS: Tokens = ("mapping", "mappings")


class Place(NamedTuple):
    """Where in the mapping a rule looks: JSON pointer tokens and the field's dotted name (empty for the root)."""

    tokens: Tokens
    name: str

    def child(self, field: str) -> Place:
        """The place of a property."""
        return Place((*self.tokens, "properties", field), f"{self.name}.{field}" if self.name else field)


def mappings_differences(base: dict[str, Any], head: dict[str, Any], release: Release) -> Iterator[Difference]:
    """Differences between two `mappings` bodies; the pipeline of `release`, the head, says what is filled and asked."""
    yield from _object(base, head, Place(MAPPINGS, ""), Head(release))


def _object(before: dict[str, Any], after: dict[str, Any], place: Place, head: Head) -> Iterator[Difference]:
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key, ABSENT), after.get(key, ABSENT)
        if same(old, new):
            continue
        if key == "properties" and _containers(old, new):
            yield from _properties(before, after, place, head)
        elif key == "fields" and place.name and _containers(old, new):
            yield from _multi_fields(before, old or {}, new or {}, place, head)
        elif place.name:
            yield parameter_difference(before, after, key, (*place.tokens, key))
        else:
            yield from root_difference(before, after, key, (*place.tokens, key), head.release)


def _containers(old: Any, new: Any) -> bool:
    return all(value is ABSENT or isinstance(value, dict) for value in (old, new))


def _properties(parent: dict[str, Any], now: dict[str, Any], place: Place, head: Head) -> Iterator[Difference]:
    before, after = parent.get("properties") or {}, now.get("properties") or {}
    for field in sorted(before.keys() | after.keys()):
        at = place.child(field)
        old, new = before.get(field, ABSENT), after.get(field, ABSENT)
        if same(old, new):
            continue
        if old is ABSENT:
            yield new_field_difference(parent, new, at.tokens, at.name, head)
        elif not isinstance(old, dict) or not isinstance(new, dict):
            yield _copy(at.tokens, old, new, "a field can't be taken out of an index that exists")
        elif old.get("type", "object") != new.get("type", "object"):
            yield _copy((*at.tokens, "type"), old.get("type", ABSENT), new.get("type", ABSENT), "a type is for good")
        else:
            yield from _object(old, new, at, head)


def _copy(tokens: Tokens, before: Any, after: Any, reason: str) -> Difference:
    # A PUT that leaves a field out is no question to the server, so there is nothing to confirm.
    server: Server = "unknown" if after is ABSENT or before is ABSENT else "refuses"
    return Difference(
        path=pointer(tokens), before=before, after=after, change=Change.COPY, reason=reason, server=server
    )


def _multi_fields(
    parent: dict[str, Any], before: dict[str, Any], after: dict[str, Any], place: Place, head: Head
) -> Iterator[Difference]:
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name, ABSENT), after.get(name, ABSENT)
        at = Place((*place.tokens, "fields", name), f"{place.name}.{name}")
        if same(old, new):
            continue
        if old is ABSENT:
            yield multi_field_difference(parent, new, at.tokens, at.name, head)
        elif not isinstance(old, dict) or not isinstance(new, dict):
            yield _copy(at.tokens, old, new, "a multi-field can't be taken out of an index that exists")
        elif old.get("type") != new.get("type"):
            yield _copy((*at.tokens, "type"), old.get("type", ABSENT), new.get("type", ABSENT), "a type is for good")
        else:
            yield from _object(old, new, at, head)
