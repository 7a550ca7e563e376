"""A small view written straight into Elasticsearch, for tests of searching that need no follower."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from elasticsearch import Elasticsearch, helpers

from turnout.elastic.documents import document_id
from turnout.elastic.names import Names
from turnout.elastic.views import META_KEY, SYSTEM_FIELD, SYSTEM_MAPPING, Probe, ViewMeta, encode_vector
from turnout.embedding import Embedder
from turnout.release.artifacts import Release

PROBES: tuple[tuple[str, Any], ...] = (("a red signal", "query"), ("the points were set for the branch", "passage"))


def toy_document(
    source_id: str,
    *passages: str,
    tenant: str = "default",
    state: str = "live",
    kind: str = "x",
    title: str = "",
) -> dict[str, Any]:
    """A document of the view, its vectors still to come."""
    whole = document_id(tenant, source_id)
    return {
        SYSTEM_FIELD: {"id": whole, "tenant": tenant, "state": state, "version": 1},
        "title": title or source_id,
        "body": " ".join(passages),
        "kind": kind,
        "passages": [{"text": text} for text in passages],
    }


def write_view(
    client: Elasticsearch,
    names: Names,
    release: Release,
    embedder: Embedder,
    documents: Iterable[dict[str, Any]],
    *,
    attempt: int = 1,
    created_at: str = "2026-01-01T00:00:00Z",
) -> str:
    """Create the view of a release, fill it and return its name."""
    index = names.view(release.fingerprints.index, attempt)
    mappings = dict(release.mapping["mappings"])
    mappings["properties"] = mappings["properties"] | {SYSTEM_FIELD: SYSTEM_MAPPING}
    mappings["_meta"] = {META_KEY: msgspec.to_builtins(_meta(names, release, embedder, created_at))}
    client.indices.create(index=index, mappings=mappings, settings=release.mapping["settings"])
    add_documents(client, index, embedder, documents)
    return index


def add_documents(client: Elasticsearch, index: str, embedder: Embedder, documents: Iterable[dict[str, Any]]) -> None:
    """Embed and write documents and make them visible."""
    actions = []
    for document in documents:
        for passage in document["passages"]:
            passage["vector"] = embedder.embed([passage["text"]], kind="passage")[0].tolist()
        actions.append({"_index": index, "_id": document[SYSTEM_FIELD]["id"], "_source": document})
    helpers.bulk(client, actions, refresh=True)


def _meta(names: Names, release: Release, embedder: Embedder, created_at: str) -> ViewMeta:
    probes = tuple(
        Probe(text=text, kind=kind, vector=encode_vector(embedder.embed([text], kind=kind)[0])) for text, kind in PROBES
    )
    return ViewMeta(
        collection=release.collection,
        index_fingerprints=(release.fingerprints.index,),
        embedding_fingerprint=release.fingerprints.embedding,
        documents=names.documents,
        built_for=release.id,
        created_at=created_at,
        probes=probes,
    )
