"""The two things that can happen to a document, as bulk updates that the server decides atomically.

The scripts are constant, so that the server compiles each of them once; everything else goes in as parameters. An
update that would change nothing is a no-op: it gets no `_seq_no`, and no follower sees it.
"""

from __future__ import annotations

from typing import Any

import msgspec
import orjson

from turnout.elastic.documents import Document, content_hash, document_id
from turnout.elastic.writer import BulkItem
from turnout.errors import BadInput
from turnout.ingest.source import SourceDocument

# Far below what the server takes in one request (100 MB), so that one document can't spoil a batch.
MAX_BYTES = 50_000_000

# The owner counts as content: the last source that delivers a document is the one whose silence may delete it.
_UPSERT = (
    "if (ctx.op != 'create' && ctx._source.content_hash == params.doc.content_hash"
    " && ctx._source.deleted == false && ctx._source.owner == params.doc.owner) { ctx.op = 'noop' }"
    " else { ctx._source.clear(); ctx._source.putAll(params.doc) }"
)

# `unless_changed` guards a delete that somebody concluded rather than asked for: it holds what was known then.
_DELETE = (
    "if (ctx._source.deleted == true || (params.unless_changed != null"
    " && (ctx._source.owner != params.unless_changed.owner"
    " || ctx._source.updated_at != params.unless_changed.updated_at))) { ctx.op = 'noop' }"
    " else { ctx._source.putAll(params.tombstone) }"
)


class Known(msgspec.Struct, frozen=True):
    """What a run knew of a document when it began; a delete that it concludes holds only for exactly that."""

    owner: str
    updated_at: str


def upsert(document: SourceDocument, *, tenant: str, owner: str, at: str) -> BulkItem:
    """Make the document what its source has.

    Raises:
        BadInput: an id or content that can't be stored.
    """
    item_id = document_id(tenant, document.source_id)
    stored = Document(
        id=item_id,
        tenant=tenant,
        source_id=document.source_id,
        owner=owner,
        deleted=False,
        content_hash=_hash(document),
        updated_at=at,
        title=document.title,
        text=document.text,
        fields=document.fields,
    )
    script = {"source": _UPSERT, "params": {"doc": msgspec.structs.asdict(stored)}}
    return BulkItem("update", item_id, {"scripted_upsert": True, "upsert": {}, "script": script})


def delete(source_id: str, *, tenant: str, at: str, unless_changed: Known | None = None) -> BulkItem:
    """Turn the document into a tombstone. A hard delete would be forgotten by the server, and a view could keep it."""
    return tombstone(document_id(tenant, source_id), at=at, unless_changed=unless_changed)


def tombstone(item_id: str, *, at: str, unless_changed: Known | None = None) -> BulkItem:
    """`delete` for a document of which only the `_id` is known."""
    made: dict[str, Any] = {
        "deleted": True,
        "title": "",
        "text": "",
        "fields": {},
        "content_hash": content_hash("", "", {}),
        "updated_at": at,
    }
    known = msgspec.structs.asdict(unless_changed) if unless_changed else None
    script = {"source": _DELETE, "params": {"tombstone": made, "unless_changed": known}}
    return BulkItem("update", item_id, {"script": script})


def size(document: SourceDocument) -> int:
    """Bytes of title, text and fields as JSON.

    Raises:
        BadInput: a value that JSON can't hold.
    """
    try:
        return len(orjson.dumps([document.title, document.text, document.fields]))
    except (TypeError, ValueError, RecursionError) as error:
        raise BadInput(
            f"the document can't be written as JSON: {error}",
            where=document.place or document.source_id,
            remedy="use strings in UTF-8, numbers of 64 bits, lists and objects with string keys, at most 200 deep",
        ) from error


def _hash(document: SourceDocument) -> str:
    if (found := size(document)) > MAX_BYTES:
        raise BadInput(
            f"the document has {found} bytes, more than {MAX_BYTES}",
            where=document.place or document.source_id,
            remedy="cut it into several documents",
        )
    return content_hash(document.title, document.text, document.fields)
