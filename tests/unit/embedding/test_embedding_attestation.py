"""Attestation tells a model from one that only looks like it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from support.toy_model import make_toy_model
from turnout.embedding.attestation import PROBES, least_cosine, probe_vectors
from turnout.embedding.files import MODULES, POOLING, write_json
from turnout.embedding.store import folder_of, load
from turnout.release.artifacts import Model, Prefixes


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def model(store: Path) -> Model:
    return make_toy_model(store)


def agreement(store: Path, stored: np.ndarray, model: Model) -> float:
    return least_cosine(load(model, store), PROBES, stored)


def test_the_same_model_agrees_with_itself(store: Path, model: Model) -> None:
    assert agreement(store, probe_vectors(load(model, store)), model) == pytest.approx(1, abs=1e-6)


def test_probes_are_passages_and_exceed_every_limit() -> None:
    assert {kind for kind, _ in PROBES} == {"passage"}
    assert max(len(text.split()) for _, text in PROBES) > 8192


@pytest.mark.parametrize("changes", [{"prefixes": Prefixes(passage="passage ")}, {"max_tokens": 100}])
def test_a_prefix_or_a_cut_at_another_place_is_seen(store: Path, model: Model, changes: dict[str, object]) -> None:
    stored = probe_vectors(load(model, store))
    assert agreement(store, stored, msgspec.structs.replace(model, **changes)) < 0.999


def test_other_weights_are_seen(store: Path, model: Model) -> None:
    assert agreement(store, probe_vectors(load(model, store)), make_toy_model(store, seed=1)) < 0.9


def test_another_pooling_in_the_models_own_files_is_seen(store: Path, model: Model) -> None:
    stored = probe_vectors(load(model, store))
    write_json(folder_of(model.digests.weights, store) / POOLING, {"pooling_mode_max_tokens": True})
    assert agreement(store, stored, model) < 0.99


def test_a_model_that_stopped_to_normalise_is_seen_though_directions_agree(store: Path, model: Model) -> None:
    stored = probe_vectors(load(model, store))
    write_json(folder_of(model.digests.weights, store) / MODULES, [{"type": "models.StaticEmbedding"}])
    assert agreement(store, stored, model) < 0.99


def test_what_can_not_be_compared_is_minus_one(store: Path, model: Model) -> None:
    embedder = load(model, store)
    stored = probe_vectors(embedder)
    assert least_cosine(embedder, PROBES, stored[:, :8]) == -1
    assert least_cosine(embedder, PROBES, stored[:-1]) == -1
    assert least_cosine(embedder, PROBES, np.full_like(stored, np.nan)) == -1
    assert least_cosine(embedder, (), stored[:0]) == -1
    assert least_cosine(embedder, PROBES, np.zeros_like(stored)) < 0.5
