"""Which stages follow from what the cluster shows, and what they are estimated to take."""

from __future__ import annotations

import copy
from typing import Any

import msgspec
import pytest

from support.releases import make_release
from turnout.plan import (
    Backfill,
    CatchUp,
    ChangeMapping,
    CreateView,
    Flip,
    KeepFollowing,
    Observed,
    ObservedView,
    Plan,
    Verify,
    make_plan,
)
from turnout.plan.estimate import passages_of
from turnout.plan.sizes import vector_size
from turnout.release.artifacts import Release

BASE = make_release()
IN_PLACE = make_release(mapping={"mappings": {"properties": {"extra": {"type": "keyword"}}}})
COPY = make_release(mapping={"settings": {"number_of_shards": 2}})
EMBED = make_release(model={"pooling": "cls"})
QUERY = make_release(pipeline={"retrieval": {"k": 5}})


def view(release: Release, index: str, **more: Any) -> ObservedView:
    marks = release.fingerprints
    defaults: dict[str, Any] = {"documents": 100, "is_live": False, "caught_up": True}
    return ObservedView(
        index=index,
        index_fingerprints=(*more.pop("also", ()), marks.index),
        embedding_fingerprint=marks.embedding,
        **(defaults | more),
    )


def cluster(*views: ObservedView, live: Release | None = BASE, **more: Any) -> Observed:
    defaults: dict[str, Any] = {"documents": 1000, "sample_tokens": (100, 300)}
    return Observed(
        known=True,
        views=views,
        alias_targets=tuple(item.index for item in views if item.is_live),
        live_release_id=live.id if live else None,
        **(defaults | more),
    )


LIVE = view(BASE, "v1", is_live=True)


def test_a_first_release_is_made_and_the_alias_pointed_at_it() -> None:
    plan = make_plan(None, BASE, cluster(live=None))
    assert plan.stages == (
        CreateView(index_fingerprint=BASE.fingerprints.index),
        Backfill(view=None, mode="embed", source_view=None, documents=1000),
        CatchUp(view=None),
        Verify(view=None),
        Flip(view=None, from_view=None),
    )


def test_other_vectors_are_embedded_into_a_new_view_and_the_old_one_keeps_following() -> None:
    plan = make_plan(BASE, EMBED, cluster(LIVE))
    assert plan.stages == (
        CreateView(index_fingerprint=EMBED.fingerprints.index),
        Backfill(view=None, mode="embed", source_view=None, documents=1000),
        CatchUp(view=None),
        Verify(view=None),
        Flip(view=None, from_view="v1"),
        KeepFollowing(view="v1"),
    )


def test_the_same_vectors_are_copied() -> None:
    backfill = make_plan(BASE, COPY, cluster(LIVE)).stages[1]
    assert backfill == Backfill(view=None, mode="copy", source_view="v1", documents=1000)


def test_vectors_are_not_copied_from_a_view_that_was_never_filled() -> None:
    plan = make_plan(BASE, COPY, cluster(msgspec.structs.replace(LIVE, filled=False)))
    assert plan.stages[1] == Backfill(view=None, mode="embed", source_view=None, documents=1000)


def test_an_additive_change_is_made_on_the_live_view() -> None:
    plan = make_plan(BASE, IN_PLACE, cluster(LIVE))
    assert plan.stages == (
        ChangeMapping(
            view="v1",
            index_fingerprint=IN_PLACE.fingerprints.index,
            mappings={"properties": {"extra": {"type": "keyword"}}},
            settings={},
        ),
        CatchUp(view="v1"),
        Verify(view="v1"),
        Flip(view="v1", from_view="v1"),
    )


def test_only_what_changes_is_sent_and_a_changed_field_is_sent_whole() -> None:
    head = make_release(
        mapping={
            "settings": {"index": {"refresh_interval": "5s"}},
            "mappings": {
                "_meta": {"team": "search"},
                "properties": {
                    "title": {"meta": {"unit": "words"}},
                    "passages": {"properties": {"language": {"type": "keyword"}}},
                },
            },
        }
    )
    change = make_plan(BASE, head, cluster(LIVE)).stages[0]
    assert isinstance(change, ChangeMapping)
    assert change.mappings == {
        "properties": {
            "title": {"type": "text", "analyzer": "english", "meta": {"unit": "words"}},
            "passages": {"type": "nested", "properties": {"language": {"type": "keyword"}}},
        }
    }
    assert change.settings == {"refresh_interval": "5s"}


def test_a_view_that_another_release_changed_since_is_not_changed_in_place_again() -> None:
    changed = msgspec.structs.replace(LIVE, index_fingerprints=(BASE.fingerprints.index, "i-other"))
    plan = make_plan(BASE, IN_PLACE, cluster(changed))
    assert isinstance(plan.stages[0], CreateView)


def test_a_base_without_a_view_is_not_changed_in_place() -> None:
    assert isinstance(
        make_plan(BASE, IN_PLACE, cluster(view(EMBED, "v2", is_live=True), live=EMBED)).stages[0], CreateView
    )


@pytest.mark.parametrize("head", [QUERY, make_release(pipeline={"limits": {"max_k": 5}})])
def test_a_change_of_questions_or_limits_writes_nothing(head: Release) -> None:
    plan = make_plan(BASE, head, cluster(LIVE))
    assert plan.stages == (CatchUp(view="v1"), Verify(view="v1"), Flip(view="v1", from_view="v1"))
    assert (plan.estimate.documents, plan.estimate.tokens, plan.estimate.cost) == (0, 0, 0.0)


def test_going_back_to_a_view_that_is_still_followed_has_no_backfill() -> None:
    plan = make_plan(EMBED, BASE, cluster(view(BASE, "v1"), view(EMBED, "v2", is_live=True), live=EMBED))
    assert plan.stages == (
        CatchUp(view="v1"),
        Verify(view="v1"),
        Flip(view="v1", from_view="v2"),
        KeepFollowing(view="v2"),
    )


def test_an_interrupted_backfill_goes_on_in_the_same_view() -> None:
    plan = make_plan(BASE, COPY, cluster(LIVE, view(COPY, "v2", filled=False)))
    assert plan.stages[0] == Backfill(view="v2", mode="copy", source_view="v1", documents=1000)


def test_a_release_that_is_live_has_no_stages() -> None:
    assert make_plan(BASE, BASE, cluster(LIVE)).stages == ()


def test_live_on_paper_is_not_enough() -> None:
    assert make_plan(BASE, BASE, cluster(view(BASE, "v1"))).stages[-1] == Flip(view="v1", from_view=None)


def test_a_plan_survives_json() -> None:
    plan = make_plan(BASE, EMBED, cluster(LIVE))
    assert msgspec.json.decode(msgspec.json.encode(plan), type=Plan) == plan


# estimates


def test_passages_are_counted_with_their_overlap() -> None:
    # size 64, overlap 8, at most 50
    assert [passages_of(tokens, BASE) for tokens in (0, 1, 64, 65, 120, 121, 100_000)] == [0, 1, 1, 2, 2, 3, 50]


def test_volume_is_that_of_the_sample_times_the_documents() -> None:
    plan = make_plan(None, BASE, cluster(live=None))
    # 100 tokens: 2 passages; 300 tokens: 6. Two special tokens per passage, 8 of overlap between two.
    assert plan.estimate.passages == (2 + 6) * 500
    assert plan.estimate.tokens == (100 + 8 + 4 + 300 + 40 + 12) * 500
    assert plan.estimate.sampled_documents == 2


def test_the_slower_of_model_and_rate_limit_counts() -> None:
    slow = make_release(pipeline={"embed": {"rate_limit": {"requests_per_minute": 1}}})
    fast = make_plan(None, BASE, cluster(live=None)).estimate
    limited = make_plan(None, slow, cluster(live=None)).estimate
    assert fast.bound_by == "throughput"
    assert (limited.bound_by, limited.backfill_seconds) == ("rate limit", limited.provider_requests * 60)
    assert limited.provider_requests == 4000 / 16


def test_a_copy_costs_nothing_at_the_model() -> None:
    paid = {"price": {"per_million_tokens": 5.0}}
    base, head = make_release(model=paid), make_release(model=paid, mapping={"settings": {"number_of_shards": 2}})
    cost = make_plan(base, head, cluster(view(base, "v1", is_live=True), live=base)).estimate
    assert (cost.cost, cost.tokens, cost.provider_requests) == (0.0, 0, 0)
    assert cost.backfill_seconds == pytest.approx(4000 / 2084)


def test_what_cannot_be_known_is_unknown() -> None:
    cost = make_plan(None, BASE, Observed(known=False)).estimate
    assert (cost.passages, cost.tokens, cost.cost, cost.backfill_seconds, cost.new_vectors_disk_bytes) == (None,) * 5
    unmeasured = make_release(model={"runtime": {"name": "onnx", "precision": "bf16"}})
    assert make_plan(None, unmeasured, cluster(live=None)).estimate.backfill_seconds is None


@pytest.mark.parametrize(
    ("options", "disk", "ram"),
    [
        ({"type": "flat"}, 4 * 384, 4 * 384),
        ({"type": "hnsw", "m": 16}, 4 * 384 + 64, 4 * 384 + 64),
        ({"type": "int8_hnsw", "m": 32}, 4 * 384 + 400 + 128, 400 + 128),
        ({"type": "int4_flat"}, 4 * 384 + 208, 208),
        ({"type": "bbq_hnsw"}, 4 * 384 + 62 + 64, 62 + 64),
    ],
)
def test_sizes_follow_index_options_and_replicas(options: dict[str, Any], disk: int, ram: int) -> None:
    release = make_release(model={"dims": 384}, mapping={"settings": {"number_of_replicas": 2}})
    mapping = copy.deepcopy(release.mapping)  # the helper shares what it doesn't change
    mapping["mappings"]["properties"]["passages"]["properties"]["vector"]["index_options"] = options
    release = msgspec.structs.replace(release, mapping=mapping)
    size = vector_size(release, 10)
    assert (size.disk_bytes, size.ram_bytes) == (disk * 30, ram * 30)


def test_both_views_are_counted_while_they_coexist() -> None:
    cost = make_plan(BASE, EMBED, cluster(LIVE)).estimate
    assert cost.coexisting_vectors_disk_bytes == 2 * (cost.new_vectors_disk_bytes or 0) > 0


# refusals and notes

PRICED = make_release(model={"price": {"per_million_tokens": 0.01}})  # its budget was agreed on
PAID = make_release(
    model={"pooling": "cls", "price": {"per_million_tokens": 50.0}},
    pipeline={"embed": {"rate_limit": {"tokens_per_minute": 3000}}},  # a worst hour of 9 USD, within the month's budget
)


def rules(plan: Plan) -> list[str]:
    return [item.rule for item in plan.refusals]


def test_a_backfill_above_the_budget_is_refused_unless_it_is_allowed() -> None:
    assert rules(make_plan(PRICED, PAID, cluster(LIVE))) == ["cost-above-budget"]
    assert rules(make_plan(PRICED, PAID, cluster(LIVE), overrides=["cost-above-budget"])) == []


def test_money_of_two_currencies_is_not_compared() -> None:
    euros = make_release(model={"pooling": "cls", "price": {"per_million_tokens": 0.1, "currency": "EUR"}})
    assert rules(make_plan(PRICED, euros, cluster(LIVE))) == ["currencies-differ"]


def test_a_backfill_of_more_than_a_week_is_refused() -> None:
    slow = make_release(model={"pooling": "cls"}, pipeline={"embed": {"rate_limit": {"tokens_per_minute": 1}}})
    assert rules(make_plan(BASE, slow, cluster(LIVE))) == ["backfill-too-long"]


def test_a_frozen_collection_refuses_a_flip_whatever_is_allowed() -> None:
    plan = make_plan(BASE, EMBED, cluster(LIVE, frozen=True), overrides=["frozen"])
    assert rules(plan) == ["frozen"]
    assert rules(make_plan(BASE, BASE, cluster(LIVE, frozen=True))) == []


def test_an_alias_on_two_indexes_is_refused() -> None:
    plan = make_plan(BASE, EMBED, cluster(LIVE, view(BASE, "v1b", is_live=True)))
    assert rules(plan) == ["alias-on-several-indexes"]


def test_a_base_that_is_not_live_is_said() -> None:
    plan = make_plan(BASE, COPY, cluster(view(EMBED, "v2", is_live=True), live=EMBED))
    assert EMBED.id in plan.notes[0]


def test_searching_a_multi_field_that_old_documents_lack_is_said() -> None:
    title = {"mappings": {"properties": {"title": {"fields": {"plain": {"type": "text"}}}}}}
    base = make_release(mapping=title)
    head = make_release(mapping=title, pipeline={"retrieval": {"lexical_fields": {"title.plain": 1.0}}})
    changed = view(base, "v1", is_live=True, also=(BASE.fingerprints.index,))
    assert "title.plain" in make_plan(base, head, cluster(changed, live=base)).notes[0]
    assert make_plan(base, head, cluster(view(base, "v1", is_live=True), live=base)).notes == ()
