"""Views: make one, restore its settings when it is full, and check that a release may be followed into it."""

from __future__ import annotations

from itertools import count
from typing import Any

import numpy as np
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
from turnout.embedding.attestation import PROBES, least_cosine, probe_vectors
from turnout.errors import Refused
from turnout.release.artifacts import Release

# While a view is filled nobody searches it: no refresh, and copies are made once at the end.
FILLING: dict[str, Any] = {"refresh_interval": "-1", "number_of_replicas": 0}
_REPLICAS = "auto_expand_replicas"


class ViewGone(Refused):
    """The view doesn't exist (any more)."""


def create_view(
    reader: Reader, writer: Writer, names: Names, release: Release, embedder: Embedder, *, now: str
) -> View:
    """A new, empty view for `release`, with settings for filling and the probes of `embedder` in its `_meta`.

    Args:
        now: the time of creation, ISO 8601 in UTC.
    """
    mappings = _mappings(names, release, embedder, now)
    settings = {**NO_PIPELINES, **_settings(release), **FILLING}
    settings.pop(_REPLICAS, None)
    for attempt in count(1):
        index = names.view(release.fingerprints.index, attempt)
        aliases = {write_alias(index): {"is_hidden": True}}
        if writer.create_index(index, mappings=mappings, settings=settings, aliases=aliases):
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


def finish_filling(writer: Writer, view: View, release: Release) -> None:
    """Give a filled view the refresh interval and the replicas of its release (or the server's defaults).

    Harmless when done twice. `Reader.refresh` makes the documents searchable at once.
    """
    wanted = _settings(release)
    restored = {key: wanted.get(key) for key in FILLING}
    if _REPLICAS in wanted:
        restored = {"refresh_interval": wanted.get("refresh_interval"), _REPLICAS: wanted[_REPLICAS]}
    writer.put_settings(view.index, {"index": restored})


def find_view(reader: Reader, names: Names, index: str) -> View:
    """The view called `index`.

    Raises:
        ViewGone: no such index, or not a view of this collection.
    """
    for view in reader.views(names):
        if view.index == index:
            return view
    raise ViewGone(
        "there is no such view", where=index, remedy=f"`turnout status {names.collection}` shows the views there are"
    )


def followed_view(reader: Reader, names: Names, release: Release, index: str) -> View:
    """The view called `index`, if it serves `release`.

    Raises:
        Refused: missing, or of another index or embedding fingerprint.
    """
    view = find_view(reader, names, index)
    if release.fingerprints.index not in view.meta.index_fingerprints:
        raise Refused(
            f"the view serves {', '.join(view.meta.index_fingerprints)}, not {release.fingerprints.index}",
            where=index,
            remedy=f"follow the view that was built for release {release.id}, or build one",
        )
    _same_embedding(view, release)
    return view


def reusable_view(reader: Reader, names: Names, release: Release, index: str) -> View:
    """The view called `index`, if its vectors may be taken for `release`.

    Raises:
        Refused: missing, or of another embedding fingerprint.
    """
    view = find_view(reader, names, index)
    _same_embedding(view, release)
    return view


def _same_embedding(view: View, release: Release) -> None:
    if view.meta.embedding_fingerprint != release.fingerprints.embedding:
        raise Refused(
            f"the view's vectors are of {view.meta.embedding_fingerprint}, not {release.fingerprints.embedding}",
            where=view.index,
            remedy="choose a view of the same embedding fingerprint",
        )


def attest(embedder: Embedder, view: View, release: Release) -> None:
    """Check that `embedder` gives the vectors that the view's probes hold.

    Raises:
        Refused: a probe differs more than the release's gate allows, or the view has no probes.
    """
    if not view.meta.probes:
        raise Refused("the view holds no probes", where=view.index, remedy="build the view again")
    probes = tuple((probe.kind, probe.text) for probe in view.meta.probes)
    stored = np.stack([probe.array() for probe in view.meta.probes])
    least = float("nan")
    if stored.shape[1] == embedder.dims:
        least = least_cosine(embedder, probes, stored)
    needed = release.gates.verify.attestation.min_cosine
    if not least >= needed:
        raise Refused(
            f"the model doesn't give the vectors of this view: least cosine {least:.6f}, at least {needed} is needed",
            where=view.index,
            remedy=f"run the model that filled it ({release.model.id}, by the digests of the release)",
        )
