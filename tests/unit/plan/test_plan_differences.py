"""Which edit means which class of change, and why."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from support.releases import make_release
from turnout.errors import BadInput
from turnout.plan import Change, differences, highest
from turnout.plan.change import ABSENT, pointer, tokens_of
from turnout.plan.sections import RULES, rule_for
from turnout.release.artifacts import Artifact, Release

NONE, OPERATIONAL, QUERY, IN_PLACE, COPY, EMBED = Change


def field(name: str, **definition: Any) -> dict[str, Any]:
    return {"mapping": {"mappings": {"properties": {name: definition}}}}


def vector(**changes: Any) -> dict[str, Any]:
    return field("passages", properties={"vector": changes})


def settings(**changes: Any) -> dict[str, Any]:
    return {"mapping": {"settings": changes}}


EDITS: list[tuple[dict[str, Any], Change, str]] = [
    ({"model": {"license": "mit"}}, OPERATIONAL, "text for people"),
    ({"model": {"price": {"per_million_tokens": 2.0}}}, OPERATIONAL, "costs"),
    ({"pipeline": {"source": {"connector": "folder"}}}, OPERATIONAL, "next ingest"),
    ({"pipeline": {"source": {"options": {"path": "b"}}}}, OPERATIONAL, "next ingest"),
    ({"pipeline": {"embed": {"batch_size": 8}}}, OPERATIONAL, "how fast"),
    ({"pipeline": {"embed": {"rate_limit": {"requests_per_minute": 1}}}}, OPERATIONAL, "how fast"),
    ({"pipeline": {"limits": {"max_k": 5}}}, OPERATIONAL, "bound"),
    ({"pipeline": {"budget": {"per_backfill": 2.0}}}, OPERATIONAL, "allows"),
    ({"gates": {"verify": {"ann_recall": {"min": 0.8}}}}, OPERATIONAL, "verify"),
    ({"pipeline": {"retrieval": {"k": 5}}}, QUERY, "nothing is written"),
    ({"pipeline": {"retrieval": {"lexical_fields": {"title": 3.0}}}}, QUERY, "nothing is written"),
    ({"model": {"prefixes": {"query": "query: "}}}, QUERY, "passages aren't"),
    ({"model": {"prefixes": {"passage": "passage: "}}}, EMBED, "another text"),
    ({"model": {"pooling": "cls"}}, EMBED, "same weights"),
    ({"model": {"normalize": False}}, EMBED, "same weights"),
    ({"model": {"dims": 32}}, EMBED, "length"),
    ({"model": {"max_tokens": 64}}, EMBED, "cut"),
    ({"model": {"digests": {"weights": "sha256:" + "1" * 64}}}, EMBED, "another model"),
    ({"model": {"runtime": {"precision": "bf16"}}}, EMBED, "runtime"),
    ({"pipeline": {"clean": {"unicode": "NFKC"}}}, EMBED, "another text"),
    ({"pipeline": {"chunk": {"overlap": 9}}}, EMBED, "passages"),
    ({"pipeline": {"index": {"copy": {"kind": "fields.type"}}}}, COPY, "other fields"),
    # fields
    (field("extra", type="keyword"), IN_PLACE, "nothing fills"),
    (field("passages", properties={"language": {"type": "keyword"}}), IN_PLACE, "nothing fills"),
    (field("title", fields={"plain": {"type": "text"}}), IN_PLACE, "not backfilled"),
    (field("kind", fields={"raw": {"type": "keyword"}}), IN_PLACE, "not backfilled"),
    (field("title", fields={"raw": {"type": "keyword", "ignore_above": 256}}), IN_PLACE, "not backfilled"),
    (field("title", fields={"raw": {"type": "keyword"}}), COPY, "could refuse"),
    (field("title", fields={"raw": {"type": "keyword", "ignore_above": 8192}}), COPY, "could refuse"),
    (field("title", fields={"number": {"type": "long"}}), COPY, "could refuse"),
    (field("title", fields={"whole": {"type": "text", "analyzer": "keyword"}}), COPY, "could refuse"),
    (field("title", analyzer="standard"), COPY, "static"),
    (field("title", search_analyzer="standard"), COPY, "at once"),
    (field("title", norms=False), COPY, "score"),
    (field("title", fielddata=True), IN_PLACE, "results stay"),
    (field("title", meta={"unit": "words"}), IN_PLACE, "note"),
    (field("title", type="keyword", analyzer="x"), COPY, "for good"),
    (field("kind", ignore_above=10), COPY, "old limit"),
    (field("kind", eager_global_ordinals=True), IN_PLACE, "results stay"),
    (field("kind", index=True), IN_PLACE, "same meaning"),
    (field("kind", invented=1), COPY, "no rule"),
    # vectors
    (vector(index_options={"type": "bbq_hnsw"}), COPY, "another way to store"),
    (vector(index_options={"m": 32}), COPY, "mixture"),
    (vector(index_options={"m": 8}), COPY, "may not shrink"),
    (vector(index_options={"ef_construction": 200}), COPY, "keep the graph"),
    (vector(similarity="dot_product"), COPY, "fixed"),
    (vector(element_type="byte"), COPY, "for good"),
    (vector(index=False), COPY, "fixed"),
    # the root
    ({"mapping": {"mappings": {"dynamic": False}}}, IN_PLACE, "looser"),
    ({"mapping": {"mappings": {"_meta": {"team": "search"}}}}, IN_PLACE, "notes"),
    ({"mapping": {"mappings": {"runtime": {"day": {"type": "long"}}}}}, IN_PLACE, "runtime"),
    ({"mapping": {"mappings": {"runtime": {"title": {"type": "long"}}}}}, COPY, "hide"),
    ({"mapping": {"mappings": {"_source": {"enabled": False}}}}, COPY, "no rule"),
    ({"mapping": {"aliases": {"x": {}}}}, COPY, "no rule"),
    # settings
    (settings(refresh_interval="5s"), IN_PLACE, "while the index is used"),
    (settings(number_of_replicas=2), IN_PLACE, "while the index is used"),
    (settings(max_result_window=20_000), IN_PLACE, "higher limit"),
    (settings(max_result_window=5000), COPY, "lower limit"),
    (settings(number_of_shards=2), COPY, "fixed"),
    (settings(analysis={"analyzer": {"x": {"type": "standard"}}}), COPY, "static"),
    (settings(**{"index.codec": "best_compression"}), COPY, "fixed"),
    (settings(default_pipeline="p"), COPY, "another pipeline"),
    (settings(gc_deletes="90s"), COPY, "no rule"),
    (settings(refresh_interval="-1"), COPY, "see no write"),
]


@pytest.mark.parametrize(("edit", "change", "reason"), EDITS)
def test_an_edit_has_its_class_and_says_why(edit: dict[str, Any], change: Change, reason: str) -> None:
    base, head = make_release(), make_release(**edit)
    found = differences(base, head)
    assert found[0].change is change
    assert reason in found[0].reason


@pytest.mark.parametrize(("edit", "change", "_"), EDITS)
def test_the_class_says_the_same_as_the_fingerprints(edit: dict[str, Any], change: Change, _: str) -> None:
    was, now = make_release().fingerprints, make_release(**edit).fingerprints
    assert (change is EMBED) == (was.embedding != now.embedding)
    assert (change >= IN_PLACE) == (was.index != now.index)
    assert not (was.query != now.query and change < QUERY)


@pytest.mark.parametrize("edit", [edit for edit, _, _ in EDITS])
def test_the_way_back_is_never_planned_as_nothing(edit: dict[str, Any]) -> None:
    assert highest(differences(make_release(**edit), make_release())) > NONE


def test_a_new_field_that_documents_fill_needs_a_copy() -> None:
    head = make_release(**field("author", type="keyword"), pipeline={"index": {"copy": {"author": "fields.author"}}})
    found = {item.path: item for item in differences(make_release(), head)}
    assert found["/mapping/mappings/properties/author"].change is COPY
    assert found["/pipeline/index/copy/author"].change is COPY


def test_a_field_inside_an_object_that_documents_fill_needs_a_copy() -> None:
    filled = {"pipeline": {"index": {"copy": {"attributes": "fields.attributes"}}}}
    base = make_release(**field("attributes", type="object", dynamic=False), **filled)
    head = make_release(**field("attributes", dynamic=False, properties={"color": {"type": "keyword"}}), **filled)
    assert highest(differences(base, head)) is COPY


def test_a_new_multi_field_that_searches_use_needs_a_copy() -> None:
    head = make_release(
        **field("title", fields={"plain": {"type": "text"}}),
        pipeline={"retrieval": {"lexical_fields": {"title.plain": 1.0}}},
    )
    assert differences(make_release(), head)[0].change is COPY


def test_a_field_cannot_be_taken_away_in_place() -> None:
    found = differences(make_release(**field("extra", type="keyword")), make_release())
    assert [(item.path, item.after, item.change) for item in found] == [
        ("/mapping/mappings/properties/extra", ABSENT, COPY)
    ]


def test_settings_written_another_way_are_no_reason_to_copy() -> None:
    mapping = make_release().mapping
    other = msgspec.structs.replace(
        make_release(), mapping={**mapping, "settings": {"index": {"number_of_shards": "1", "number_of_replicas": 0}}}
    )
    assert [item.change for item in differences(make_release(), other)] == [IN_PLACE]


def test_a_vector_field_without_index_options_is_not_touched_in_place() -> None:
    def release(**more: Any) -> Release:
        made = make_release(**vector(**more))
        made = msgspec.structs.replace(made, mapping=copy.deepcopy(made.mapping))
        del made.mapping["mappings"]["properties"]["passages"]["properties"]["vector"]["index_options"]
        return made

    assert highest(differences(release(), release(meta={"unit": "x"}))) is COPY


def test_the_first_release_is_embedded() -> None:
    assert [item.change for item in differences(None, make_release())] == [EMBED]


def test_two_collections_are_not_compared() -> None:
    with pytest.raises(BadInput, match="two collections"):
        differences(make_release("a"), make_release("b"))


def test_fingerprints_that_nothing_explains_are_believed() -> None:
    base = make_release()
    marks = msgspec.structs.replace(base.fingerprints, embedding="e-other", index="i-other")
    found = differences(base, msgspec.structs.replace(base, fingerprints=marks))
    assert [item.change for item in found] == [EMBED, COPY]


def leaves(kind: Any, at: tuple[str, ...] = ()) -> Iterator[str]:
    for item in msgspec.structs.fields(kind):
        inner = item.type
        if isinstance(inner, type) and issubclass(inner, Artifact):
            yield from leaves(inner, (*at, item.encode_name))
        else:
            yield pointer((*at, item.encode_name))


def test_every_field_of_a_release_has_a_rule() -> None:
    apart = ("apiVersion", "kind", "collection", "id", "fingerprints", "mapping")
    paths = [
        path for path in leaves(Release) if tokens_of(path)[0] not in apart and tokens_of(path)[-1] not in apart[:2]
    ]
    assert len(paths) > 40
    assert [path for path in paths if rule_for(path) not in RULES.values()] == []
    assert rule_for("/pipeline/invented")[0] is EMBED


def test_a_pointer_survives_the_way_there_and_back() -> None:
    assert tokens_of(pointer(("a/b", "~1", "", "ü"))) == ("a/b", "~1", "", "ü")
