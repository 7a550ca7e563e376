"""The static runtime gives the mean of token vectors, for every text that a client can send."""

from __future__ import annotations

import itertools
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from support.toy_model import make_toy_model
from turnout.embedding import Embedder
from turnout.embedding.files import TOKENIZER, WEIGHTS
from turnout.embedding.store import folder_of, load
from turnout.release.artifacts import Prefixes


@pytest.fixture(scope="module")
def embedder(store: Path) -> Embedder:
    return load(make_toy_model(store), store)


def test_a_vector_is_the_normalised_mean_of_its_tokens(store: Path, embedder: Embedder) -> None:
    model = make_toy_model(store)
    folder = folder_of(model.digests.weights, store)
    table = load_file(folder / WEIGHTS)["embeddings"]
    ids = Tokenizer.from_file(str(folder / TOKENIZER)).encode("the signal is red", add_special_tokens=False).ids
    mean = table[ids].mean(axis=0)
    vector = embedder.embed(["the signal is red"], kind="passage")[0]
    np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), atol=1e-6)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(max_size=60), max_size=6))
def test_any_text_gives_a_vector_of_length_one_whatever_its_company(embedder: Embedder, texts: list[str]) -> None:
    together = embedder.embed(texts, kind="passage")
    assert together.shape == (len(texts), 16)
    assert together.dtype == np.float32
    for text, vector in zip(texts, together, strict=True):
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
        np.testing.assert_array_equal(embedder.embed([text], kind="passage")[0], vector)


def test_more_texts_than_a_block_keep_their_order(embedder: Embedder) -> None:
    texts = [f"train {number}" for number in range(600)]
    together = embedder.embed(texts, kind="passage")
    for place in (0, 255, 256, 599):
        np.testing.assert_array_equal(embedder.embed([texts[place]], kind="passage")[0], together[place])


def test_prefixes_differ_by_kind(store: Path, embedder: Embedder) -> None:
    model = msgspec.structs.replace(make_toy_model(store), prefixes=Prefixes(query="query ", passage="passage "))
    prefixed = load(model, store)
    plain = embedder.embed(["query red", "passage red"], kind="passage")
    np.testing.assert_array_equal(prefixed.embed(["red"], kind="query")[0], plain[0])
    np.testing.assert_array_equal(prefixed.embed(["red"], kind="passage")[0], plain[1])


def test_spans_cover_a_text_of_any_length_in_order(embedder: Embedder) -> None:
    text = "The signal, é 🙂 red. " * 200
    spans = embedder.token_spans(text)
    assert len(spans) > embedder.max_tokens
    assert all(left[1] <= right[0] for left, right in itertools.pairwise(spans))
    assert text[slice(*spans[0])] == "The"
    assert text[slice(*spans[-1])] == "."
