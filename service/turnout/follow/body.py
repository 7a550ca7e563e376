"""What one source document looks like in a view. Pure; called by the page writer."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
import orjson

from turnout.elastic.documents import Document
from turnout.elastic.reader import Hit
from turnout.elastic.views import SYSTEM_FIELD
from turnout.elastic.writer import BulkItem
from turnout.follow.reuse import Passage
from turnout.follow.write import placeholder
from turnout.release.artifacts import Fields, Limits


class Refusal(NamedTuple):
    """Why a document gets a placeholder instead of passages."""

    reason: str


def read_document(hit: Hit) -> Document | Refusal:
    """The stored document, or why it isn't one."""
    try:
        return msgspec.convert(hit.source, Document)
    except msgspec.ValidationError as error:
        return Refusal(f"not a document: {error}")


def too_large(document: Document, limits: Limits) -> Refusal | None:
    """The reason if the content has more bytes than the release allows."""
    size = len(orjson.dumps([document.title, document.text, document.fields]))
    if size <= limits.max_document_bytes:
        return None
    return Refusal(f"the document has {size} bytes, at most {limits.max_document_bytes} are allowed")


def view_item(
    hit_id: str,
    document: Document | Refusal,
    version: int,
    *,
    fields: Fields,
    passages: list[Passage] | Refusal,
    hashed: str,
) -> BulkItem:
    """The write that brings a document into the view: live, a tombstone, or a placeholder with its reason.

    Args:
        passages: what its text became; ignored for a tombstone.
        hashed: hash of the text that the passages came from.
    """
    if isinstance(document, Refusal):
        bare = BulkItem("index", hit_id, {SYSTEM_FIELD: {"id": hit_id, "version": version}}, version)
        return placeholder(bare, document.reason)
    system = {"id": document.id, "tenant": document.tenant, "owner": document.owner, "version": version}
    if document.deleted:
        return BulkItem("index", hit_id, {SYSTEM_FIELD: system | {"state": "deleted"}}, version)
    if isinstance(passages, Refusal):
        return placeholder(BulkItem("index", hit_id, {SYSTEM_FIELD: system}, version), passages.reason)
    body = {SYSTEM_FIELD: system | {"state": "live", "text_hash": hashed}, **_copied(document, fields.copy)}
    if passages:
        names = fields.passage_text, fields.passage_vector
        body[fields.passages] = [dict(zip(names, passage, strict=True)) for passage in passages]
    return BulkItem("index", hit_id, body, version)


def _copied(document: Document, paths: dict[str, str]) -> dict[str, Any]:
    """View fields taken from the document (`title`, `text`, `fields.<name>`); missing and empty ones are left out."""
    found: dict[str, Any] = {}
    for name, path in paths.items():
        if path in ("title", "text"):
            value = getattr(document, path) or None
        else:
            value = document.fields.get(path.removeprefix("fields."))
        if value is not None:
            found[name] = value
    return found
