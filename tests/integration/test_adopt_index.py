"""Adopting an index that a tutorial made: files, questions, the record, and a first plan that moves nothing."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import CliRunner, Result
from elasticsearch import Elasticsearch

from support.applying import make_site, now
from support.tutorial_index import make
from turnout.adopt import draft, look, record, release_mapping
from turnout.alias import retire
from turnout.apply import apply
from turnout.cli import adopt, lock, plan, revert, status, validate
from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.state import ReleaseRecord
from turnout.errors import Refused
from turnout.observed import observe
from turnout.plan import make_plan

DIGEST = f"sha256:{'ab' * 32}"
ANSWERS = {
    "model.yaml": {
        "id": "shop/embedder",
        "revision": '"3"',
        "license": "MIT",
        "weights": DIGEST,
        "tokenizer": DIGEST,
        "pooling": "mean",
        "normalize": "true",
        "max_tokens": "128",
        "query": '"q: "',
        "passage": '"p: "',
        "name": "onnx",
        "precision": "fp32",
        "per_million_tokens": "0",
        "currency": "EUR",
    },
    "pipeline.yaml": {
        "connector": "jsonl",
        "unicode": "NFC",
        "collapse_whitespace": "true",
        "size": "64",
        "overlap": "8",
        "max_passages": "50",
        "on_overflow": "refuse",
        "requests_per_minute": "600",
        "tokens_per_minute": "100000",
        "body": "text",
        "per_month": "5",
        "per_backfill": "1",
        "currency": "EUR",
    },
}


@pytest.fixture
def names(prefix: str) -> Names:
    return Names(collection="posts", prefix=prefix)


@pytest.fixture
def index(client: Elasticsearch, names: Names) -> str:
    """The tutorial's index, behind the alias that will be the collection's."""
    index = f"{names.prefix}blog-2024"
    make(client, index, names.alias)
    return index


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, elastic_url: str, prefix: str) -> Path:
    monkeypatch.setenv("TURNOUT_ROOT", str(tmp_path))
    monkeypatch.setenv("TURNOUT_ELASTICSEARCH_URL", elastic_url)
    monkeypatch.setenv("TURNOUT_INDEX_PREFIX", prefix)
    return tmp_path


def call(verb: Any, *arguments: str) -> Result:
    return CliRunner().invoke(verb.command, list(arguments), standalone_mode=False)


def ok(verb: Any, *arguments: str) -> str:
    result = call(verb, *arguments)
    assert (result.exception, result.return_value) == (None, 0), result.output
    return result.output


def refusal(verb: Any, *arguments: str) -> str:
    error = call(verb, *arguments).exception
    assert isinstance(error, Refused)
    return str(error)


def answer(root: Path, client: Elasticsearch, index: str) -> None:
    """Answer the questions as a person would: in the lines where they stand, and on the index."""
    for name, answers in ANSWERS.items():
        file = root / "pipelines" / "posts" / name
        lines = file.read_text().splitlines()
        for place, line in enumerate(lines):
            if asked := re.fullmatch(r"( *)([a-z_]+):  # QUESTION: .*", line):
                lines[place] = f"{asked[1]}{asked[2]}: {answers[asked[2]]}"
        file.write_text("\n".join(lines) + "\n")
    file = root / "schemas" / "posts" / "mapping.json"
    body = json.loads(file.read_text())
    body["mappings"]["dynamic"] = "strict"
    file.write_text(json.dumps(body))
    client.indices.put_mapping(index=index, dynamic="strict")


def adopted(root: Path, client: Elasticsearch, index: str, names: Names) -> None:
    ok(adopt, names.alias)
    answer(root, client, index)
    ok(lock, "posts")
    ok(adopt, names.alias, "--record")


def test_from_an_alias_to_a_plan_that_moves_nothing(
    root: Path, client: Elasticsearch, index: str, names: Names, reader: Reader
) -> None:
    before = reader.global_checkpoints(index)
    settings = reader.describe(index)
    shown = orjson.loads(ok(adopt, names.alias, "--format", "json"))
    found = orjson.loads(call(validate, "--format", "json").output)["findings"]
    assert {(each["file"], each["pointer"]) for each in found} == {
        (each["file"], each["pointer"]) for each in shown["questions"]
    }

    answer(root, client, index)
    assert {each["rule"] for each in orjson.loads(call(validate, "--format", "json").output)["findings"]} == {
        "missing-lock"
    }
    ok(lock, "posts")
    ok(validate, "posts")
    assert "is recorded" in ok(adopt, names.alias, "--record")
    assert "already" in ok(adopt, names.alias, "--record")

    planned = orjson.loads(ok(plan, "posts", "--live", "--format", "json"))
    assert (planned["change"], planned["stages"], planned["refusals"]) == ("none", [], [])
    assert planned["base_id"] == planned["head_id"]
    assert reader.global_checkpoints(index) == before
    assert settings is not None
    after = reader.describe(index)
    assert after is not None
    assert (after["aliases"], after["settings"]) == (settings["aliases"], settings["settings"])
    meta = after["mappings"]["_meta"].pop("turnout")
    assert (meta["adopted"], meta["probes"]) == (True, [])
    assert after["mappings"] == settings["mappings"] | {"dynamic": "strict"}


def test_the_written_mapping_makes_the_same_index(
    client: Elasticsearch, index: str, names: Names, reader: Reader
) -> None:
    live = look(reader, names.alias)
    body = json.loads(draft("posts", live).files["schemas/posts/mapping.json"])
    client.indices.create(index=f"{names.prefix}again", mappings=body["mappings"], settings=body["settings"])
    assert release_mapping(look(reader, f"{names.prefix}again")) == release_mapping(live) == body


def test_nothing_takes_an_adopted_index_for_a_view(
    root: Path, client: Elasticsearch, index: str, names: Names, reader: Reader
) -> None:
    adopted(root, client, index, names)
    assert reader.views(names) == ()
    (seen,) = observe(reader, names).views
    assert (seen.index, seen.is_live, seen.adopted, seen.documents) == (index, True, True, 30)
    assert orjson.loads(ok(status, "posts", "--format", "json"))["live_release"]
    assert "adopted" in refusal(revert, "posts")


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("pipelines/posts/model.yaml", "max_tokens: 128", "max_tokens: 100"),
        ("pipelines/posts/pipeline.yaml", "rank_constant: 60", "rank_constant: 61"),
        ("schemas/posts/mapping.json", '"_meta"', '"numeric_detection": false, "_meta"'),
    ],
)
def test_every_change_after_adopting_is_a_view_of_its_own_and_needs_permission(
    root: Path, client: Elasticsearch, index: str, names: Names, file: str, old: str, new: str
) -> None:
    adopted(root, client, index, names)
    text = (root / file).read_text()
    assert old in text
    (root / file).write_text(text.replace(old, new))
    ok(lock, "posts")
    planned = orjson.loads(call(plan, "posts", "--live", "--format", "json").output)
    stages = [stage["stage"] for stage in planned["stages"]]
    assert stages == ["create-view", "backfill", "catch-up", "verify", "flip"]
    assert planned["stages"][1]["mode"] == "embed"
    assert {each["rule"] for each in planned["refusals"]} == {"replaces-adopted", "documents-missing"}


def test_an_index_that_differs_from_its_files_is_not_recorded(
    root: Path, client: Elasticsearch, index: str, names: Names, reader: Reader
) -> None:
    ok(adopt, names.alias)
    answer(root, client, index)
    ok(lock, "posts")
    client.indices.put_mapping(index=index, properties={"later": {"type": "keyword"}})
    assert "/mappings/properties/later" in refusal(adopt, names.alias, "--record")
    client.indices.put_settings(index=index, settings={"refresh_interval": "7s"})
    assert reader.states(names, ReleaseRecord) == ()
    described = reader.describe(index)
    assert described is not None
    assert "turnout" not in described["mappings"]["_meta"]


def test_open_questions_are_not_recorded(root: Path, index: str, names: Names) -> None:
    ok(adopt, names.alias)
    assert "model.yaml" in refusal(adopt, names.alias, "--record")


def test_an_index_without_the_alias_of_the_collection_is_not_recorded(
    root: Path, client: Elasticsearch, index: str, names: Names
) -> None:
    client.indices.delete_alias(index=index, name=names.alias)
    ok(adopt, index, "--collection", "posts")
    answer(root, client, index)
    ok(lock, "posts")
    assert "add the alias" in refusal(adopt, index, "--collection", "posts", "--record")
    client.indices.put_alias(index=index, name=names.alias)
    assert "is recorded" in ok(adopt, index, "--collection", "posts", "--record")


def test_adopting_again_overwrites_nothing(root: Path, index: str, names: Names) -> None:
    ok(adopt, names.alias)
    before = {file: file.read_bytes() for file in root.rglob("*.*")}
    assert "overwrites nothing" in refusal(adopt, names.alias)
    assert {file: file.read_bytes() for file in root.rglob("*.*")} == before


def test_a_flat_index_is_refused_and_nothing_is_written(root: Path, client: Elasticsearch, names: Names) -> None:
    vector = {"type": "dense_vector", "dims": 4}
    client.indices.create(
        index=f"{names.prefix}flat",
        mappings={"properties": {"text": {"type": "text"}, "vector": vector, "metadata": {"type": "object"}}},
        aliases={names.alias: {}},
    )
    assert "not in a nested field of passages" in refusal(adopt, names.alias)
    assert list(root.iterdir()) == []


def test_the_way_out_leads_over_a_permission_and_leaves_the_adopted_index_alone(
    elastic_url: str, client: Elasticsearch, prefix: str, tmp_path: Path
) -> None:
    names = Names(collection="toys", prefix=prefix)
    site = make_site(elastic_url, names, tmp_path)
    reader, writer, old = site.world.reader, site.world.writer, f"{prefix}old"
    client.indices.create(index=old, **site.a.mapping, aliases={names.alias: {}})
    client.index(index=old, document={"title": "one"}, refresh=True)
    record(reader, writer, names, site.a, look(reader, names.alias), now=now())
    before = reader.global_checkpoints(old)
    reader.refresh(names.documents)
    with pytest.raises(Refused, match="adopted"):
        site.apply(site.b)
    assert site.targets() == {old}

    seen = observe(reader, names)
    apply(make_plan(site.a, site.b, seen, overrides=["replaces-adopted"]), site.b, site.context())

    assert site.targets() == {site.view_of(site.b)}
    assert site.is_equal(site.b)
    assert site.states() == {site.a.id: "former", site.b.id: "live"}
    with pytest.raises(Refused, match="adopted"):
        site.revert()
    assert old not in retire(reader, writer, names, now=now, keep=0, drain_s=0).retired
    assert reader.global_checkpoints(old) == before
    assert site.apply(site.b) == []
