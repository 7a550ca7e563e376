"""Take passages with their vectors from a view that has them already, instead of asking the model again.

From the own view when only other fields of a document changed, and from another view for the `copy` class. Equal
text under an equal embedding fingerprint has equal passages and vectors: clean, chunk and model are part of it.
Reads what the last refresh made visible: reading in real time would make the server refresh a view that is being
filled, page after page, and what is missed is only embedded again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from turnout.elastic.reader import Hit, Reader
from turnout.elastic.views import SYSTEM_FIELD, View, encode_vector

# Vectors come as JSON numbers, about ten bytes for each of hundreds of dims: keep answers to some megabytes.
_BATCH = 250


class Passage(NamedTuple):
    """One passage as a view stores it: the text, and the vector in base64."""

    text: str
    vector: str


def text_hash(text: str) -> str:
    """What a view remembers of the text that its passages came from."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def passages_from(
    reader: Reader, view: View, hashes: Mapping[str, str], *, sparse: bool = False
) -> dict[str, list[Passage]]:
    """The stored passages of those documents (id -> hash of the text) whose text is the same in `view`.

    Args:
        sparse: few are expected to be the same, so look at the hashes before fetching vectors.
    """
    ids = list(hashes)
    if sparse:
        known = reader.get_many(view.index, ids, fields=[SYSTEM_FIELD], realtime=False)
        ids = [id_ for id_, hit in known.items() if _same_text(hit, hashes[id_])]
    found: dict[str, list[Passage]] = {}
    fields = [SYSTEM_FIELD, view.meta.passage_fields[0]]
    for start in range(0, len(ids), _BATCH):
        hits = reader.get_many(view.index, ids[start : start + _BATCH], fields=fields, vectors=True, realtime=False)
        found |= {id_: _passages(hit, view) for id_, hit in hits.items() if _same_text(hit, hashes[id_])}
    return found


def _same_text(hit: Hit, wanted: str) -> bool:
    known = hit.source.get(SYSTEM_FIELD, {})
    return (known.get("state"), known.get("text_hash")) == ("live", wanted)


def _passages(hit: Hit, view: View) -> list[Passage]:
    nested, text, vector = view.meta.passage_fields
    stored: list[dict[str, Any]] | dict[str, Any] = hit.source.get(nested, [])
    entries = [stored] if isinstance(stored, dict) else stored
    return [Passage(entry[text], _base64(entry[vector])) for entry in entries]


def _base64(stored: list[float] | str) -> str:
    """The vector in base64. A document that isn't refreshed yet comes from the translog, as it was sent."""
    return stored if isinstance(stored, str) else encode_vector(np.array(stored, dtype=np.float32))
