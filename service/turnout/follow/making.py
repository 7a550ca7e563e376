"""Make a view, empty and set up for filling, and end its filling. Called by apply and by tests."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import Any

from msgspec import to_builtins

from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.views import (
    META_KEY,
    SYSTEM_FIELD,
    SYSTEM_MAPPING,
    Probe,
    View,
    ViewMeta,
    encode_vector,
    write_alias,
)
from turnout.elastic.writer import NO_PIPELINES, Writer
from turnout.embedding import Embedder
from turnout.embedding.attestation import PROBES, probe_vectors
from turnout.follow.view import find_view
from turnout.release.artifacts import Release

# While a view is filled nobody searches it: no refresh, and copies are made once at the end.
FILLING: dict[str, Any] = {"refresh_interval": "-1", "number_of_replicas": 0}
_REPLICAS = "auto_expand_replicas"


@dataclass(frozen=True)
class NewView:
    """What a view is made of; its name is chosen by whoever makes it."""

    mappings: dict[str, Any]
    settings: dict[str, Any]

    def make(self, writer: Writer, index: str) -> bool:
        """Make the index; False if the name is taken."""
        aliases = {write_alias(index): {"is_hidden": True}}
        return writer.create_index(index, mappings=self.mappings, settings=self.settings, aliases=aliases)


def new_view(names: Names, release: Release, embedder: Embedder, *, now: str) -> NewView:
    """The mapping and settings of a view for `release`; see `create_view`."""
    settings = {**NO_PIPELINES, **_settings(release), **FILLING}
    settings.pop(_REPLICAS, None)
    return NewView(_mappings(names, release, embedder, now), settings)


def create_view(
    reader: Reader, writer: Writer, names: Names, release: Release, embedder: Embedder, *, now: str
) -> View:
    """A new, empty view for `release`, with settings for filling and the probes of `embedder` in its `_meta`.

    Args:
        now: the time of creation, ISO 8601 in UTC.
    """
    new = new_view(names, release, embedder, now=now)
    for attempt in count(1):
        index = names.view(release.fingerprints.index, attempt)
        if new.make(writer, index):
            return find_view(reader, names, index)
    raise AssertionError("unreachable")


def _mappings(names: Names, release: Release, embedder: Embedder, now: str) -> dict[str, Any]:
    vectors = probe_vectors(embedder, PROBES)
    fields = release.pipeline.index
    meta = ViewMeta(
        collection=names.collection,
        index_fingerprints=(release.fingerprints.index,),
        embedding_fingerprint=release.fingerprints.embedding,
        documents=names.documents,
        built_for=release.id,
        created_at=now,
        probes=tuple(
            Probe(text=text, kind=kind, vector=encode_vector(vector))
            for (kind, text), vector in zip(PROBES, vectors, strict=True)
        ),
        passage_fields=(fields.passages, fields.passage_text, fields.passage_vector),
    )
    mappings = dict(release.mapping["mappings"])
    mappings["properties"] = {**mappings.get("properties", {}), SYSTEM_FIELD: SYSTEM_MAPPING}
    mappings["_meta"] = {**mappings.get("_meta", {}), META_KEY: to_builtins(meta)}
    return mappings


def _settings(release: Release) -> dict[str, Any]:
    """The index settings of a release by their short names, whichever of the ways of writing them the user chose."""
    given = dict(release.mapping.get("settings") or {})
    given |= given.pop("index", {})
    return {key.removeprefix("index."): value for key, value in given.items()}


def is_filling(view: View) -> bool:
    """Whether a view still has the settings for filling: what is written to it isn't seen by searches."""
    return bool(view.settings["index"].get("refresh_interval") == FILLING["refresh_interval"])


def finish_filling(writer: Writer, view: View, release: Release) -> None:
    """Give a filled view the refresh interval and the replicas of its release (or the server's defaults).

    Harmless when done twice. `Reader.refresh` makes the documents searchable at once.
    """
    wanted = _settings(release)
    restored = {key: wanted.get(key) for key in FILLING}
    if _REPLICAS in wanted:
        restored = {"refresh_interval": wanted.get("refresh_interval"), _REPLICAS: wanted[_REPLICAS]}
    writer.put_settings(view.index, {"index": restored})
