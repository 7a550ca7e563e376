"""The plan's rules against a real server, and the confirmation that users can ask for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from elasticsearch import ApiError, Elasticsearch

from support.releases import make_release
from turnout.confirm import confirm
from turnout.elastic.reader import Reader
from turnout.elastic.writer import Writer
from turnout.plan import Change, Plan, assumed, make_plan
from turnout.plan.change import ABSENT
from turnout.plan.parameters import parameter_difference
from turnout.plan.settings import settings_differences
from turnout.plan.vectors import TRANSITIONS, index_options_rule
from turnout.release.artifacts import Release

REFUSALS = ("illegal_argument_exception", "mapper_exception", "mapper_parsing_exception")
ONE_SHARD = {"number_of_shards": 1, "number_of_replicas": 0}


def vector(**options: Any) -> dict[str, Any]:
    return {"type": "dense_vector", "dims": 64, "index": True, "similarity": "cosine", "index_options": options}


def options(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, **({"m": 16, "ef_construction": 100} if kind.endswith("hnsw") else {}), **more}


def takes(client: Elasticsearch, index: str, field: str, definition: dict[str, Any]) -> str:
    try:
        client.indices.put_mapping(index=index, properties={field: definition})
    except ApiError as error:
        if error.error not in REFUSALS:
            raise
        return "refuses"
    return "takes"


def test_the_server_agrees_on_every_transition_of_index_options(client: Elasticsearch, prefix: str) -> None:
    cases = [(options(old), options(new)) for old in TRANSITIONS for new in TRANSITIONS if old != new]
    cases += [
        (options("hnsw"), options("hnsw", m=32)),
        (options("hnsw"), options("hnsw", m=8)),
        (options("int8_hnsw"), options("int8_hnsw", m=8)),
        (options("hnsw"), options("int8_hnsw", m=8)),
        (options("hnsw"), options("bbq_hnsw", m=32)),
        (options("flat"), options("hnsw", m=8)),
        (options("hnsw"), options("hnsw", ef_construction=200)),
        (options("hnsw"), options("hnsw", ef_construction=50)),
        (options("int8_hnsw"), options("int8_hnsw", rescore_vector={"oversample": 2})),
    ]
    index = f"{prefix}transitions"
    fields = {f"f{place}": vector(**old) for place, (old, _) in enumerate(cases)}
    client.indices.create(index=index, settings=ONE_SHARD, mappings={"properties": fields})
    client.index(index=index, document=dict.fromkeys(fields, [1.0] + [0.0] * 63))

    answers = {
        f"{old} -> {new}": takes(client, index, f"f{place}", vector(**new)) for place, (old, new) in enumerate(cases)
    }

    assert answers == {f"{old} -> {new}": index_options_rule(old, new)[0] for old, new in cases}


TEXT, KEYWORD, LONG, DATE = ({"type": kind} for kind in ("text", "keyword", "long", "date"))
PARAMETERS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({**TEXT, "analyzer": "english"}, {"analyzer": "standard"}),
    ({**TEXT, "analyzer": "english"}, {"search_analyzer": "standard"}),
    (TEXT, {"norms": False}),
    (TEXT, {"fielddata": True}),
    (TEXT, {"index": False}),
    (TEXT, {"store": True}),
    (TEXT, {"index_phrases": True}),
    (TEXT, {"term_vector": "yes"}),
    (TEXT, {"eager_global_ordinals": True}),
    (TEXT, {"copy_to": "all"}),
    (TEXT, {"meta": {"unit": "words"}}),
    (TEXT, {"index": True}),
    (KEYWORD, {"ignore_above": 10}),
    (KEYWORD, {"split_queries_on_whitespace": True}),
    (KEYWORD, {"eager_global_ordinals": True}),
    (KEYWORD, {"store": False}),
    (KEYWORD, {"index": False}),
    (KEYWORD, {"index": "true"}),
    ({**KEYWORD, "null_value": "a"}, {"null_value": "b"}),
    ({**KEYWORD, "doc_values": True}, {"doc_values": False}),
    (LONG, {"ignore_malformed": True}),
    (LONG, {"coerce": False}),
    (LONG, {"store": True}),
    (DATE, {"ignore_malformed": True}),
    ({**DATE, "format": "yyyy"}, {"format": "epoch_millis"}),
    (vector(**options("hnsw")), {"dims": 128}),
    (vector(**options("hnsw")), {"similarity": "dot_product"}),
    (vector(**options("hnsw")), {"element_type": "byte"}),
    (vector(**options("hnsw")), {"element_type": "float"}),
    (vector(**options("hnsw")), {"index": False, "similarity": ABSENT, "index_options": ABSENT}),
    ({"type": "object"}, {"enabled": False}),
    ({"type": "nested"}, {"include_in_root": True}),
    ({"type": "object"}, {"dynamic": "strict"}),
]


def test_the_server_agrees_on_parameters_of_fields(client: Elasticsearch, prefix: str) -> None:
    index = f"{prefix}parameters"
    fields = {f"f{place}": before for place, (before, _) in enumerate(PARAMETERS)}
    client.indices.create(index=index, settings=ONE_SHARD, mappings={"properties": {**fields, "all": TEXT}})
    client.index(index=index, document={"f0": "probe"})
    disagreements = []
    for place, (before, changes) in enumerate(PARAMETERS):
        after = {key: value for key, value in {**before, **changes}.items() if value is not ABSENT}
        rule = parameter_difference(before, after, next(iter(changes)), ("x",))
        answer = takes(client, index, f"f{place}", after)
        if rule.server != answer:
            disagreements.append((before, changes, rule.server, answer))
    assert disagreements == []


def test_the_server_agrees_on_settings(client: Elasticsearch, prefix: str) -> None:
    index = f"{prefix}settings"
    client.indices.create(index=index, settings=ONE_SHARD)
    cases: list[dict[str, Any]] = [
        {"refresh_interval": "5s"},
        {"number_of_replicas": 0},
        {"max_result_window": 20_000},
        {"index": {"mapping": {"total_fields": {"limit": 2000}}}},
        {"search.slowlog.threshold.query.warn": "1s"},
        {"number_of_shards": 2},
        {"index.codec": "best_compression"},
        {"analysis": {"analyzer": {"x": {"type": "standard"}}}},
        {"similarity": {"default": {"type": "BM25", "k1": 2}}},
    ]
    answers = []
    for case in cases:
        try:
            client.indices.put_settings(index=index, settings=case)
            answers.append("takes")
        except ApiError as error:
            if error.error not in REFUSALS:
                raise
            answers.append("refuses")
    assert answers == [next(settings_differences({}, case)).server for case in cases]


@pytest.fixture
def planned(client: Elasticsearch, prefix: str) -> Iterator[Any]:
    """Plans and confirms; afterwards nothing is left on the server."""

    def run(base: Release | None, head: Release, plan: Plan | None = None) -> tuple[Plan, list[str]]:
        made = plan or make_plan(base, head, assumed(base))
        found = confirm(Reader(client), Writer(client), base, head, made, prefix=prefix)
        return made, [f"{item.rule} {item.path}" for item in found]

    yield run
    assert list(client.indices.get(index=f"{prefix}*", expand_wildcards="all")) == []


def test_an_additive_change_is_confirmed(planned: Any) -> None:
    base = make_release()
    head = make_release(
        mapping={
            "settings": {"refresh_interval": "5s"},
            "mappings": {
                "dynamic": False,
                "runtime": {"day": {"type": "long"}},
                "properties": {
                    "extra": {"type": "object", "properties": {"color": {"type": "keyword"}}},
                    "title": {"fields": {"plain": {"type": "text"}}},
                    "passages": {"properties": {"language": {"type": "keyword"}}},
                },
            },
        }
    )
    plan, findings = planned(base, head)
    assert plan.change is Change.IN_PLACE
    assert findings == []


def test_a_change_that_needs_a_new_index_is_confirmed(planned: Any) -> None:
    head = make_release(
        model={"dims": 32},
        mapping={
            "settings": {"codec": "best_compression"},
            "mappings": {
                "properties": {
                    "title": {"analyzer": "standard"},
                    "kind": {"type": "text"},
                    "extra": {"type": "object", "enabled": False},
                    "passages": {"properties": {"vector": {"dims": 32, "similarity": "dot_product"}}},
                }
            },
        },
    )
    base = make_release(mapping={"mappings": {"properties": {"extra": {"type": "object", "enabled": True}}}})
    plan, findings = planned(base, head)
    assert plan.change is Change.EMBED
    assert findings == []


def test_a_first_release_is_tried_as_a_new_index(planned: Any) -> None:
    assert planned(None, make_release())[1] == []


@pytest.mark.parametrize(
    ("mapping", "finding"),
    [
        ({"mappings": {"properties": {"title": {"analyzer": "klingon"}}}}, "mapping-invalid /mapping"),
        ({"settings": {"no_such_setting": 1}}, "mapping-invalid /mapping"),
        (
            {"mappings": {"properties": {"passages": {"properties": {"vector": {"dims": 8}}}}}},
            "document-refused /mapping/mappings",
        ),
    ],
)
def test_a_mapping_that_the_server_cannot_use_is_a_finding(planned: Any, mapping: dict[str, Any], finding: str) -> None:
    _, findings = planned(make_release(), make_release(mapping=mapping))
    assert finding in findings


def test_a_rule_that_the_server_contradicts_is_a_finding_in_both_directions(planned: Any) -> None:
    import msgspec

    base = make_release(mapping={"mappings": {"properties": {"note": {"type": "text"}}}})
    head = make_release(
        mapping={"mappings": {"properties": {"note": {"type": "text", "fielddata": True, "store": True}}}}
    )
    plan = make_plan(base, head, assumed(base))
    swapped = {"takes": "refuses", "refuses": "takes"}
    wrong = msgspec.structs.replace(
        plan,
        differences=tuple(
            msgspec.structs.replace(item, change=Change.IN_PLACE, server=swapped[item.server])
            for item in plan.differences
        ),
    )
    note = "/mapping/mappings/properties/note"
    assert sorted(planned(base, head, wrong)[1]) == [
        f"server-refuses-in-place {note}/store",
        f"server-takes-it {note}/fielddata",
    ]
