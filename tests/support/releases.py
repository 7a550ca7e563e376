"""A small valid release to start from; tests change what they are about."""

from __future__ import annotations

from typing import Any

import msgspec

from turnout.passages import CODE_VERSIONS
from turnout.release.artifacts import Gates, Model, Pipeline, Release
from turnout.release.fingerprint import build

MAPPING: dict[str, Any] = {
    "settings": {"number_of_shards": 1, "number_of_replicas": 0},
    "mappings": {
        "dynamic": "strict",
        "properties": {
            "title": {"type": "text", "analyzer": "english"},
            "body": {"type": "text", "analyzer": "english"},
            "kind": {"type": "keyword"},
            "passages": {
                "type": "nested",
                "properties": {
                    "text": {"type": "text", "analyzer": "english"},
                    "vector": {
                        "type": "dense_vector",
                        "dims": 16,
                        "index": True,
                        "similarity": "cosine",
                        "index_options": {"type": "int8_hnsw", "m": 16, "ef_construction": 100},
                    },
                },
            },
        },
    },
}
MODEL: dict[str, Any] = {
    "apiVersion": "turnout/v1",
    "kind": "Model",
    "id": "toy",
    "revision": "1",
    "license": "apache-2.0",
    "digests": {"weights": "sha256:" + "0" * 64, "tokenizer": "sha256:" + "0" * 64},
    "dims": 16,
    "similarity": "cosine",
    "pooling": "mean",
    "normalize": True,
    "max_tokens": 128,
    "runtime": {"name": "static", "precision": "fp32"},
    "price": {"per_million_tokens": 0.0, "currency": "USD"},
}
PIPELINE: dict[str, Any] = {
    "apiVersion": "turnout/v1",
    "kind": "Pipeline",
    "source": {"connector": "jsonl", "options": {"path": "documents.jsonl"}},
    "clean": {"unicode": "NFC", "collapse_whitespace": True},
    "chunk": {"size": 64, "overlap": 8, "max_passages": 50, "on_overflow": "refuse"},
    "embed": {"batch_size": 16, "rate_limit": {"requests_per_minute": 6000, "tokens_per_minute": 10_000_000}},
    "index": {"copy": {"title": "title", "body": "text", "kind": "fields.kind"}},
    "retrieval": {
        "mode": "hybrid",
        "k": 10,
        "num_candidates": 50,
        "rank_window": 50,
        "rank_constant": 60,
        "lexical_fields": {"title": 2.0, "body": 1.0},
        "filter_fields": ["kind"],
        "timeout_ms": 1000,
    },
    "limits": {
        "max_document_bytes": 1_000_000,
        "max_k": 100,
        "max_query_chars": 1000,
        "max_concurrent_searches": 16,
    },
    "budget": {"per_month": 10.0, "per_backfill": 1.0, "currency": "USD"},
}
GATES: dict[str, Any] = {
    "apiVersion": "turnout/v1",
    "kind": "Gates",
    "verify": {
        "attestation": {"min_cosine": 0.999},
        "placeholders": {"max_share": 0.0},
        "ann_recall": {"k": 10, "min": 0.9, "queries": 50},
        "quality": {"metric": "ndcg@10", "max_loss": 0.02, "alpha": 0.05, "min_queries": 20},
    },
}


def merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """`base` with `changes` laid over it, dictionaries merged at every depth."""
    result = dict(base)
    for key, value in changes.items():
        old = result.get(key)
        result[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result


def make_release(
    collection: str = "toys",
    *,
    mapping: dict[str, Any] | None = None,
    model: dict[str, Any] | None = None,
    pipeline: dict[str, Any] | None = None,
    gates: dict[str, Any] | None = None,
) -> Release:
    """A valid release; each argument is laid over the defaults of this module."""
    return build(
        collection,
        mapping=merged(MAPPING, mapping or {}),
        model=msgspec.convert(merged(MODEL, model or {}), Model),
        pipeline=msgspec.convert(merged(PIPELINE, pipeline or {}), Pipeline),
        gates=msgspec.convert(merged(GATES, gates or {}), Gates),
        evaluation=None,
        code=CODE_VERSIONS,
    )
