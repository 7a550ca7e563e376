"""Nothing is called in-place that could hurt the stable release, which shares the index."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from support.releases import MAPPING, make_release, merged
from turnout.plan import Change, differences, highest
from turnout.plan.change import Difference
from turnout.plan.patch import mapping_patch, settings_patch
from turnout.release.artifacts import Release

IN_PLACE, COPY = Change.IN_PLACE, Change.COPY
LONG = {"type": "long"}


def mappings(**properties: Any) -> dict[str, Any]:
    return {"mappings": {"properties": properties}}


def change(base: dict[str, Any], head: dict[str, Any], **pipeline: Any) -> Change:
    return highest(found(base, head, **pipeline))


def found(base: dict[str, Any], head: dict[str, Any], **pipeline: Any) -> tuple[Difference, ...]:
    was, now = (make_release(mapping=merged(base, more), pipeline=pipeline) for more in ({}, head))
    return differences(was, now)


@pytest.mark.parametrize(
    ("base", "field"),
    [
        ({}, {"type": "semantic_text"}),
        ({}, {"type": "join", "relations": {"a": "b"}}),
        ({}, {"type": "invented"}),
        ({}, {"type": "long", "script": {"source": "emit(1)"}}),
        ({}, {"properties": {"deep": {"type": "keyword", "script": "emit('a')"}}}),
        ({}, {"type": "alias", "path": "passages.text"}),
        ({}, {"type": "alias", "path": "nowhere"}),
        ({}, {"type": "dense_vector", "dims": 8, "index_options": {"type": "bbq_disk"}}),
        ({}, {"properties": {"a.b": LONG}}),
        (mappings(new={"type": "object"}), {"properties": {"child": {"type": "alias", "path": "kind"}}}),
        (mappings(new={"type": "object"}), {"properties": {"child": {"type": "constant_keyword", "value": "x"}}}),
        (mappings(new={"type": "object", "subobjects": False}), {"properties": {"child": {"type": "nested"}}}),
        (mappings(title={"copy_to": "new"}), LONG),
        (mappings(title={"copy_to": ["new.child"]}), {"properties": {"child": LONG}}),
        ({"mappings": {"properties": {"passages": {"properties": {"text": {"copy_to": "new"}}}}}}, LONG),
    ],
)
def test_a_new_field_that_may_do_more_than_lie_there_empty_needs_a_copy(
    base: dict[str, Any], field: dict[str, Any]
) -> None:
    assert change(base, mappings(new=field)) is COPY


@pytest.mark.parametrize(
    "field",
    [{"type": "alias", "path": "kind"}, {"type": "wildcard"}, {"type": "rank_feature"}, {"properties": {"a": LONG}}],
)
def test_a_new_field_that_nothing_fills_stays_in_place(field: dict[str, Any]) -> None:
    assert change({}, mappings(new=field)) is IN_PLACE


ANALYSIS = {"tokenizer": "keyword"}


@pytest.mark.parametrize(
    ("base", "field"),
    [
        (mappings(many={"type": "completion"}), {"type": "long", "ignore_malformed": True}),
        (mappings(many={"type": "geo_point"}), {"type": "text"}),
        (mappings(many={"type": "flattened"}), {"type": "keyword", "ignore_above": 9}),
        (mappings(many={"type": "text"}), {"type": "ip_range", "ignore_malformed": True}),
        (mappings(many={"type": "text"}), {"type": "keyword", "ignore_above": 9, "normalizer": "mine"}),
        (mappings(many={"type": "text"}), {"type": "keyword", "ignore_above": 9, "invented": 1}),
        (mappings(many={"type": "keyword", "index": False, "doc_values": False}), {"type": "keyword"}),
        (mappings(many={"type": "keyword", "normalizer": "lowercase"}), {"type": "keyword"}),
        (merged(mappings(many={"type": "text"}), {"settings": {"analysis": {"analyzer": {"default": ANALYSIS}}}}), {}),
        (merged(mappings(many={"type": "text"}), {"settings": {"index.analysis.analyzer.default.type": "x"}}), {}),
        (
            merged(mappings(many={"type": "text"}), {"settings": {"analysis": {"analyzer": {"english": ANALYSIS}}}}),
            {"type": "text", "analyzer": "english"},
        ),
    ],
)
def test_a_multi_field_that_could_refuse_a_document_needs_a_copy(base: dict[str, Any], field: dict[str, Any]) -> None:
    assert change(base, mappings(many={"fields": {"new": {"type": "text", **field}}})) is COPY


def test_a_default_that_a_setting_of_the_index_decides_is_never_taken_for_written_out() -> None:
    base = merged(mappings(number=LONG), {"settings": {"mapping.ignore_malformed": True}})
    assert change(base, mappings(number={"ignore_malformed": False})) is COPY


def test_a_runtime_field_of_a_name_that_documents_fill_needs_a_copy() -> None:
    head = {"mappings": {"runtime": {"free": {"type": "keyword"}}}}
    assert change({"mappings": {"dynamic": True}}, head, index={"copy": {"free": "fields.free"}}) is COPY


def test_an_objects_own_parameter_is_sent_without_its_children() -> None:
    base = mappings(many={"type": "nested", "properties": {"vector": {"type": "dense_vector", "dims": 8}}})
    items = found(base, mappings(many={"include_in_root": False}))
    assert [item.change for item in items] == [IN_PLACE]
    head = merged(base, mappings(many={"include_in_root": False}))
    sent = mapping_patch(head, items)
    assert sent == {"properties": {"many": {"type": "nested", "include_in_root": False}}}


def spelt(settings: dict[str, Any]) -> Release:
    release = make_release()
    return msgspec.structs.replace(release, mapping={**MAPPING, "settings": settings})


PLAIN = {"number_of_shards": 1, "sort": {"field": ["kind"]}, "refresh_interval": "1s", "max_result_window": 20000}


@pytest.mark.parametrize(
    "other",
    [
        {"index": PLAIN},
        {f"index.{key}": value for key, value in PLAIN.items()},
        {**PLAIN, "number_of_shards": "1", "max_result_window": "20000"},
        {"index": {"number_of_shards": "1"}, "index.sort.field": ["kind"], **dict(list(PLAIN.items())[2:])},
    ],
)
def test_settings_are_compared_as_the_server_reads_them(other: dict[str, Any]) -> None:
    again = differences(spelt(PLAIN), spelt(other))
    assert [(item.change, item.reason) for item in again] == [(IN_PLACE, "written another way, the same meaning")]
    assert settings_patch(again) == {}
    slower = differences(spelt(PLAIN), spelt({**other, "search.slowlog.level": "info"}))
    assert [item.path for item in slower] == ["/mapping/settings/search.slowlog.level"]


def test_a_changed_part_of_a_static_setting_is_one_difference_however_it_is_spelt() -> None:
    nested = {"analysis": {"analyzer": {"a": {"type": "english"}}}}
    items = differences(spelt(nested), spelt({"index.analysis.analyzer.a.type": "simple"}))
    assert [(item.path, item.change, item.server) for item in items] == [
        ("/mapping/settings/analysis", COPY, "refuses")
    ]
