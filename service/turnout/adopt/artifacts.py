"""The content of the YAML files for an adopted index: what it shows, what is asked, what is a choice to start from.

Pure; called by `draft`. Of an `Ask` only the place is written. A `Chosen` value changes nothing in the index.
"""

from __future__ import annotations

from typing import Any

from turnout.adopt.questions import Ask, Chosen
from turnout.adopt.shape import Shape

_DIGEST = f"sha256:{'0' * 64}"
_START = "a start, no fact about the index"


def model(shape: Shape) -> dict[str, Any]:
    """model.yaml. The index shows the size of the vectors and how they are compared, nothing else."""
    return {
        "apiVersion": "turnout/v1",
        "kind": "Model",
        "id": Ask("which model made the vectors, by its publisher's name?", "publisher/model"),
        "revision": Ask("which revision of it, or which version of the package it came in?", "1"),
        "license": Ask("under which licence are its weights?", "Apache-2.0"),
        "digests": {
            "weights": Ask("digest of model.safetensors? `turnout model` prints it", _DIGEST),
            "tokenizer": Ask("digest of tokenizer.json? `turnout model` prints it", _DIGEST),
        },
        "dims": shape.vector["dims"],
        "similarity": shape.vector["similarity"],
        "pooling": Ask("how did token vectors become one: mean, cls or max?", "mean"),
        "normalize": Ask("were the vectors scaled to length 1?", True),
        "max_tokens": Ask("after how many tokens did the model cut its input?", 100_000),
        "prefixes": {
            "query": Ask('which text does the application put in front of a query? "" for none', ""),
            "passage": Ask('which text was put in front of a passage? "" for none', ""),
        },
        "runtime": {
            "name": Ask("what computed the vectors, by its name in model.schema.json?", "onnx"),
            "precision": Ask("in which number format: fp32 or bf16?", "fp32"),
        },
        "price": {
            "per_million_tokens": Ask("what does a million tokens cost? 0 on own machines", 0),
            "currency": Ask("in which currency, by its three letters?", "USD"),
        },
    }


def pipeline(shape: Shape) -> dict[str, Any]:
    """pipeline.yaml. How text became passages can't be read from them; limits and money are decisions."""
    return {
        "apiVersion": "turnout/v1",
        "kind": "Pipeline",
        "source": {
            "connector": Ask("where do the documents come from: folder, jsonl, csv or python-docs?", "jsonl"),
        },
        "clean": {
            "unicode": Ask("to which Unicode form was text brought: NFC, NFKC or none?", "NFC"),
            "collapse_whitespace": Ask("did runs of white space become one space?", True),
        },
        "chunk": {
            "size": Ask("how many tokens does the longest passage have?", 100),
            "overlap": Ask("how many tokens do neighbouring passages share?", 0),
            "max_passages": Ask("how many passages may a document have?", 1),
            "on_overflow": Ask("and with more: truncate or refuse?", "refuse"),
        },
        "embed": {
            "batch_size": Chosen(32, _START),
            "rate_limit": {
                "requests_per_minute": Ask("how many requests a minute may embedding make?", 1),
                "tokens_per_minute": Ask("how many tokens a minute may embedding use?", 1),
            },
        },
        "index": {
            "copy": {name: _copy(name, shape) for name in shape.copied},
            "passages": shape.passages,
            "passage_text": shape.passage_text,
            "passage_vector": shape.passage_vector,
        },
        "retrieval": {
            "mode": Chosen("hybrid", _START),
            "k": Chosen(10, _START),
            "num_candidates": Chosen(100, _START),
            "rank_window": Chosen(100, _START),
            "rank_constant": Chosen(60, _START),
            "lexical_fields": {name: Chosen(1, _START) for name in shape.texts},
            "filter_fields": [],
            "timeout_ms": Chosen(1000, _START),
        },
        "limits": {
            "max_document_bytes": Chosen(1_000_000, _START),
            "max_k": Chosen(100, _START),
            "max_query_chars": Chosen(1000, _START),
            "max_concurrent_searches": Chosen(16, _START),
        },
        "budget": {
            "per_month": Ask("what may embedding cost a month?", 0),
            "per_backfill": Ask("what may one backfill cost?", 0),
            "currency": Ask("in which currency, that of the model's price?", "USD"),
        },
    }


def _copy(name: str, shape: Shape) -> Any:
    """Documents are still to come, so their fields are called like those of the index. Only the text isn't free: the
    passages are cut from it."""
    if name in shape.texts and name != "title":
        return Ask(f"text, if the passages are cut from it; else fields.{name}", "text")
    return "title" if name == "title" and name in shape.texts else f"fields.{name}"


def gates() -> dict[str, Any]:
    """gates.yaml: nothing in it is about the index."""
    return {
        "apiVersion": "turnout/v1",
        "kind": "Gates",
        "verify": {
            "attestation": {"min_cosine": Chosen(0.9999, _START)},
            "placeholders": {"max_share": Chosen(0.001, _START)},
            "ann_recall": {"k": Chosen(10, _START), "min": Chosen(0.95, _START), "queries": Chosen(100, _START)},
            "quality": {
                "metric": Chosen("ndcg@10", _START),
                "max_loss": Chosen(0.02, _START),
                "alpha": Chosen(0.05, _START),
                "min_queries": Chosen(100, _START),
            },
        },
    }
