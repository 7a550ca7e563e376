"""Adopting: the files hold what the index shows, every unknown is a question that validation points at, and what the
pipeline can't express is refused."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from support.artifact_files import checked
from turnout.adopt import Draft, LiveIndex, draft, look, release_mapping, write
from turnout.adopt.draft import answered
from turnout.errors import BadInput, EnvironmentProblem, Refused
from turnout.release.checking import LOCK_RULES

VECTOR = {
    "type": "dense_vector",
    "dims": 16,
    "index": True,
    "similarity": "dot_product",
    "index_options": {"type": "int8_hnsw", "m": 16, "ef_construction": 100},
}
MAPPINGS: dict[str, Any] = {
    "_meta": {"team": "shop"},
    "dynamic": "strict",
    "properties": {
        "title": {"type": "text", "fields": {"raw": {"type": "keyword"}}},
        "body": {"type": "text", "copy_to": "all"},
        "all": {"type": "text"},
        "price": {"type": "float"},
        "author": {"properties": {"name": {"type": "keyword"}}},
        "passages": {"type": "nested", "properties": {"text": {"type": "text"}, "vector": VECTOR}},
    },
}
SETTINGS: dict[str, Any] = {
    "number_of_shards": "2",
    "uuid": "x",
    "creation_date": "1",
    "provided_name": "posts-v1",
    "version": {"created": "9094000"},
    "routing": {"allocation": {"include": {"_tier_preference": "data_content"}}},
}


def live(change: Any = None, settings: dict[str, Any] | None = None) -> LiveIndex:
    mappings = copy.deepcopy(MAPPINGS)
    if change is not None:
        change(mappings)
    return LiveIndex(
        index="posts-v1", alias="posts", mappings=mappings, settings=SETTINGS | (settings or {}), documents=30
    )


def made(change: Any = None, settings: dict[str, Any] | None = None) -> Draft:
    return draft("toys", live(change, settings))


def lose(name: str) -> Any:
    return lambda mappings: mappings["properties"].pop(name)


def add(**fields: Any) -> Any:
    return lambda mappings: mappings["properties"].update(fields)


def in_passages(**fields: Any) -> Any:
    return lambda mappings: mappings["properties"]["passages"]["properties"].update(fields)


def test_validation_finds_the_open_questions_each_on_its_line_and_nothing_else() -> None:
    result = made(lambda mappings: mappings.pop("dynamic"))
    findings = checked(result.files).findings
    assert {(each.file, each.pointer) for each in findings} == {(each.file, each.pointer) for each in result.questions}
    assert len(findings) == len(result.questions)
    for finding in findings:
        assert finding.remedy
        line = result.files[finding.file].splitlines()[finding.line - 1]
        assert "QUESTION:" in line or finding.file.endswith("mapping.json")


def test_with_answers_nothing_is_left_to_find_but_the_lock() -> None:
    result = made()
    files = {file: data.decode() for file, data in answered(result).items()}
    answers = checked(files)
    assert answers.release is not None
    assert {finding.rule for finding in answers.findings} <= LOCK_RULES


def test_what_only_a_person_knows_is_asked_and_what_the_index_shows_is_not() -> None:
    asked = {each.pointer for each in made().questions}
    for pointer in (
        *("/id", "/revision", "/digests/weights", "/digests/tokenizer", "/pooling", "/normalize", "/max_tokens"),
        *("/prefixes/query", "/prefixes/passage", "/runtime/precision", "/price/per_million_tokens"),
        *("/embed/rate_limit/requests_per_minute", "/budget/per_month", "/chunk/size", "/index/copy/body"),
    ):
        assert pointer in asked
    assert not asked & {"/dims", "/similarity", "/index/passages", "/index/copy/title"}


def test_facts_of_the_index_are_written_down() -> None:
    files = made().files
    assert "dims: 16\nsimilarity: dot_product\n" in files["pipelines/toys/model.yaml"]
    pipeline = files["pipelines/toys/pipeline.yaml"]
    assert "passages: passages\n  passage_text: text\n  passage_vector: vector\n" in pipeline
    for line in ("title: title\n", "price: fields.price\n", "author.name: fields.author.name\n"):
        assert f"    {line}" in pipeline
    copied = pipeline.split("copy:")[1].split("passages:")[0]
    assert "all:" not in copied  # Elasticsearch fills it


def test_the_mapping_is_the_live_one_without_what_the_server_adds() -> None:
    body = json.loads(made(settings={"refresh_interval": "5s"}).files["schemas/toys/mapping.json"])
    assert body == {"settings": {"number_of_shards": "2", "refresh_interval": "5s"}, "mappings": MAPPINGS}


def test_own_allocation_rules_stay_in_the_settings() -> None:
    rules = {"allocation": {"include": {"_tier_preference": "data_content", "zone": "a"}, "require": {"disk": "ssd"}}}
    kept = release_mapping(live(settings={"routing": rules}))["settings"]["routing"]
    assert kept == {"allocation": {"include": {"zone": "a"}, "require": {"disk": "ssd"}}}


def test_an_index_that_takes_unknown_fields_is_a_question_about_the_index_itself() -> None:
    def loosen(mappings: dict[str, Any]) -> None:
        mappings["dynamic"] = "true"
        mappings["properties"]["author"]["dynamic"] = "true"

    asked = [each for each in made(loosen).questions if each.file.endswith("mapping.json")]
    assert {each.pointer for each in asked} == {"/mappings/dynamic", "/mappings/properties/author/dynamic"}
    assert all("put-mapping" in each.ask for each in asked)


def test_writes_through_an_ingest_pipeline_are_noted() -> None:
    assert any("elser" in note for note in made(settings={"default_pipeline": "elser"}).notes)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lose("passages"), "no dense_vector"),
        (add(passages=VECTOR), "passages are not in a nested field"),
        (add(vector=VECTOR), "vectors of vector are not in a nested"),
        (add(outer={"properties": {"p": {"type": "nested", "properties": {"v": VECTOR}}}}), "outer.p.v"),
        (in_passages(other=VECTOR), "several vectors"),
        (in_passages(page={"type": "integer"}), "not passages.page"),
        (in_passages(summary={"type": "text"}), "not passages.summary"),
        (in_passages(text={"type": "keyword"}), "no text field beside the vector"),
        (in_passages(vector=VECTOR | {"element_type": "byte"}), "vectors of byte"),
        (in_passages(vector=VECTOR | {"index": False}), "not indexed"),
        (in_passages(vector={"type": "dense_vector"}), "no dims yet"),
        (add(reviews={"type": "nested", "properties": {"by": {"type": "keyword"}}}), "nested field reviews"),
        (lambda m: [lose(name)(m) for name in ("title", "body", "all")], "no text field beside the passages"),
        (lambda m: m.update(_source={"enabled": False}), "_source"),
        (add(turnout={"type": "keyword"}), "turnout"),
        (add(**{"prix €": {"type": "float"}}), "field name"),
    ],
)
def test_what_the_pipeline_cannot_express_is_refused_with_the_reason(change: Any, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        made(change)
    assert reason in refused.value.what
    assert refused.value.remedy


def test_a_name_that_no_collection_can_have_is_refused() -> None:
    with pytest.raises(Refused, match="can't be the name"):
        draft("My_Posts", live())


def test_writing_overwrites_nothing(tmp_path: Path) -> None:
    result = made()
    assert set(write(tmp_path, result)) == set(result.files)
    assert all((tmp_path / file).read_text() == text for file, text in result.files.items())
    with pytest.raises(Refused, match="overwrites nothing"):
        write(tmp_path, result)


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "schemas").write_text("in the way")
    with pytest.raises(EnvironmentProblem):
        write(tmp_path, made())
    assert not (tmp_path / "pipelines" / "toys").exists()


class OneIndex:
    """A reader that knows one index."""

    def __init__(self, *targets: str, alias: dict[str, Any] | None = None, **more: Any) -> None:
        self._targets = frozenset(targets)
        self._body = {
            "aliases": {"posts": alias or {}},
            "mappings": more.get("mappings", MAPPINGS),
            "settings": {"index": SETTINGS | more.get("settings", {})},
        }

    def alias_targets(self, name: str) -> frozenset[str]:
        return self._targets

    def describe(self, index: str) -> dict[str, Any] | None:
        return self._body if index == "posts-v1" else None

    def count(self, index: str) -> int:
        return 30


@pytest.mark.parametrize(
    ("reader", "reason"),
    [
        (OneIndex("posts-v1", "posts-v2"), "2 indexes"),
        (OneIndex("posts-v1", alias={"filter": {"term": {"a": 1}}}), "filter"),
        (OneIndex("posts-v1", settings={"verified_before_close": "true"}), "closed"),
        (OneIndex("posts-v1", mappings=MAPPINGS | {"_meta": {"turnout": {}}}), "made this index itself"),
    ],
)
def test_what_an_alias_must_not_be(reader: Any, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        look(reader, "posts")


def test_a_name_that_is_not_there_is_bad_input() -> None:
    reader: Any = OneIndex()
    with pytest.raises(BadInput):
        look(reader, "nothing")
    assert look(reader, "posts-v1").alias is None
