"""The lines of a ledger. Written and read by `file`; each is one JSON object, told apart by `line`."""

from __future__ import annotations

import msgspec


class Opened(msgspec.Struct, frozen=True, kw_only=True, tag_field="line", tag="opened"):
    """From here on the ledger is about another incarnation of the documents index.

    `documents` is the index's name. `identity` is that of `Reader.shards`; `created` is the index's creation date in ms
    since 1970. A restored index has the creation date of the one that the snapshot was taken of, and a clone has one of
    its own.
    """

    documents: str
    identity: str
    created: int
    at: str


class Change(msgspec.Struct, frozen=True, kw_only=True, tag_field="line", tag="change"):
    """A document as it was found: deleted, or written again after a delete. Holds no text.

    `content_hash` is that of the document; of a tombstone it says nothing.
    """

    id: str
    deleted: bool
    updated_at: str
    content_hash: str
    shard: int
    seq_no: int


class SyncedTo(msgspec.Struct, frozen=True, kw_only=True, tag_field="line", tag="synced"):
    """Every delete up to these `_seq_no`s (by shard) stands above. `at` was taken before they were read."""

    checkpoints: dict[int, int]
    at: str


Line = Opened | Change | SyncedTo
# How a ledger begins.
BEGIN = b'{"line":"opened",'

_decoder = msgspec.json.Decoder(Line)


def encode(line: Line) -> bytes:
    """One line, with its end."""
    return msgspec.json.encode(line) + b"\n"


def decode(data: bytes) -> Line:
    """The inverse of `encode`.

    Raises:
        msgspec.DecodeError: not a line of a ledger, or one that was cut off.
    """
    line: Line = _decoder.decode(data)
    return line
