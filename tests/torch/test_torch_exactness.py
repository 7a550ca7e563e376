"""The torch-free runtimes give sentence-transformers' vectors: same cuts, same prefixes, same pooling."""

from __future__ import annotations

import inspect
import json
import string
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from support.toy_model import make_toy_encoder
from turnout.embedding import Kind, cpu
from turnout.embedding.attestation import PROBES, least_cosine, probe_vectors
from turnout.embedding.prepare import distil_static, minilm_source, model_of, prepare
from turnout.embedding.store import load
from turnout.release.artifacts import Prefixes, Runtime

ONNX, OPENVINO = Runtime(name="onnx"), Runtime(name="openvino")
REFERENCE = Runtime(name="sentence-transformers")
EXACT = [pytest.param(runtime, id=runtime.name) for runtime in (ONNX, OPENVINO)]
_DOCUMENTED = [value for value in vars(str).values() if inspect.getdoc(value)]
TEXTS = [
    "",
    "a",
    "café naïve Straße 東京の天気 Привет ½ 🙂",
    "[CLS] special [SEP] tokens [MASK] as text",
    "def f(x: int = 0) -> dict[str, int]: return {'x': x << 2}",
    string.printable,
    "word " * 254,
    "word " * 255,
    "a long text about signals and switches " * 100,
    *[str(inspect.getdoc(value)) for value in _DOCUMENTED],
]


def cosines(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return (left * right).sum(axis=1) / np.linalg.norm(left, axis=1) / np.linalg.norm(right, axis=1)


@pytest.fixture(scope="module")
def published() -> np.ndarray:
    """What the package as published gives, with nothing of ours in between."""
    model = SentenceTransformer(str(minilm_source()), device="cpu", local_files_only=True)
    return np.asarray(model.encode(TEXTS, show_progress_bar=False))


@pytest.mark.parametrize("runtime", [*EXACT, pytest.param(REFERENCE, id="sentence-transformers")])
def test_fp32_vectors_are_those_of_sentence_transformers(
    store: Path, minilm: Path, published: np.ndarray, runtime: Runtime
) -> None:
    vectors = load(model_of(minilm, runtime=runtime), store).embed(TEXTS, kind="passage")
    assert cosines(vectors, published).min() >= 0.99999
    assert np.abs(vectors - published).max() < 1e-5


@pytest.mark.skipif(not cpu.has_bf16(), reason="the CPU has no bf16")
def test_bf16_vectors_are_near_them(store: Path, minilm: Path, published: np.ndarray) -> None:
    runtime = Runtime(name="openvino", precision="bf16")
    vectors = load(model_of(minilm, runtime=runtime), store).embed(TEXTS, kind="passage")
    assert 0.999 <= cosines(vectors, published).min() < 0.9999999


@pytest.mark.parametrize("runtime", EXACT)
@pytest.mark.parametrize("kind", ["query", "passage"])
@pytest.mark.parametrize("max_tokens", [16, 128])
def test_prefixes_and_cuts_are_the_same(
    store: Path, minilm: Path, runtime: Runtime, kind: Kind, max_tokens: int
) -> None:
    model = model_of(minilm, runtime=runtime, prefixes=Prefixes(query="query: ", passage="passage: "))
    model = msgspec.structs.replace(model, max_tokens=max_tokens)
    reference = load(msgspec.structs.replace(model, runtime=REFERENCE), store)
    vectors = load(model, store).embed(TEXTS, kind=kind)
    assert cosines(vectors, reference.embed(TEXTS, kind=kind)).min() >= 0.99999


@pytest.mark.parametrize("runtime", EXACT)
@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
@pytest.mark.parametrize("normalize", [True, False])
def test_pooling_and_normalising_are_the_same(tmp_path: Path, runtime: Runtime, pooling: str, normalize: bool) -> None:
    source = make_toy_encoder(tmp_path / "source", pooling=pooling, normalize=normalize)
    model = model_of(prepare(source, tmp_path), runtime=runtime)
    reference = SentenceTransformer(str(source), device="cpu", local_files_only=True)
    given = load(model, tmp_path).embed(TEXTS, kind="passage")
    np.testing.assert_allclose(given, np.asarray(reference.encode(TEXTS)), atol=3e-5)


@pytest.mark.parametrize("runtime", [ONNX, REFERENCE], ids=lambda runtime: runtime.name)
def test_pooling_changed_in_the_files_shows_in_every_runtime(tmp_path: Path, runtime: Runtime) -> None:
    folder = prepare(make_toy_encoder(tmp_path / "source"), tmp_path)
    model = model_of(folder, runtime=runtime)
    before = probe_vectors(load(model, tmp_path))
    assert least_cosine(load(model, tmp_path), PROBES, before) > 0.99999
    path = folder / "1_Pooling" / "config.json"
    config: dict[str, Any] = json.loads(path.read_text())
    path.write_text(json.dumps(config | {"pooling_mode_mean_tokens": False, "pooling_mode_max_tokens": True}))
    assert least_cosine(load(model, tmp_path), PROBES, before) < 0.99


def test_attestation_agrees_between_the_exact_runtimes(store: Path, minilm: Path) -> None:
    stored = probe_vectors(load(model_of(minilm, runtime=REFERENCE), store))
    for runtime in (ONNX, OPENVINO):
        assert least_cosine(load(model_of(minilm, runtime=runtime), store), PROBES, stored) >= 0.99999


def test_a_distilled_model_gives_the_same_vectors_in_sentence_transformers(tmp_path: Path) -> None:
    teacher = prepare(make_toy_encoder(tmp_path / "source"), tmp_path)
    folder = distil_static(teacher, tmp_path, dims=8)
    reference = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    # It has no limit of its own and gives a zero vector to a text without tokens.
    texts = [text for text in TEXTS if 0 < len(text) < 400]
    given = load(model_of(folder), tmp_path).embed(texts, kind="passage")
    np.testing.assert_allclose(given, np.asarray(reference.encode(texts)), atol=1e-5)
