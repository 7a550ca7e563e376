"""Every change of a mapping or of settings that the plan's classifier claims to know, as single cases.

Generated, not listed: all ordered pairs of field types, each type as a new field, child and multi-field, and every
parameter added, removed and changed. The bench of the classifier holds them against a real server, an integration test
a seeded few of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

from support.classifier_vectors import vector_cases
from turnout.plan.change import ABSENT
from turnout.plan.types import KNOWN_TYPES

# What a case may refer to; both are in every index of the matrix.
COMMON: dict[str, Any] = {"target": {"type": "keyword"}, "all": {"type": "text"}}
NEEDED: dict[str, dict[str, Any]] = {
    "alias": {"path": "target"},
    "constant_keyword": {"value": "x"},
    "dense_vector": {"dims": 8, "index_options": {"type": "hnsw", "m": 16, "ef_construction": 100}},
    "scaled_float": {"scaling_factor": 10},
    "token_count": {"analyzer": "standard"},
}
PARENTS = ("text", "keyword", "long", "date", "boolean", "ip", "geo_point", "dense_vector", "flattened", "completion")


class FieldCase(NamedTuple):
    """One field of an index as it was and as it shall be; `ABSENT` where there is none."""

    group: str
    what: str
    before: Any
    after: Any


def plain(kind: str, **more: Any) -> dict[str, Any]:
    """The smallest definition of a field of this type."""
    return {"type": kind, **NEEDED.get(kind, {}), **more}


_COMMON = {"meta": ({"unit": "a"}, {"unit": "b"}), "copy_to": (["all"], ["target"])}
_COLUMN = {"index": (True, False), "doc_values": (True, False), "store": (True, False)}
_SCALAR = {**_COMMON, **_COLUMN, "ignore_malformed": (True, False)}
_NUMBER = {**_SCALAR, "coerce": (True, False), "null_value": (1, 2)}
_RANGE = {**_COMMON, **_COLUMN, "coerce": (True, False)}
_DATE = {**_SCALAR, "format": ("epoch_millis", "epoch_second"), "locale": ("en", "de")}
_TEXT = {
    **_COMMON,
    "analyzer": ("english", "whitespace"),
    "search_analyzer": ("english", "whitespace"),
    "search_quote_analyzer": ("english", "whitespace"),
    "index": (True, False),
    "store": (True, False),
    "norms": (True, False),
    "similarity": ("boolean", "BM25"),
    "fielddata": (True, False),
    "fielddata_frequency_filter": ({"min": 0.1}, {"min": 0.2}),
    "index_options": ("docs", "offsets"),
    "term_vector": ("yes", "no"),
    "index_prefixes": ({"min_chars": 1, "max_chars": 9}, {"min_chars": 2, "max_chars": 4}),
    "index_phrases": (True, False),
    "position_increment_gap": (0, 7),
    "eager_global_ordinals": (True, False),
}
_KEYWORD = {
    **_COMMON,
    **_COLUMN,
    "norms": (True, False),
    "similarity": ("boolean", "BM25"),
    "normalizer": ("lowercase",),
    "null_value": ("a", "b"),
    "ignore_above": (10, 20),
    "index_options": ("docs", "freqs"),
    "eager_global_ordinals": (True, False),
    "split_queries_on_whitespace": (True, False),
}
_SCRIPT = {"source": "emit('a')"}
PARAMETERS: dict[str, dict[str, tuple[Any, ...]]] = {
    "text": _TEXT,
    "keyword": {**_KEYWORD, "script": (_SCRIPT,)},
    **dict.fromkeys(("long", "integer", "short", "byte", "double", "float", "half_float", "unsigned_long"), _NUMBER),
    "scaled_float": {**_NUMBER, "scaling_factor": (10, 100)},
    "date": {**_DATE, "null_value": (1, 2)},
    "date_nanos": {**_DATE, "null_value": (1, 2)},
    "boolean": {**_SCALAR, "null_value": (True, False)},
    "ip": {**_SCALAR, "null_value": ("::1", "::2")},
    "binary": {"meta": _COMMON["meta"], "doc_values": (True, False), "store": (True, False)},
    **dict.fromkeys(("integer_range", "float_range", "long_range", "double_range", "ip_range"), _RANGE),
    "date_range": {**_RANGE, "format": ("epoch_millis", "epoch_second"), "locale": ("en", "de")},
    "geo_point": {**_SCALAR, "ignore_z_value": (True, False), "null_value": ("1,1", "2,2")},
    "completion": {
        "analyzer": ("simple", "english"),
        "search_analyzer": ("simple", "english"),
        "preserve_separators": (True, False),
        "preserve_position_increments": (True, False),
        "max_input_length": (10, 50),
        "meta": _COMMON["meta"],
    },
    "flattened": {
        **{key: _KEYWORD[key] for key in ("index", "doc_values", "ignore_above", "eager_global_ordinals")},
        **{key: _KEYWORD[key] for key in ("null_value", "index_options", "similarity", "split_queries_on_whitespace")},
        "depth_limit": (3, 30),
        "meta": _COMMON["meta"],
    },
    "sparse_vector": {"store": (True, False), "meta": _COMMON["meta"]},
    "alias": {"path": ("target", "all")},
    "object": {
        "enabled": (True, False),
        "dynamic": (True, False, "strict", "runtime"),
        "subobjects": (True, False),
    },
    "nested": {
        "dynamic": (True, False, "strict"),
        "include_in_parent": (True, False),
        "include_in_root": (True, False),
        "enabled": (True, False),
    },
}
_CHILD_OF: dict[str, dict[str, Any]] = {
    "object": {},
    "nested": {},
    "object, disabled": {"enabled": False},
    "object, subobjects false": {"subobjects": False},
    "object, strict": {"dynamic": "strict"},
    "nested, in parent": {"include_in_parent": True},
}
# Multi-fields that the classifier may call in-place.
_BOUNDED: dict[str, tuple[dict[str, Any], ...]] = {
    "text": ({"analyzer": "english"}, {"analyzer": "keyword"}, {"index_prefixes": {}}, {"index_phrases": True}),
    "keyword": ({"ignore_above": 256}, {"ignore_above": 256, "normalizer": "lowercase"}, {"ignore_above": 9000}),
}
MALFORMED = frozenset(
    {"long", "integer", "short", "byte", "double", "float", "half_float", "unsigned_long", "scaled_float"}
    | {"date", "date_nanos", "boolean", "ip", "geo_point", "geo_shape", "dense_vector", "completion", "ip_range"}
)


def field_cases(types: frozenset[str] = KNOWN_TYPES) -> Iterator[FieldCase]:
    """All cases about a field, for the types that this server has."""
    known = sorted(types & KNOWN_TYPES)
    for kind in known:
        yield from _type_changes(kind, known)
        yield from _new_and_gone(kind)
        yield from _parameters(kind)
        yield from _multi_fields(kind, [parent for parent in PARENTS if parent in types])
    yield from (FieldCase("dense_vector", *case) for case in vector_cases())


def _type_changes(kind: str, known: list[str]) -> Iterator[FieldCase]:
    for other in known:
        if other != kind:
            yield FieldCase(kind, f"type → {other}", plain(kind), plain(other))


def _new_and_gone(kind: str) -> Iterator[FieldCase]:
    yield FieldCase(kind, "new field", ABSENT, plain(kind))
    yield FieldCase(kind, "field gone", plain(kind), ABSENT)
    for name, switches in _CHILD_OF.items():
        parent = {"type": name.split(",")[0], **switches}
        old = {**parent, "properties": {"old": {"type": "keyword"}}}
        new = {**parent, "properties": {"old": {"type": "keyword"}, "new": plain(kind)}}
        yield FieldCase(kind, f"new child of {name}", old, new)
    yield FieldCase(kind, "child gone", new, old)


def _parameters(kind: str) -> Iterator[FieldCase]:
    for name, values in PARAMETERS.get(kind, {}).items():
        choices = [_with_analyzer(plain(kind), name)] if name not in NEEDED.get(kind, {}) else []
        choices += [_with_analyzer(plain(kind, **{name: value}), name) for value in values]
        for before, after in itertools.permutations(choices, 2):
            yield FieldCase(kind, f"{name}: {_said(before, name)} → {_said(after, name)}", before, after)


def _with_analyzer(definition: dict[str, Any], name: str) -> dict[str, Any]:
    """The definition, made one that the server can read: one parameter may need another."""
    if name == "search_analyzer" and definition["type"] == "text":
        return {"analyzer": "standard", **definition}
    if name == "search_quote_analyzer":
        return {"analyzer": "standard", "search_analyzer": "standard", **definition}
    return definition


def _said(definition: dict[str, Any], name: str) -> str:
    return str(definition[name]) if name in definition else "-"


def _multi_fields(kind: str, parents: list[str]) -> Iterator[FieldCase]:
    variants = [{}, *_BOUNDED.get(kind, ()), *([{"ignore_malformed": True}] if kind in MALFORMED else ())]
    for parent, more in itertools.product(parents, variants):
        said = f" {more}" if more else ""
        child = plain(kind, **more)
        yield FieldCase(kind, f"new multi-field of {parent}{said}", plain(parent), plain(parent, fields={"new": child}))
    yield FieldCase(kind, "multi-field gone", plain("text", fields={"new": plain(kind)}), plain("text"))
