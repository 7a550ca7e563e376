"""The rule for a new multi-field: in place only if it can refuse no document and no query needs it.

Elasticsearch adds it at once but fills it only from documents that are written afterwards.
"""

from __future__ import annotations

from typing import Any, Literal

from turnout.plan.change import Change, Difference, pointer
from turnout.plan.head import Head
from turnout.plan.types import CONTAINERS, KNOWN_TYPES, NUMBERS

# Lucene refuses a document with a term longer than 32,766 bytes; ignore_above counts characters of up to four bytes.
_SAFE_IGNORE_ABOVE = 8191
# These cut text at 255 characters at the latest, so no document can be refused for a long term. `keyword` and
# `pattern` don't, and of a custom analyzer we can't know.
_SAFE_ANALYZERS = frozenset(
    {"standard", "simple", "stop", "whitespace"}
    | {"arabic", "armenian", "basque", "bengali", "brazilian", "bulgarian", "catalan", "cjk", "czech", "danish"}
    | {"dutch", "english", "estonian", "finnish", "french", "galician", "german", "greek", "hindi", "hungarian"}
    | {"indonesian", "irish", "italian", "latvian", "lithuanian", "norwegian", "persian", "portuguese", "romanian"}
    | {"russian", "sorani", "spanish", "swedish", "turkish", "thai"}
)


# What else may be written there without changing which documents it takes.
_COMMON = frozenset({"type", "meta", "index", "store", "norms", "similarity", "index_options", "eager_global_ordinals"})
_OF_TEXT = _COMMON | {
    *("analyzer", "search_analyzer", "search_quote_analyzer", "fielddata", "fielddata_frequency_filter"),
    *("term_vector", "index_prefixes", "index_phrases", "position_increment_gap"),
}
_OF_KEYWORD = _COMMON | {"ignore_above", "normalizer", "doc_values", "split_queries_on_whitespace", "null_value"}
_OF_VALUES = _COMMON | {"ignore_malformed", "doc_values", "coerce", "null_value", "format", "locale", "scaling_factor"}
# Types of which `ignore_malformed` keeps a document whose value doesn't fit.
_VALUES = NUMBERS | {"date", "date_nanos", "boolean", "ip"}
# Their values are single ones; of objects and arrays of others we can't know what a multi-field makes.
_PARENTS = _VALUES | {"text", "keyword"}
_NEVER = CONTAINERS | {"alias", "dense_vector", "sparse_vector"}
_REFUSES = "it could refuse documents that the stable release takes, in the index that both share"

Server = Literal["takes", "refuses", "unknown"]


def multi_field_difference(
    parent: dict[str, Any], after: Any, tokens: tuple[str, ...], name: str, head: Head
) -> Difference:
    """The difference that a new multi-field makes; `name` is its dotted name as a query would write it."""
    change, server, reason = _rule(parent, after, name, head)
    return Difference(path=pointer(tokens), after=after, change=change, reason=reason, server=server)


def _rule(parent: dict[str, Any], after: Any, name: str, head: Head) -> tuple[Change, Server, str]:
    retrieval = head.release.pipeline.retrieval
    kind = after.get("type") if isinstance(after, dict) else None
    if kind in _NEVER:
        return Change.COPY, "refuses", f"{kind} can't be a multi-field"
    if parent.get("type") not in _PARENTS or kind not in KNOWN_TYPES:
        return Change.COPY, "unknown", _REFUSES
    if {"copy_to", "fields", "script"} & after.keys():
        return Change.COPY, "unknown", _REFUSES
    if name in retrieval.lexical_fields or name in retrieval.filter_fields:
        return Change.COPY, "takes", "searches of this release use it, and documents written before would lack it"
    if not _takes_any(parent, after, head):
        return Change.COPY, "unknown" if "ignore_malformed" in after else "takes", _REFUSES
    reason = "a new multi-field; not backfilled: documents written before lack it until they are written again"
    return Change.IN_PLACE, "takes", reason


def _takes_any(parent: dict[str, Any], after: dict[str, Any], head: Head) -> bool:
    kind = after["type"]
    if kind == "text":
        return after.keys() <= _OF_TEXT and _safe_analyzer(after.get("analyzer", "default"), head)
    if kind == "keyword":
        return after.keys() <= _OF_KEYWORD and _bounded(parent, after, head)
    return kind in _VALUES and after.keys() <= _OF_VALUES and after.get("ignore_malformed") is True


def _safe_analyzer(name: Any, head: Head) -> bool:
    """A built-in that the index hasn't made another thing of; `default` is `standard` unless the index says so."""
    return (name == "default" or name in _SAFE_ANALYZERS) and not _redefined("analyzer", name, head)


def _redefined(part: str, name: str, head: Head) -> bool:
    return any(setting.startswith(f"analysis.{part}.{name}.") for setting in head.settings)


def _bounded(parent: dict[str, Any], after: dict[str, Any], head: Head) -> bool:
    normalizer = after.get("normalizer", "lowercase")
    if normalizer != "lowercase" or _redefined("normalizer", "lowercase", head):
        return False
    limit = after.get("ignore_above")
    if isinstance(limit, int) and limit <= _SAFE_IGNORE_ABOVE:
        return True
    # A keyword under a plain keyword refuses nothing that its parent wouldn't refuse already.
    plain = (
        parent.get("type") == "keyword" and not {"ignore_above", "normalizer", "index", "doc_values"} & parent.keys()
    )
    return plain and not {"ignore_above", "normalizer"} & after.keys()
