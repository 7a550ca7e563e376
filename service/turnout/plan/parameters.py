"""Rules for single parameters of a field and of the mapping's root, as tables.

Each was tried on Elasticsearch 9.4.3; an integration test tries them again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from turnout.plan.change import ABSENT, Change, Difference, pointer, same
from turnout.plan.vectors import index_options_rule

Server = Literal["takes", "refuses", "unknown"]

# What a parameter is when it isn't written, where that is the same for every field type that has it.
DEFAULTS: dict[str, Any] = {
    "index": True,
    "store": False,
    "enabled": True,
    "include_in_root": False,
    "include_in_parent": False,
    "index_phrases": False,
    "term_vector": "no",
    "element_type": "float",
    "ignore_malformed": False,
    "eager_global_ordinals": False,
    "fielddata": False,
    "split_queries_on_whitespace": False,
    "type": "object",
}

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


def _or_default(value: Any, key: str) -> Any:
    return DEFAULTS.get(key, ABSENT) if value is ABSENT else value


def _table_rule(before: dict[str, Any], old: Any, new: Any, key: str) -> tuple[Change, Server, str]:
    if _same_meaning(_or_default(old, key), _or_default(new, key)):
        return Change.IN_PLACE, "takes", "written another way, or a default written out: the same meaning to the server"
    if key in ADDITIVE:
        return Change.IN_PLACE, "takes", ADDITIVE[key]
    if key == "fielddata" and new is True:
        return Change.IN_PLACE, "takes", "allows aggregations that were refused before; results stay the same"
    if key == "norms":
        was_on = old is True or (old is ABSENT and before.get("type") == "text")
        return Change.COPY, "takes" if was_on and new is False else "unknown", NOT_ADDITIVE[key]
    if key in NOT_ADDITIVE:
        return Change.COPY, "takes", NOT_ADDITIVE[key]
    if key in STATIC:
        # Absent may mean the same as what is written on the other side, where no default is known here.
        known = key in DEFAULTS or (old is not ABSENT and new is not ABSENT)
        return Change.COPY, "refuses" if known else "unknown", STATIC[key]
    return Change.COPY, "unknown", f"no rule is known for {key}: the documents are written again to be safe"


def root_difference(
    before: dict[str, Any], after: dict[str, Any], key: str, tokens: tuple[str, ...]
) -> Iterator[Difference]:
    """The differences that one changed key of the mapping's root makes."""
    old, new = before.get(key, ABSENT), after.get(key, ABSENT)
    if key == "_meta":
        reason = "notes that the server doesn't act on; a view gets them when it is built again"
        yield Difference(
            path=pointer(tokens), before=old, after=new, change=Change.IN_PLACE, reason=reason, server="takes"
        )
    elif key == "runtime" and isinstance(new, dict) and (old is ABSENT or isinstance(old, dict)):
        yield from _runtime(old or {}, new, before, tokens)
    elif key == "dynamic" and old == "strict":
        reason = "looser than strict: documents that were taken before are stored the same"
        yield Difference(
            path=pointer(tokens), before=old, after=new, change=Change.IN_PLACE, reason=reason, server="takes"
        )
    else:
        reason = NOT_ADDITIVE.get(key, f"no rule is known for {key}: the documents are written again to be safe")
        yield Difference(path=pointer(tokens), before=old, after=new, change=Change.COPY, reason=reason)


def _runtime(
    before: dict[str, Any], after: dict[str, Any], mappings: dict[str, Any], tokens: tuple[str, ...]
) -> Iterator[Difference]:
    mapped = mappings.get("properties", {})
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name, ABSENT), after.get(name, ABSENT)
        if same(old, new):
            continue
        shadows = name.split(".", maxsplit=1)[0] in mapped
        if old is ABSENT and not shadows:
            change, reason = Change.IN_PLACE, "a new runtime field: computed when asked, and nothing asks for it yet"
        elif old is ABSENT:
            change, reason = Change.COPY, "it would hide a field of the same name from the stable release"
        else:
            change, reason = Change.COPY, "the stable release may ask for this runtime field as it was"
        server: Server = "takes" if old is ABSENT else "unknown"
        yield Difference(
            path=pointer((*tokens, name)), before=old, after=new, change=change, reason=reason, server=server
        )
