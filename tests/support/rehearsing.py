"""A collection to rehearse: a few hundred short documents, queries that are parts of them, and toy models."""

from __future__ import annotations

import copy
import random
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer

from support.applying import WORDS
from support.releases import MODEL, make_release, merged
from support.toy_model import keep, make_toy_model, write_modules, write_tokenizer
from turnout.embedding.files import CONFIG, STATIC_TYPE, TOKENIZER, WEIGHTS, sha256, write_json
from turnout.embedding.static import TENSOR
from turnout.embedding.store import folder_of
from turnout.evaluation import QuerySet, parse_query_set
from turnout.ingest import SourceDocument
from turnout.ingest.sampling import draw
from turnout.rehearsal import Rehearsal, Settings, rehearse
from turnout.release.artifacts import Model, Release
from turnout.release.fingerprint import build

DIMS = 64
GATES: dict[str, Any] = {
    "verify": {
        "ann_recall": {"k": 5, "min": 0.9, "queries": 10},
        "quality": {"max_loss": 0.05, "min_queries": 10},
    },
    "rehearsal": {"min_judged": 0.0, "max_latency_ratio": 20.0},
}


HNSW: dict[str, Any] = {"type": "hnsw", "m": 16, "ef_construction": 100}


def quiet(event: object) -> None:
    """Listens to nothing."""


def later(hours: float) -> str:
    """The time as it will be."""
    return (datetime.now(UTC) + timedelta(hours=hours)).isoformat()


@dataclass(frozen=True)
class Stage:
    """The source, its queries, and two models: a good one and one of the same dims that knows three meanings."""

    url: str
    prefix: str
    models: Path
    documents: tuple[SourceDocument, ...]
    query_set: QuerySet
    good: Model
    dull: Model

    def release(
        self, of: Model | None = None, *, index_options: dict[str, Any] | None = None, **changes: Any
    ) -> Release:
        """A release that searches by vectors; `changes` are laid over its parts."""
        chosen = of or self.good
        parts = {
            "model": msgspec.to_builtins(chosen),
            "mapping": {"mappings": {"properties": {"passages": {"properties": {"vector": {"dims": chosen.dims}}}}}},
            "pipeline": {"retrieval": {"mode": "vector"}},
            "gates": GATES,
        }
        made = make_release(**merged(parts, changes))
        mapping = copy.deepcopy(made.mapping)
        vector = mapping["mappings"]["properties"]["passages"]["properties"]["vector"]
        vector["index_options"] = index_options or HNSW  # replaced and not merged: types have other parameters
        return build(
            made.collection,
            mapping=mapping,
            model=made.model,
            pipeline=made.pipeline,
            gates=made.gates,
            evaluation=None,
            code=made.code,
        )

    def settings(self, **changes: Any) -> Settings:
        """In this process and quietly, unless told otherwise."""
        settings = Settings(
            url=self.url,
            prefix=self.prefix,
            models=self.models,
            documents=lambda: self.documents,
            sample=draw(self.documents, (), size=0),
            query_set=self.query_set,
            processes=0,
            now=lambda: later(0),
            listen=quiet,
        )
        return replace(settings, **changes)

    def rehearse(self, base: Release | None, head: Release, **changes: Any) -> Rehearsal:
        return rehearse(base, head, self.settings(**changes))


def make_stage(url: str, prefix: str, models: Path, *, documents: int = 100, queries: int = 16) -> Stage:
    """Each query is the middle of one document, which is its only good answer."""
    rng = random.Random(11)
    texts = {f"d{n:03}": " ".join(rng.choices(WORDS, k=12)) for n in range(documents)}
    asked = rng.sample(sorted(texts), queries)
    lines = "".join(f'{{"_id": "q-{name}", "text": "{" ".join(texts[name].split()[2:10])}"}}\n' for name in asked)
    qrels = "query-id\tcorpus-id\tscore\n" + "".join(f"q-{name}\t{name}\t1\n" for name in asked)
    return Stage(
        url=url,
        prefix=prefix,
        models=models,
        documents=tuple(as_documents(texts.items())),
        query_set=parse_query_set(lines.encode(), qrels.encode()),
        good=make_toy_model(models, dims=DIMS),
        dull=make_dull_model(models),
    )


def as_documents(texts: Iterable[tuple[str, str]]) -> Iterable[SourceDocument]:
    for number, (name, text) in enumerate(texts):
        yield SourceDocument(source_id=name, title=name, text=text, fields={"kind": "even" if number % 2 else "odd"})


def make_dull_model(store: Path, *, dims: int = DIMS) -> Model:
    """A static model for which there are three words: it finds neighbours, but not those that one wants."""
    making = store / f"making-{uuid.uuid4().hex}"
    write_tokenizer(making, special=False)
    size = Tokenizer.from_file(str(making / TOKENIZER)).get_vocab_size()
    rng = np.random.default_rng(3)
    weights = rng.standard_normal((3, dims))[rng.integers(0, 3, size)] + 0.01 * rng.standard_normal((size, dims))
    save_file({TENSOR: weights.astype(np.float32)}, making / WEIGHTS)
    write_json(making / CONFIG, {"model_type": STATIC_TYPE, "hidden_dim": dims})
    write_modules(making, "StaticEmbedding", dims=dims, max_tokens=128)
    digests = {"weights": sha256(making / WEIGHTS), "tokenizer": sha256(making / TOKENIZER)}
    keep(making, folder_of(digests["weights"], store))
    return msgspec.convert(merged(MODEL, {"id": "dull", "digests": digests, "dims": dims, "max_tokens": 128}), Model)
