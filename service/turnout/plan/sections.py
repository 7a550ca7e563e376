"""Rules for model, pipeline, gates and evaluation: which part of a release means which work. One table.

The longest prefix of a difference's path decides. A test walks the types of `turnout.release.artifacts` and fails when
a field has no row here; an unknown field would be `embed`, never less.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from turnout.plan.change import ABSENT, Change, Difference, pointer, same, tokens_of
from turnout.release.artifacts import Release

_OPERATIONAL, _QUERY, _COPY, _EMBED = Change.OPERATIONAL, Change.QUERY, Change.COPY, Change.EMBED

RULES: dict[str, tuple[Change, str]] = {
    "/model/id": (_OPERATIONAL, "a name; the digests say which model it is"),
    "/model/revision": (_OPERATIONAL, "a name; the digests say which model it is"),
    "/model/license": (_OPERATIONAL, "a text for people"),
    "/model/price": (_OPERATIONAL, "changes what a backfill costs, not what it makes"),
    "/model/similarity": (_OPERATIONAL, "must say what the mapping says; the mapping's own change is listed by itself"),
    "/model/prefixes/query": (_QUERY, "queries are embedded in another way, passages aren't"),
    "/model/prefixes/passage": (_EMBED, "another text is embedded"),
    "/model/digests": (_EMBED, "another model gives other vectors"),
    "/model/dims": (_EMBED, "vectors of another length"),
    "/model/pooling": (_EMBED, "other vectors from the same weights"),
    "/model/normalize": (_EMBED, "other vectors from the same weights"),
    "/model/max_tokens": (_EMBED, "long passages are cut at another place"),
    "/model/runtime": (_EMBED, "another runtime or precision gives other vectors"),
    "/model/endpoint": (_EMBED, "another server may run another model under the same name"),
    "/pipeline/source": (
        _OPERATIONAL,
        "the next ingest reads from there; documents of the old source stay until then, and views follow",
    ),
    "/pipeline/clean": (_EMBED, "another text is embedded"),
    "/pipeline/chunk": (_EMBED, "other passages are embedded"),
    "/pipeline/embed": (_OPERATIONAL, "how fast vectors are made, not which"),
    "/pipeline/index": (_COPY, "documents fill other fields"),
    "/pipeline/retrieval": (_QUERY, "searches ask in another way; nothing is written"),
    "/pipeline/limits/max_document_bytes": (
        _OPERATIONAL,
        "counts for documents that are written from then on; placeholders made under the old limit stay until then",
    ),
    "/pipeline/limits": (_OPERATIONAL, "a bound of the service"),
    "/pipeline/budget": (_OPERATIONAL, "what the plan allows"),
    "/pipeline/expected": (_OPERATIONAL, "what the cost simulation reckons with"),
    "/gates": (_OPERATIONAL, "what verify must show from now on"),
    "/evaluation": (_OPERATIONAL, "what verify measures with from now on"),
    "/code": (_EMBED, "this version of turnout cleans or cuts text in another way"),
}

_HOSTED_NAME = "the name is all that says which hosted model it is"
_HOSTED_RULES = dict.fromkeys(("/model/id", "/model/revision"), (_EMBED, _HOSTED_NAME))
"""Where one of the releases has a hosted model."""

# Compared elsewhere, or names that follow from the content.
_NOT_HERE = frozenset({"apiVersion", "kind", "collection", "id", "fingerprints", "mapping"})
_UNKNOWN = (_EMBED, "no rule is known for this: everything is made again to be safe")


def section_differences(base: Release, head: Release) -> Iterator[Difference]:
    """Differences outside the mapping."""
    before, after = msgspec.to_builtins(base), msgspec.to_builtins(head)
    for section in sorted((before.keys() | after.keys()) - _NOT_HERE):
        for found in _walk(before.get(section, ABSENT), after.get(section, ABSENT), (section,)):
            yield _of_hosted(found) if base.model.hosted or head.model.hosted else found


def _of_hosted(found: Difference) -> Difference:
    change, reason = _HOSTED_RULES.get(found.path, (found.change, found.reason))
    return msgspec.structs.replace(found, change=change, reason=reason)


def _walk(before: Any, after: Any, at: tuple[str, ...]) -> Iterator[Difference]:
    if same(before, after):
        return
    # Values of `copy` and `lexical_fields` are single facts; a section that is new or gone is one too.
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            yield from _walk(before.get(key, ABSENT), after.get(key, ABSENT), (*at, key))
        return
    path = pointer(at)
    change, reason = rule_for(path)
    yield Difference(path=path, before=before, after=after, change=change, reason=reason)


def rule_for(path: str) -> tuple[Change, str]:
    """The row of the table for a JSON pointer into a release."""
    tokens = tokens_of(path)
    for length in range(len(tokens), 0, -1):
        found = RULES.get(pointer(tokens[:length]))
        if found is not None:
            return found
    return _UNKNOWN
