"""What holds for every pair of releases."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from support.releases import make_release, merged
from turnout.plan import Change, assumed, differences, highest, make_plan
from turnout.release.artifacts import Release

EDITS: list[dict[str, Any]] = [
    {"model": {"license": "mit"}},
    {"model": {"prefixes": {"query": "q"}}},
    {"model": {"pooling": "cls"}},
    {"model": {"digests": {"weights": "sha256:" + "1" * 64}}},
    {"pipeline": {"limits": {"max_k": 5}}},
    {"pipeline": {"retrieval": {"rank_constant": 10}}},
    {"pipeline": {"index": {"copy": {"summary": "fields.summary"}}}},
    {"pipeline": {"chunk": {"size": 32}}},
    {"gates": {"verify": {"attestation": {"min_cosine": 0.9}}}},
    {"mapping": {"settings": {"refresh_interval": "5s"}}},
    {"mapping": {"settings": {"number_of_shards": 3}}},
    {"mapping": {"mappings": {"properties": {"summary": {"type": "text"}}}}},
    {"mapping": {"mappings": {"properties": {"title": {"fields": {"plain": {"type": "text"}}}}}}},
    {"mapping": {"mappings": {"properties": {"title": {"analyzer": "standard"}}}}},
    {"mapping": {"mappings": {"dynamic": "false"}}},
]
chosen = st.sets(st.integers(0, len(EDITS) - 1))


def edited(numbers: set[int]) -> Release:
    changes: dict[str, Any] = {}
    for number in sorted(numbers):
        changes = merged(changes, EDITS[number])
    return make_release(**changes)


@given(chosen)
def test_a_release_compared_with_itself_is_no_change(numbers: set[int]) -> None:
    release = edited(numbers)
    plan = make_plan(release, edited(numbers), assumed(release))
    assert (plan.change, plan.differences, plan.stages, plan.refusals) == (Change.NONE, (), (), ())


@given(chosen, chosen)
@settings(max_examples=200)
def test_more_differences_never_lower_the_class(few: set[int], more: set[int]) -> None:
    base = make_release()
    assert highest(differences(base, edited(few))) <= highest(differences(base, edited(few | more)))


@given(chosen, chosen)
@settings(max_examples=200)
def test_class_and_fingerprints_agree_between_any_two_releases(one: set[int], other: set[int]) -> None:
    base, head = edited(one), edited(other)
    change = highest(differences(base, head))
    was, now = base.fingerprints, head.fingerprints
    assert (change is Change.NONE) == (base.id == head.id)
    assert (change is Change.EMBED) == (was.embedding != now.embedding)
    assert (change >= Change.IN_PLACE) == (was.index != now.index)
    assert change >= Change.QUERY or was.query == now.query


def test_classes_are_ordered_by_price() -> None:
    assert sorted([Change.EMBED, Change.IN_PLACE, Change.NONE, Change.COPY]) == [
        Change.NONE,
        Change.IN_PLACE,
        Change.COPY,
        Change.EMBED,
    ]
    assert max(Change.COPY, Change.QUERY) is Change.COPY
