"""The rule for a new multi-field: in place only if it can refuse no document and no query needs it.

Elasticsearch adds it at once but fills it only from documents that are written afterwards.
"""

from __future__ import annotations

from typing import Any

from turnout.plan.change import Change, Difference, pointer
from turnout.release.artifacts import Release

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


def multi_field_difference(
    parent: dict[str, Any], after: Any, tokens: tuple[str, ...], name: str, release: Release
) -> Difference:
    """The difference that a new multi-field makes; `name` is its dotted name as a query would write it."""
    retrieval = release.pipeline.retrieval
    if name in retrieval.lexical_fields or name in retrieval.filter_fields:
        change, reason = Change.COPY, "searches of this release use it, and documents written before would lack it"
    elif not _takes_any_text(parent, after):
        change = Change.COPY
        reason = "it could refuse documents that the stable release takes, in the index that both share"
    else:
        change = Change.IN_PLACE
        reason = "a new multi-field; not backfilled: documents written before lack it until they are written again"
    return Difference(path=pointer(tokens), after=after, change=change, reason=reason, server="takes")


def _takes_any_text(parent: dict[str, Any], after: Any) -> bool:
    if not isinstance(after, dict):
        return False
    match after.get("type"):
        case "text":
            return after.get("analyzer", "standard") in _SAFE_ANALYZERS
        case "keyword":
            limit = after.get("ignore_above")
            bounded = isinstance(limit, int) and limit <= _SAFE_IGNORE_ABOVE
            # A keyword under a plain keyword refuses nothing that its parent wouldn't refuse already.
            return bounded or (parent.get("type") == "keyword" and "ignore_above" not in parent)
        case _:
            return after.get("ignore_malformed") is True
