"""Rules for single parameters of a field, as tables.

Each was tried on Elasticsearch 9.4.3; an integration test tries them again.
"""

from __future__ import annotations

from typing import Any, Literal

from turnout.plan.change import ABSENT, Change, Difference, pointer, same
from turnout.plan.vectors import index_options_rule

Server = Literal["takes", "refuses", "unknown"]

# What a parameter is when it isn't written, where that is the same for every field type that has it. Not here are
# `ignore_malformed` and `coerce`: a setting of the index says what they are.
DEFAULTS: dict[str, Any] = {
    "index": True,
    "doc_values": True,
    "store": False,
    "enabled": True,
    "include_in_root": False,
    "include_in_parent": False,
    "index_phrases": False,
    "term_vector": "no",
    "element_type": "float",
    "eager_global_ordinals": False,
    "fielddata": False,
    "split_queries_on_whitespace": False,
    "ignore_z_value": True,
    "preserve_separators": True,
    "preserve_position_increments": True,
    "position_increment_gap": 100,
    "type": "object",
}
DEFAULTS_OF: dict[tuple[str, str], Any] = {
    ("binary", "doc_values"): False,
    ("sparse_vector", "store"): True,
    ("text", "norms"): True,
    ("keyword", "norms"): False,
    ("text", "index_options"): "positions",
    ("keyword", "index_options"): "docs",
    ("flattened", "index_options"): "docs",
    ("completion", "analyzer"): "simple",
}
"""Where it depends on the field's type."""

# Leaving these out means what no value means, so adding one is always a change.
_NO_DEFAULT = frozenset({"null_value", "normalizer", "script", "index_prefixes"})

# Fixed when the field is made. The server says no, so the documents have to be written to a new index.
STATIC = {
    "analyzer": "analyzers are static: documents written before aren't analysed again",
    "normalizer": "normalizers are static: documents written before aren't normalised again",
    "dims": "a vector field's dims are for good",
    "element_type": "a vector field's element_type is for good",
    "similarity": "similarity is fixed when a field is made",
    "index": "whether a field is searchable is fixed when it is made",
    "doc_values": "doc_values are written with the document",
    "store": "stored values are written with the document",
    "null_value": "null_value is written with the document",
    "term_vector": "term vectors are written with the document",
    "index_prefixes": "prefixes are written with the document",
    "index_phrases": "phrases are written with the document",
    "index_options": "what is kept of each term is fixed when the field is made",
    "script": "what it computes is written with the document",
    "preserve_separators": "suggestions are written with the document",
    "preserve_position_increments": "suggestions are written with the document",
    "position_increment_gap": "positions are written with the document",
    "format": "dates are parsed when a document is written",
    "locale": "dates are parsed when a document is written",
    "enabled": "whether an object is indexed is fixed when it is made",
    "subobjects": "how dots in names are read is fixed when the object is made",
    "include_in_root": "how nested objects are stored is fixed when the field is made",
    "include_in_parent": "how nested objects are stored is fixed when the field is made",
}

# The server takes these, but they aren't additive.
NOT_ADDITIVE = {
    "search_analyzer": "it would change the stable release's searches at once",
    "search_quote_analyzer": "it would change the stable release's searches at once",
    "split_queries_on_whitespace": "it would change the stable release's searches at once",
    "fielddata_frequency_filter": "it would change the stable release's aggregations at once",
    "norms": "norms are part of the score: the stable release would rank differently",
    "copy_to": "documents written before aren't copied",
    "ignore_above": "documents written before were kept or left out by the old limit",
    "ignore_malformed": "documents written before were taken or refused by the old setting",
    "coerce": "documents written before were taken or refused by the old setting",
    "ignore_z_value": "documents written before were taken or refused by the old setting",
    "fielddata": "the stable release's aggregations on it would be refused",
    "depth_limit": "documents written before were taken or refused by the old limit",
    "max_input_length": "documents written before were cut at the old length",
    "dynamic": "documents written before were mapped under the old setting",
    "path": "the stable release's searches through this field alias would ask another field",
}

# Whoever searches can't tell the difference.
ADDITIVE = {
    "meta": "a note on the field that the server doesn't act on",
    "eager_global_ordinals": "only moves work between refresh and search; results stay the same",
}


def parameter_difference(
    before: dict[str, Any], after: dict[str, Any], key: str, tokens: tuple[str, ...]
) -> Difference:
    """The difference that one changed parameter of a field makes; both definitions are of the same type."""
    change, server, reason = _rule(before, after, key)
    return Difference(
        path=pointer(tokens),
        before=before.get(key, ABSENT),
        after=after.get(key, ABSENT),
        change=change,
        reason=reason,
        server=server,
    )


def _rule(before: dict[str, Any], after: dict[str, Any], key: str) -> tuple[Change, Server, str]:
    old, new = before.get(key, ABSENT), after.get(key, ABSENT)
    vector = before.get("type") == "dense_vector"
    if vector and key == "index_options":
        server, reason = index_options_rule(old, new)
        return Change.COPY, server, reason
    found = _table_rule(before, old, new, key)
    if vector and found[0] is Change.IN_PLACE and not ("index_options" in before and "index_options" in after):
        # Any PUT of this field would be merged against the server's default index_options.
        return Change.COPY, "unknown", "the field leaves index_options out: touching it would reset them to a default"
    return found


def _same_meaning(old: Any, new: Any) -> bool:
    """The server reads "true" as true and "16" as 16, but names in upper case as other names."""
    if isinstance(old, str) == isinstance(new, str):
        return same(old, new)
    return isinstance(old, bool | int | str) and isinstance(new, bool | int | str) and _written(old) == _written(new)


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _meaning(value: Any, kind: Any, key: str) -> Any:
    """The value, or what the server puts in its place where none is written; `ABSENT` where we can't know."""
    return DEFAULTS_OF.get((str(kind), key), DEFAULTS.get(key, ABSENT)) if value is ABSENT else value


def _table_rule(before: dict[str, Any], old: Any, new: Any, key: str) -> tuple[Change, Server, str]:
    kind = before.get("type", "object")
    was, now = _meaning(old, kind, key), _meaning(new, kind, key)
    if _same_meaning(was, now):
        return Change.IN_PLACE, "takes", "written another way, or a default written out: the same meaning to the server"
    if key in ADDITIVE:
        return Change.IN_PLACE, "takes", ADDITIVE[key]
    if key == "fielddata" and new is True:
        return Change.IN_PLACE, "takes", "allows aggregations that were refused before; results stay the same"
    if key == "norms":
        known: Server = "unknown" if ABSENT in (was, now) else "takes" if now is False else "refuses"
        return Change.COPY, known, NOT_ADDITIVE[key]
    if key == "dynamic" and new is ABSENT:
        return Change.COPY, "refuses", "leaving it out of a request leaves it as it was"
    if key in NOT_ADDITIVE:
        return Change.COPY, "takes", NOT_ADDITIVE[key]
    if key in STATIC:
        # Absent may mean the same as what is written on the other side, where no default is known here.
        without = key in _NO_DEFAULT or (key == "similarity" and kind != "dense_vector")
        fixed = without or (was is not ABSENT and now is not ABSENT)
        return Change.COPY, "refuses" if fixed else "unknown", STATIC[key]
    return Change.COPY, "unknown", f"no rule is known for {key}: the documents are written again to be safe"
