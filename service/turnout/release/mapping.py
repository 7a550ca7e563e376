"""The fields and settings of a mapping, found in whichever of its spellings it uses, and what is wrong with it alone.

A mapping is taken as Elasticsearch's create-index API takes it, so only what turnout itself relies on is looked at;
the rest is confirmed by a server (`turnout plan --confirm`). Called by `checking` and by the rules across files.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from turnout.release.document import Document
from turnout.release.findings import Finding, Path, shown

SYSTEM_FIELD = "turnout"
DEFAULT_NESTED_LIMIT = 10_000
_NESTED_LIMIT = "index.mapping.nested_objects.limit"
_OBJECTS = ("object", "nested")


class Field(msgspec.Struct, frozen=True):
    """One field: its definition, the path to it in the file, and what it is part of."""

    definition: dict[str, Any]
    path: Path
    nested: bool = False
    """Inside a nested object, so out of reach of plain queries."""
    parent: str = ""
    """For a multi-field, the field that it belongs to; it is written through that one only."""

    @property
    def type(self) -> str:
        """Elasticsearch's type name."""
        return str(self.definition.get("type", "object"))


class Mapping(msgspec.Struct, frozen=True):
    """What the rules ask of a mapping."""

    document: Document
    fields: dict[str, Field]
    """By full name, as a query names them."""
    nested_limit: int


def read_mapping(document: Document) -> tuple[Mapping | None, list[Finding]]:
    """The fields of a mapping file, or what is wrong with it."""
    fields: dict[str, Field] = {}
    found = [*_top(document)]
    if not found:
        found.extend(_fields(document, fields))
        found.extend(_mappings(document))
        found.extend(_durable(document))
    limit, more = _nested_limit(document)
    found.extend(more)
    return (None, found) if found else (Mapping(document, fields, limit), [])


def _top(document: Document) -> Iterator[Finding]:
    value = document.value
    if not isinstance(value, dict):
        yield document.finding((), "wrong-type", "the mapping is not an object", 'write {"mappings": {...}}')
        return
    for name in set(value) - {"mappings", "settings"}:
        remedy = "turnout owns the aliases; drop it" if name == "aliases" else "keep `mappings` and `settings` only"
        yield document.finding((name,), "unknown-key", f"unknown key {shown(name)}", remedy, at_key=True)
    for name in ("mappings", "settings"):
        if not isinstance(value.get(name, {}), dict):
            yield document.finding((name,), "wrong-type", f"`{name}` is not an object", "write it as the API takes it")
    if "mappings" not in value:
        remedy = 'add `"mappings": {"dynamic": "strict", "properties": {...}}`'
        yield document.finding((), "missing-key", "the file lacks `mappings`", remedy)
    elif isinstance(value["mappings"], dict) and "properties" not in value["mappings"]:
        problem = "`mappings` lacks `properties`"
        yield document.finding(("mappings",), "missing-key", problem, "add the fields of the view", at_key=True)


def _mappings(document: Document) -> Iterator[Finding]:
    mappings = document.value["mappings"]
    if "dynamic" not in mappings:
        problem = "without `dynamic` an unexpected field changes the mapping of a live view"
        yield document.finding(("mappings",), "dynamic-mapping", problem, 'add "dynamic": "strict"', at_key=True)
    source = mappings.get("_source")
    if isinstance(source, dict) and source.get("enabled") in (False, "false"):
        problem = "without _source no vector can be taken over by the next view"
        yield document.finding(("mappings", "_source", "enabled"), "source-disabled", problem, "drop it")
    for key in ("includes", "excludes"):
        if isinstance(source, dict) and key in source:
            problem = "without the whole _source a document that is written again loses what was left out"
            yield document.finding(("mappings", "_source", key), "source-disabled", problem, "drop it", at_key=True)
    meta = mappings.get("_meta")
    if isinstance(meta, dict) and SYSTEM_FIELD in meta:
        path: Path = ("mappings", "_meta", SYSTEM_FIELD)
        problem = "`_meta.turnout` is where turnout says what a view holds"
        yield document.finding(path, "reserved-meta", problem, "use another name", at_key=True)


def _fields(document: Document, into: dict[str, Field]) -> Iterator[Finding]:
    """Put all fields into `into`, and say which can't be read. An object without a type holds fields, as in the API."""
    waiting: list[tuple[Path, str, bool]] = [(("mappings",), "", False)]
    while waiting:
        path, prefix, nested = waiting.pop()
        owner = _at(document.value, path)
        yield from _dynamic(document, path, owner)
        properties = owner.get("properties", {})
        if not isinstance(properties, dict):
            yield document.finding((*path, "properties"), "wrong-type", "`properties` is not an object", "mend it")
            continue
        for name, definition in properties.items():
            inner: Path = (*path, "properties", name)
            if not isinstance(definition, dict) or not isinstance(definition.get("type", "object"), str):
                remedy = 'write {"type": "..."}'
                yield document.finding(inner, "wrong-type", f"{shown(name)} is not a field definition", remedy)
                continue
            if not prefix and name.split(".")[0] == SYSTEM_FIELD:
                problem = "`turnout` is the field that turnout keeps its own values in"
                yield document.finding(inner, "reserved-field", problem, "use another name", at_key=True)
            full = f"{prefix}{name}"
            field = into[full] = Field(definition, inner, nested=nested)
            into.update(_multi_fields(full, field))
            if field.type in _OBJECTS:
                waiting.append((inner, f"{full}.", nested or field.type == "nested"))


def _multi_fields(name: str, field: Field) -> Iterator[tuple[str, Field]]:
    inner = field.definition.get("fields")
    if isinstance(inner, dict):
        for child, definition in inner.items():
            if isinstance(definition, dict):
                path = (*field.path, "fields", child)
                yield f"{name}.{child}", Field(definition, path, nested=field.nested, parent=name)


def _dynamic(document: Document, path: Path, owner: dict[str, Any]) -> Iterator[Finding]:
    dynamic = owner.get("dynamic", "strict")
    if dynamic not in ("strict", "false", False):
        problem = f"`dynamic` is {shown(dynamic)}: an unexpected field changes the mapping of a live view"
        yield document.finding((*path, "dynamic"), "dynamic-mapping", problem, 'write "strict" or false')


def _at(value: Any, path: Path) -> dict[str, Any]:
    for part in path:
        value = value[part]
    return value  # type: ignore[no-any-return]


def _nested_limit(document: Document) -> tuple[int, list[Finding]]:
    """The setting in any spelling: nested or dotted, with or without `index`, a number or text."""
    settings = document.value.get("settings") if isinstance(document.value, dict) else None
    for name, path, value in _flat(settings) if isinstance(settings, dict) else ():
        if name != _NESTED_LIMIT:
            continue
        try:
            return int(value), []
        except (TypeError, ValueError):
            problem = f"{shown(value)} is not a whole number"
            return 0, [document.finding(("settings", *path), "wrong-type", problem, "write a number of objects")]
    return DEFAULT_NESTED_LIMIT, []


def _durable(document: Document) -> Iterator[Finding]:
    """A checkpoint says that a write is on disk; with this setting a crash takes back what was acknowledged."""
    settings = document.value.get("settings", {})
    for name, path, value in _flat(settings):
        if name == "index.translog.durability" and str(value).lower() != "request":
            problem = "with `async` a crash takes back writes that followers think are kept"
            yield document.finding(("settings", *path), "not-durable", problem, "drop it")


def _flat(settings: dict[str, Any]) -> Iterator[tuple[str, Path, Any]]:
    waiting: list[tuple[str, Path, Any]] = [("", (), settings)]
    while waiting:
        name, path, value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend((f"{name}.{key}" if name else key, (*path, key), inner) for key, inner in value.items())
        else:
            yield name if name.startswith("index.") else f"index.{name}", path, value
