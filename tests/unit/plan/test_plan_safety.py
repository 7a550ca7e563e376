"""The class of a change, from the side of safety: never less than what is stored, or was embedded, has to bear."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.releases import make_release, merged
from turnout.elastic.documents import Document
from turnout.follow.body import view_item
from turnout.follow.reuse import Passage
from turnout.passages import chunk, clean
from turnout.plan import Change, differences, highest
from turnout.plan.change import tokens_of
from turnout.plan.sections import RULES
from turnout.release.artifacts import Release

# Leaf -> values that a release may have there; drawn at random, so most pairs differ in several places.
LEAVES: dict[str, tuple[Any, ...]] = {
    "model.license": ("apache-2.0", "mit"),
    "model.id": ("toy", "other"),
    "model.revision": ("1", "2"),
    "model.price.per_million_tokens": (0.0, 1.0),
    "model.pooling": ("mean", "cls"),
    "model.normalize": (True, False),
    "model.max_tokens": (128, 64),
    "model.dims": (16, 32),
    "model.digests.weights": ("sha256:" + "0" * 64, "sha256:" + "1" * 64),
    "model.digests.tokenizer": ("sha256:" + "0" * 64, "sha256:" + "1" * 64),
    "model.prefixes.passage": ("", "passage: "),
    "model.prefixes.query": ("", "query: "),
    "model.runtime.precision": ("fp32", "bf16"),
    "model.runtime.name": ("static", "onnx"),
    "pipeline.clean.unicode": ("NFC", "NFKC"),
    "pipeline.clean.collapse_whitespace": (True, False),
    "pipeline.chunk.size": (64, 32),
    "pipeline.chunk.overlap": (8, 4),
    "pipeline.chunk.max_passages": (50, 40),
    "pipeline.source.options.path": ("documents.jsonl", "others.jsonl"),
    "pipeline.embed.batch_size": (16, 4),
    "pipeline.index.copy.kind": ("fields.kind", "fields.type"),
    "pipeline.retrieval.k": (10, 5),
    "pipeline.retrieval.num_candidates": (50, 100),
    "pipeline.limits.max_k": (100, 50),
    "pipeline.budget.per_month": (10.0, 20.0),
    "gates.verify.ann_recall.min": (0.9, 0.8),
    "mapping.settings.number_of_shards": (1, 2, "1"),
    "mapping.settings.refresh_interval": ("1s", "-1", "5s"),
    "mapping.settings.analysis.analyzer.a.type": ("english", "simple"),
    "mapping.mappings.dynamic": ("strict", False, True),
    "mapping.mappings.properties.title.analyzer": ("english", "standard"),
    "mapping.mappings.properties.title.fields.new": ({"type": "text"}, {"type": "keyword"}),
    "mapping.mappings.properties.kind.ignore_above": (10, 20),
    "mapping.mappings.properties.free": ({"type": "keyword"}, {"type": "long"}, {"type": "invented"}),
    "mapping.mappings.properties.passages.properties.vector.index_options.m": (16, 32),
}
EMBEDDING = ("model.pooling", "model.normalize", "model.max_tokens", "model.dims", "model.digests.weights")
EMBEDDING += ("model.digests.tokenizer", "model.prefixes.passage", "model.runtime.precision", "model.runtime.name")
EMBEDDING += tuple(name for name in LEAVES if name.startswith(("pipeline.clean", "pipeline.chunk")))

drawn = st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in LEAVES.items()})


def release(chosen: dict[str, Any]) -> Release:
    changes: dict[str, Any] = {}
    for name, value in chosen.items():
        nested: Any = value
        for token in reversed(name.split(".")):
            nested = {token: nested}
        changes = merged(changes, nested)
    return make_release(**changes)


@given(drawn, drawn)
@settings(max_examples=300, deadline=None)
def test_the_class_is_never_less_than_what_differs_between_any_two_releases(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    base, head = release(one), release(other)
    change = highest(differences(base, head))
    was, now = base.fingerprints, head.fingerprints
    assert (change is Change.NONE) == (base.id == head.id)
    assert (change is Change.EMBED) == (was.embedding != now.embedding)
    assert (change >= Change.IN_PLACE) == (was.index != now.index)
    assert change >= Change.QUERY or was.query == now.query
    assert all(item.server == "takes" for item in differences(base, head) if item.change is Change.IN_PLACE)


@given(drawn, st.sampled_from(EMBEDDING))
@settings(max_examples=100, deadline=None)
def test_every_part_of_the_embedding_means_embed_whatever_else_differs(chosen: dict[str, Any], part: str) -> None:
    base, head = (release({**chosen, part: value}) for value in LEAVES[part][:2])
    assert highest(differences(base, head)) is Change.EMBED


DOCUMENT = Document(
    id="1",
    tenant="t",
    source_id="1",
    owner="o",
    deleted=False,
    content_hash="h",
    updated_at="2026-11-01T00:00:00Z",
    title="A  title",
    text="Some  \ufb01ne words. " * 90,
    fields={"kind": "a", "type": "b"},
)


def stored(of: Release) -> Any:
    """What a document becomes in a view of this release, but for its vectors: by the code that followers run."""
    text = clean(DOCUMENT.text, of.pipeline.clean)
    spans = [found.span() for found in re.finditer(r"\S+", text)]
    passages = [Passage(passage, "") for passage in chunk(text, of.pipeline.chunk, spans)]
    return view_item("1", DOCUMENT, 1, fields=of.pipeline.index, passages=passages, hashed="h")


@given(drawn, drawn)
@settings(max_examples=150, deadline=None)
def test_what_changes_no_index_changes_nothing_that_is_stored(one: dict[str, Any], other: dict[str, Any]) -> None:
    base, head = release(one), release(other)
    cheap = [item for item in differences(base, head) if item.change <= Change.QUERY]
    sections = {tokens_of(item.path)[:2] for item in cheap}
    assert not sections & {("pipeline", "clean"), ("pipeline", "chunk"), ("pipeline", "index"), ("model", "digests")}
    if highest(differences(base, head)) <= Change.QUERY:
        assert stored(base) == stored(head)
        assert base.mapping == head.mapping


CHEAP = sorted(path for path, (change, _) in RULES.items() if change <= Change.QUERY)


@pytest.mark.parametrize("name", [name for name in LEAVES if f"/{name.replace('.', '/')}".startswith(tuple(CHEAP))])
def test_a_part_with_a_cheap_rule_is_in_no_fingerprint_of_what_is_stored(name: str) -> None:
    was, now = (release({name: value}).fingerprints for value in LEAVES[name][:2])
    assert (was.embedding, was.index) == (now.embedding, now.index)


def test_a_rule_below_in_place_is_never_about_a_mapping() -> None:
    assert [path for path in CHEAP if path.startswith("/mapping")] == []
    base = make_release()
    head = msgspec.structs.replace(base, mapping={**base.mapping, "mappings": {}})
    assert min(item.change for item in differences(base, head)) >= Change.IN_PLACE
