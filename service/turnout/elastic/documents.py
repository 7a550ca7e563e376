"""The documents index: the latest state of each source document, deletes included.

Written by ingest and the write API, read by followers and parity. Here is what both sides must agree on: the shape,
the ids and the external version that a view gives to a document.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import orjson

from turnout.errors import BadInput

# Shards bound the parallelism of a backfill and can't be raised later: more than the size needs, on purpose.
DOCUMENT_SHARDS = 8

DEFAULT_TENANT = "default"

DOCUMENTS_MAPPING: dict[str, Any] = {
    "dynamic": False,
    "properties": {
        "id": {"type": "keyword"},
        "tenant": {"type": "keyword"},
        "source_id": {"type": "keyword"},
        "owner": {"type": "keyword"},
        "deleted": {"type": "boolean"},
        "content_hash": {"type": "keyword"},
        "updated_at": {"type": "date"},
        "fields": {"type": "object", "enabled": False},
    },
}

LIVE_DOCUMENTS: dict[str, Any] = {"term": {"deleted": False}}
"""The query for those that aren't tombstones. Of views: `views.LIVE_FILTER`."""

_SEQ_NO_BITS = 42
_ID_BYTES = 512  # Elasticsearch's own bound for _id


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """One source document as stored. A tombstone has `deleted` and no text.

    `owner` names who writes it (a connector and its source), so that one source's vanished documents are never
    taken for another's. `content_hash` covers title, text and fields. `updated_at` is ISO 8601 in UTC.
    """

    id: str
    tenant: str
    source_id: str
    owner: str
    deleted: bool
    content_hash: str
    updated_at: str
    title: str = ""
    text: str = ""
    fields: dict[str, Any] = {}


def document_id(tenant: str, source_id: str) -> str:
    """The `_id` of a document: the tenant is part of it, so that tenants can't overwrite each other.

    Raises:
        BadInput: empty, a tenant with a colon, longer than Elasticsearch allows, or not text that UTF-8 can hold.
    """
    if not tenant or ":" in tenant:
        raise BadInput(f"tenant {tenant!r} is empty or holds a colon", remedy="use letters, digits, dots and dashes")
    if not source_id:
        raise BadInput("a document needs an id", remedy="give each document a stable, non-empty id")
    whole = f"{tenant}:{source_id}"
    try:
        size = len(whole.encode())
    except UnicodeEncodeError as error:
        raise BadInput(
            f"id {whole[:80]!a} can't be written in UTF-8", remedy="give the document an id of whole characters"
        ) from error
    if size > _ID_BYTES:
        raise BadInput(
            f"id of {size} bytes is longer than {_ID_BYTES}",
            where=whole[:80],
            remedy="give the document a shorter id",
        )
    return whole


def content_hash(title: str, text: str, fields: dict[str, Any]) -> str:
    """SHA-256 over the content, independent of the order of keys."""
    return hashlib.sha256(orjson.dumps([title, text, fields], option=orjson.OPT_SORT_KEYS)).hexdigest()


def external_version(epoch: int, seq_no: int) -> int:
    """The version that a view gives to a document: the epoch above, the `_seq_no` below.

    The epoch comes first, so that anything of a newer incarnation of the documents index beats everything of an older
    one. `external_version(epoch, -1)` lies below every operation of that epoch and above all earlier ones.
    """
    return (epoch << _SEQ_NO_BITS) + seq_no + 1


def epoch_of(version: int) -> int:
    """The epoch in an external version."""
    return version >> _SEQ_NO_BITS
