"""Draw the list of documents that rehearsals are made with, and know their content again.

Called by `turnout lock --sample` and by the rehearsal.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Iterator

from turnout.elastic.documents import content_hash
from turnout.ingest.source import SourceDocument, Unreadable
from turnout.release.sample import HASH_DIGITS, can_be_listed

SEED = 20260101


def listed_hash(document: SourceDocument) -> str:
    """The hash by which the list knows a document's content again."""
    return content_hash(document.title, document.text, document.fields)[:HASH_DIGITS]


def usable(documents: Iterable[SourceDocument | Unreadable]) -> Iterator[SourceDocument]:
    """What an ingestion would store of these: neither empty ones nor a second one of the same id."""
    seen: set[str] = set()
    for each in documents:
        if not isinstance(each, SourceDocument) or each.source_id in seen:
            continue
        seen.add(each.source_id)
        if each.text.strip() or each.title.strip():
            yield each


def draw(documents: Iterable[SourceDocument | Unreadable], judged: Collection[str], *, size: int) -> dict[str, str]:
    """Id -> hash of all judged documents and of a random rest, the same ones each time, up to `size`; 0 for all.

    Judged documents are all taken, even if they are more. What can't be read, or has an id that no line can hold, is
    left out.
    """
    found = {each.source_id: listed_hash(each) for each in usable(documents) if can_be_listed(each.source_id)}
    wanted = set(judged) & found.keys()
    rest = sorted(found.keys() - wanted)
    if size:
        random.Random(SEED).shuffle(rest)  # noqa: S311 - a choice that is to be repeated, not a secret
        rest = rest[: max(0, size - len(wanted))]
    return {source_id: found[source_id] for source_id in sorted({*wanted, *rest})}
