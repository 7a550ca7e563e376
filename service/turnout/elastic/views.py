"""What a view says about itself: the `_meta` of its mapping.

Views are found by this and never by their name. Written when a view is created, read by everybody.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from turnout.query.live import LIVE_FILTER, SYSTEM_FIELD

__all__ = [
    "LIVE_FILTER",
    "META_KEY",
    "SYSTEM_FIELD",
    "SYSTEM_MAPPING",
    "Probe",
    "View",
    "ViewMeta",
    "decode_vector",
    "describe_views",
    "encode_vector",
    "write_alias",
]

META_KEY = "turnout"

SYSTEM_MAPPING: dict[str, Any] = {
    "properties": {
        "id": {"type": "keyword"},
        "tenant": {"type": "keyword"},
        "owner": {"type": "keyword"},
        # live: searchable. deleted: a tombstone. placeholder: could not be indexed, `reason` says why.
        "state": {"type": "keyword"},
        "reason": {"type": "keyword", "index": False, "doc_values": False, "ignore_above": 1000},
        # The external version (epoch and _seq_no of the source document), searchable for sweeps and parity.
        "version": {"type": "long"},
        # Hash of the text that the passages came from: equal text needs no new vectors.
        "text_hash": {"type": "keyword", "doc_values": False},
    }
}


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """A text and the vector that the model which filled the view gave for it (float32, big-endian, base64)."""

    text: str
    kind: Literal["query", "passage"]
    vector: str

    def array(self) -> NDArray[np.float32]:
        """The vector, float32 of shape (dims,)."""
        return decode_vector(self.vector)


class ViewMeta(msgspec.Struct, frozen=True, kw_only=True):
    """The `_meta.turnout` of a view's mapping.

    `index_fingerprints` are all that this view serves: the one it was built for and those that in-place changes added.
    """

    collection: str
    index_fingerprints: tuple[str, ...]
    embedding_fingerprint: str
    documents: str
    built_for: str
    created_at: str
    probes: tuple[Probe, ...] = ()
    # The nested field of the passages and its children for text and vector: a copy reads them by these names.
    passage_fields: tuple[str, str, str] = ("passages", "text", "vector")
    # True for an index that turnout didn't make (`turnout adopt`): it has no system fields, so nothing follows it.
    adopted: bool = False


class View(msgspec.Struct, frozen=True, kw_only=True):
    """A physical index with what it says about itself.

    `aliases` are the alias names that point at it, without its own write alias.
    """

    index: str
    uuid: str
    meta: ViewMeta
    mappings: dict[str, Any]
    settings: dict[str, Any]
    aliases: frozenset[str]


def describe_views(collection: str, described: Mapping[str, Any], *, adopted: bool = False) -> tuple[View, ...]:
    """The views among indexes as the get-index API gives them, oldest first. Used by the reader and its async twin.

    Args:
        adopted: those that were adopted, in place of those that turnout made.
    """
    views = []
    for index, body in described.items():
        meta = body["mappings"].get("_meta", {}).get(META_KEY)
        if meta is None or meta.get("collection") != collection or meta.get("adopted", False) != adopted:
            continue
        view = View(
            index=index,
            uuid=body["settings"]["index"]["uuid"],
            meta=msgspec.convert(meta, ViewMeta),
            mappings=body["mappings"],
            settings=body["settings"],
            aliases=frozenset(body["aliases"]) - {write_alias(index)},
        )
        views.append(view)
    return tuple(sorted(views, key=lambda view: (view.meta.created_at, view.index)))


def write_alias(index: str) -> str:
    """The hidden alias through which a view is written.

    A bulk request that requires an alias can't create an index by itself: a follower that comes late to a deleted view
    fails, instead of bringing back an index without mapping.
    """
    return f"{index}.writes"


def encode_vector(vector: NDArray[np.float32]) -> str:
    """A float32 vector as Elasticsearch takes it in base64: big-endian."""
    return base64.b64encode(vector.astype(">f4").tobytes()).decode("ascii")


def decode_vector(text: str) -> NDArray[np.float32]:
    """The inverse of `encode_vector`."""
    return np.frombuffer(base64.b64decode(text), dtype=">f4").astype(np.float32)
