"""Both graph runtimes compute what BERT is, whatever the batch, the length and the pooling."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import msgspec
import numpy as np
import pytest
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from support.plain_bert import token_vectors
from support.toy_model import make_toy_encoder
from turnout.embedding import Embedder, best_runtime, cpu
from turnout.embedding.files import CONFIG, GRAPH, POOLING, PREPARED, TOKENIZER, WEIGHTS, read_json, write_json
from turnout.embedding.prepare import model_of, prepare
from turnout.embedding.store import load
from turnout.errors import EnvironmentProblem, Refused
from turnout.release.artifacts import Model, Prefixes, Runtime

RUNTIMES = ["onnx", "openvino"]
TEXTS = ["", "red", "the signal is red", "é 🙂 x1!", "trains stop, wait and go on; " * 3, "long " * 400, "the points"]


@pytest.fixture(scope="module")
def folder(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prepare(make_toy_encoder(tmp_path_factory.mktemp("source")), store)


@pytest.fixture(scope="module", params=RUNTIMES)
def model(request: pytest.FixtureRequest, folder: Path) -> Model:
    return model_of(folder, runtime=Runtime(name=request.param))


@pytest.fixture(scope="module")
def embedder(store: Path, model: Model) -> Embedder:
    return load(model, store, threads=1)


def expected(folder: Path, text: str, pooling: str, max_tokens: int = 128) -> np.ndarray:
    tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
    tokenizer.enable_truncation(max_tokens)
    tokens = token_vectors(load_file(folder / WEIGHTS), tokenizer.encode(text).ids, layers=2, heads=4)
    pooled = {"mean": tokens.mean(axis=0), "cls": tokens[0], "max": tokens.max(axis=0)}[pooling]
    return pooled / np.linalg.norm(pooled)


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_vectors_are_those_of_plain_arithmetic(store: Path, folder: Path, model: Model, pooling: str) -> None:
    before = (folder / POOLING).read_bytes()
    keys = {"mean": "mean_tokens", "cls": "cls_token", "max": "max_tokens"}
    write_json(folder / POOLING, {f"pooling_mode_{keys[pooling]}": True})
    try:
        vectors = load(model, store, threads=1).embed(TEXTS, kind="passage")
    finally:
        (folder / POOLING).write_bytes(before)
    for text, vector in zip(TEXTS, vectors, strict=True):
        np.testing.assert_allclose(vector, expected(folder, text, pooling), atol=2e-5)


def test_a_vector_does_not_depend_on_its_company(embedder: Embedder) -> None:
    texts = [text + " train" * (place % 13) for place, text in enumerate(TEXTS * 9)]
    together = embedder.embed(texts, kind="passage")
    alone = np.concatenate([embedder.embed([text], kind="passage") for text in texts])
    assert together.shape == (63, 16)
    np.testing.assert_allclose(together, alone, atol=5e-6)


def test_no_texts_give_no_vectors(embedder: Embedder) -> None:
    assert embedder.embed([], kind="query").shape == (0, 16)


def test_a_text_is_cut_with_its_special_tokens_inside_the_limit(store: Path, folder: Path, model: Model) -> None:
    short = load(msgspec.structs.replace(model, max_tokens=8), store, threads=1)
    text = "the signal is red the points are set the branch line is clear"
    np.testing.assert_allclose(short.embed([text], kind="query")[0], expected(folder, text, "mean", 8), atol=2e-5)
    assert len(short.token_spans(text)) == 13
    assert text[slice(*short.token_spans(text)[-1])] == "clear"


def test_prefixes_are_put_in_front_by_kind(store: Path, model: Model, embedder: Embedder) -> None:
    prefixed = load(
        msgspec.structs.replace(model, prefixes=Prefixes(query="query: ", passage="the ")), store, threads=1
    )
    plain = embedder.embed(["query: red", "the red"], kind="passage")
    np.testing.assert_allclose(prefixed.embed(["red"], kind="query")[0], plain[0], atol=5e-6)
    np.testing.assert_allclose(prefixed.embed(["red"], kind="passage")[0], plain[1], atol=5e-6)


def test_threads_that_ask_at_once_get_their_own_answers(embedder: Embedder) -> None:
    texts = [f"train {number} {'stops ' * number}" for number in range(8)]
    alone = embedder.embed(texts, kind="query")
    wrong: list[str] = []

    def ask(place: int) -> None:
        given = np.concatenate([embedder.embed([texts[place]], kind="query") for _ in range(30)])
        if np.abs(given - alone[place]).max() > 5e-6:
            wrong.append(texts[place])

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_closed_model_does_not_answer(store: Path, model: Model) -> None:
    embedder = load(model, store, threads=1)
    embedder.close()
    with pytest.raises(RuntimeError, match="closed"):
        embedder.embed(["red"], kind="query")


@pytest.mark.skipif(not cpu.has_bf16(), reason="the CPU has no bf16")
def test_bf16_is_near_fp32_and_not_the_same(store: Path, folder: Path) -> None:
    vectors = [
        load(model_of(folder, runtime=Runtime(name="openvino", precision=precision)), store).embed(TEXTS, kind="query")
        for precision in ("fp32", "bf16")
    ]
    least = (vectors[0] * vectors[1]).sum(axis=1).min()
    assert 0.995 < least < 0.9999999


def test_bf16_on_a_cpu_without_it_names_the_flag(store: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu, "flags", lambda: frozenset({"avx2"}))
    assert best_runtime() == Runtime(name="openvino", precision="fp32")
    with pytest.raises(EnvironmentProblem, match="avx512_bf16"):
        load(model_of(folder, runtime=Runtime(name="openvino", precision="bf16")), store)


@pytest.mark.parametrize("name", ["onnx", "sentence-transformers"])
def test_bf16_in_a_runtime_without_it_is_refused(store: Path, folder: Path, name: str) -> None:
    with pytest.raises(Refused, match="fp32 only"):
        load(model_of(folder, runtime=Runtime(name=name, precision="bf16")), store)


def test_flags_are_read_from_cpuinfo(tmp_path: Path) -> None:
    file = tmp_path / "cpuinfo"
    file.write_text("processor\t: 0\nflags\t\t: fpu sse amx_bf16\n\nprocessor\t: 1\nflags\t\t: fpu\n")
    assert cpu.flags(file) == {"fpu", "sse", "amx_bf16"}
    assert cpu.flags(tmp_path / "nothing") == frozenset()


def test_an_unprepared_folder_and_a_changed_graph_are_not_run(tmp_path: Path, model: Model) -> None:
    folder = prepare(make_toy_encoder(tmp_path / "source", seed=5), tmp_path / "store")
    other = model_of(folder, runtime=model.runtime)
    graph = bytearray((folder / GRAPH).read_bytes())
    graph[-1] ^= 1
    (folder / GRAPH).write_bytes(graph)
    with pytest.raises(Refused, match="not the one that was prepared"):
        load(other, tmp_path / "store")
    (folder / PREPARED).unlink()
    with pytest.raises(EnvironmentProblem, match="turnout model prepare"):
        load(other, tmp_path / "store")


def test_the_reference_runtime_says_how_to_install_it(
    store: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(EnvironmentProblem, match=r"turnout\[torch\]"):
        load(model_of(folder, runtime=Runtime(name="sentence-transformers")), store)


@pytest.mark.parametrize(
    ("file", "change", "complaint"),
    [
        (CONFIG, {"model_type": "roberta"}, "model_type is 'roberta'"),
        (CONFIG, {"hidden_act": "relu"}, "hidden_act is 'relu'"),
        (CONFIG, {"position_embedding_type": "relative_key"}, "position_embedding_type"),
        (CONFIG, {"num_hidden_layers": 3}, "weights lack"),
        (CONFIG, {"max_position_embeddings": 100}, "above the 100 positions"),
    ],
)
def test_what_the_graph_would_get_wrong_is_refused_and_leaves_nothing(
    tmp_path: Path, file: str, change: dict[str, object], complaint: str
) -> None:
    source = make_toy_encoder(tmp_path / "source")
    write_json(source / file, read_json(source / file) | change)
    with pytest.raises(Refused, match=complaint):
        prepare(source, tmp_path / "store")
    assert list((tmp_path / "store").iterdir()) == []
