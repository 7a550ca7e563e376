"""A model is loaded only if its files are those of the release."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from support.toy_model import make_toy_model
from turnout.embedding.files import POOLING, TOKENIZER, WEIGHTS, read_json, write_json
from turnout.embedding.store import folder_of, identity, load
from turnout.errors import EnvironmentProblem, Refused
from turnout.release.artifacts import Model


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path


def changed(model: Model, **changes: object) -> Model:
    return msgspec.structs.replace(model, **changes)


def test_a_toy_model_is_the_same_model_each_time(store: Path) -> None:
    assert make_toy_model(store) == make_toy_model(store)
    assert make_toy_model(store, seed=1).digests != make_toy_model(store).digests
    assert len(list(store.iterdir())) == 2


def test_identity_is_what_the_files_say(store: Path) -> None:
    model = make_toy_model(store, dims=8)
    own = identity(folder_of(model.digests.weights, store))
    assert (own.weights, own.tokenizer) == (model.digests.weights, model.digests.tokenizer)
    assert (own.dims, own.max_tokens, own.pooling, own.normalize, own.static) == (8, 128, "mean", True, True)


def test_a_model_that_is_not_in_the_store_names_the_command(store: Path) -> None:
    model = make_toy_model(store)
    with pytest.raises(EnvironmentProblem, match="turnout model prepare"):
        load(model, store / "elsewhere")


@pytest.mark.parametrize("file", [WEIGHTS, TOKENIZER])
def test_a_file_changed_by_one_byte_is_refused(store: Path, file: str) -> None:
    model = make_toy_model(store)
    path = folder_of(model.digests.weights, store) / file
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content)
    with pytest.raises(Refused, match="are not those of the release"):
        load(model, store)


@pytest.mark.parametrize("changes", [{"dims": 17}, {"max_tokens": 129}])
def test_a_release_that_contradicts_the_files_is_refused(store: Path, changes: dict[str, int]) -> None:
    with pytest.raises(Refused, match=str(next(iter(changes.values())))):
        load(changed(make_toy_model(store), **changes), store)


def test_a_lower_token_limit_than_the_models_own_is_taken(store: Path) -> None:
    embedder = load(changed(make_toy_model(store), max_tokens=3), store)
    assert embedder.max_tokens == 3
    short, long = embedder.embed(["the red signal", "the red signal is clear"], kind="passage")
    assert (short == long).all()


def test_pooling_is_read_from_the_models_own_files(store: Path) -> None:
    model = make_toy_model(store)
    before = load(model, store).embed(["the red signal"], kind="query")
    path = folder_of(model.digests.weights, store) / POOLING
    write_json(path, {"pooling_mode_max_tokens": True})
    after = load(model, store).embed(["the red signal"], kind="query")
    assert abs(float((before * after).sum())) < 0.99


@pytest.mark.parametrize("config", [{"pooling_mode_weightedmean_tokens": True}, {}, {"pooling_mode_max_tokens": False}])
def test_a_pooling_that_nobody_can_do_is_refused(store: Path, config: dict[str, bool]) -> None:
    model = make_toy_model(store)
    path = folder_of(model.digests.weights, store) / POOLING
    assert read_json(path)
    write_json(path, config)
    with pytest.raises(Refused, match="not one of mean, cls and max"):
        load(model, store)
