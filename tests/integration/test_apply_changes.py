"""Every class of change, applied on a real server with real (tiny) models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.applying import GATES, Heard, Site, make_site
from turnout.alias import flip, freeze, retire
from turnout.apply import Ended, Started, apply
from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.writer import Writer
from turnout.embedding import Embedder
from turnout.errors import Refused
from turnout.follow import create_view, find_view
from turnout.plan import make_plan
from turnout.verify import Check

BUILD = ["create-view", "backfill", "catch-up", "verify", "flip"]


@pytest.fixture
def site(elastic_url: str, names: Names, tmp_path: Path) -> Site:
    return make_site(elastic_url, names, tmp_path)


def test_a_first_release_is_built_verified_and_made_live_and_each_stage_is_told(site: Site) -> None:
    heard = Heard()
    assert site.apply(site.a, heard) == BUILD
    assert site.states() == {site.a.id: "live"}
    assert site.targets() == {site.view_of(site.a)}
    assert site.is_equal(site.a)
    assert [event.number for event in heard.events if isinstance(event, Started)] == [1, 2, 3, 4, 5]
    assert all(event.seconds >= 0 for event in heard.events if isinstance(event, Ended))
    checks = {event.name: event.verdict for event in heard.events if isinstance(event, Check)}
    assert checks == dict.fromkeys(("attestation", "parity", "placeholders", "ann_recall", "quality"), "pass")
    settings = site.world.reader.describe(site.view_of(site.a))["settings"]["index"]  # type: ignore[index]
    assert "refresh_interval" not in settings
    assert site.apply(site.a) == []


def test_another_model_is_embedded_and_the_old_view_is_kept_for_going_back(site: Site) -> None:
    site.apply(site.a)
    heard = Heard()
    assert site.apply(site.b, heard) == [*BUILD, "keep-following"]
    assert site.states() == {site.a.id: "former", site.b.id: "live"}
    assert site.targets() == {site.view_of(site.b)}
    assert heard.last_progress().counts.embedded >= len(site.texts)
    assert site.record(site.b).report["verdict"] == "pass"


def test_going_back_and_forth_loses_no_write(site: Site) -> None:
    site.apply(site.a)
    site.apply(site.b)
    site.upsert("new", "the signal is red")
    site.world.documents.delete("d0")
    assert site.revert().to_release == site.a.id
    assert site.is_equal(site.a)
    assert site.states() == {site.a.id: "live", site.b.id: "former"}
    site.upsert("newer", "the points are set")
    assert site.revert().to_release == site.b.id
    assert site.is_equal(site.b)
    found = site.world.reader.search(site.world.names.alias, {"size": 100, "_source": ["turnout.id"]})["hits"]["hits"]
    assert {hit["_id"] for hit in found} == {f"default:{name}" for name in (*site.texts, "new", "newer")} - {
        "default:d0"
    }
    assert site.revert(to=site.a.id).to_view == site.view_of(site.a)


def test_a_view_that_is_level_is_gone_back_to_without_any_model(site: Site, tmp_path: Path) -> None:
    site.apply(site.a)
    site.apply(site.b)
    from turnout.apply import revert

    assert revert(site.context(models=tmp_path / "none")).to_release == site.a.id


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"pipeline": {"retrieval": {"k": 7}}}, id="query"),
        pytest.param({"model": {"prefixes": {"query": "find: "}}}, id="query side of the model"),
        pytest.param({"pipeline": {"limits": {"max_k": 50}}}, id="operational"),
    ],
)
def test_a_query_or_operational_change_moves_nothing_and_is_live(site: Site, changes: dict[str, Any]) -> None:
    site.apply(site.a)
    reader, index = site.world.reader, site.view_of(site.a)
    before = reader.global_checkpoints(index)
    head = site.release(**changes)
    assert site.apply(head) == ["catch-up", "verify", "flip"]
    assert reader.global_checkpoints(index) == before
    assert site.targets() == {index} == {site.view_of(head)}
    assert site.states() == {site.a.id: "former", head.id: "live"}
    assert site.revert().to_release == site.a.id
    assert site.states() == {site.a.id: "live", head.id: "former"}


def test_a_new_optional_field_is_put_into_the_live_view(site: Site) -> None:
    site.apply(site.a)
    index = site.view_of(site.a)
    head = site.release(mapping={"mappings": {"properties": {"section": {"type": "keyword"}}}})
    assert site.apply(head) == ["change-mapping", "catch-up", "verify", "flip"]
    view = find_view(site.world.reader, site.world.names, index)
    assert view.meta.index_fingerprints == (site.a.fingerprints.index, head.fingerprints.index)
    assert view.mappings["properties"]["section"] == {"type": "keyword"}
    assert (site.targets(), site.states()) == ({index}, {site.a.id: "former", head.id: "live"})


def test_another_analyzer_copies_every_vector_and_embeds_none(site: Site) -> None:
    site.apply(site.a)
    head = site.release(mapping={"mappings": {"properties": {"body": {"analyzer": "simple"}}}})
    heard = Heard()
    assert site.apply(head, heard) == [*BUILD, "keep-following"]
    counts = heard.last_progress().counts
    assert (counts.embedded, counts.reused, counts.live) == (0, counts.passages, len(site.texts))
    assert site.is_equal(head)


def test_a_release_that_ranks_worse_leaves_the_alias_and_can_be_retired(site: Site) -> None:
    site.apply(site.a)
    bad = site.release(
        pipeline={"chunk": {"size": 2, "overlap": 0, "max_passages": 1, "on_overflow": "truncate"}}
        | {"retrieval": {"mode": "vector"}},
        gates={"verify": {**GATES["verify"], "quality": {"max_loss": 0.02, "min_queries": 6}}},
    )
    with pytest.raises(Refused, match="quality"):
        site.apply(bad)
    assert site.states() == {site.a.id: "live", bad.id: "failed"}
    assert site.targets() == {site.view_of(site.a)}
    with pytest.raises(Refused, match="can't be gone back to"):
        site.revert(to=bad.id)
    assert retired(site) == (site.view_of(bad),)
    assert site.states()[bad.id] == "failed"


def test_too_little_evidence_waits_and_condemns_nothing(site: Site) -> None:
    site.apply(site.a)
    with pytest.raises(Refused, match="no query set"):
        site.apply(site.b, query_set=None)
    assert site.states() == {site.a.id: "live", site.b.id: "verifying"}
    assert retired(site) == ()
    assert site.apply(site.b) == ["catch-up", "verify", "flip", "keep-following"]


def test_a_former_release_that_fails_when_applied_again_can_still_be_gone_back_to(site: Site) -> None:
    site.apply(site.a)
    site.apply(site.b)

    def tamper(event: object) -> None:
        if isinstance(event, Started) and event.number == 2:
            raw = site.world.reader._client
            raw.delete(index=site.view_of(site.a), id="default:d1", version=2**62, version_type="external")

    with pytest.raises(Refused, match="parity"):
        site.apply(site.a, tamper)
    record = site.record(site.a)
    assert (record.state, record.report["verdict"]) == ("former", "fail")
    assert "parity" in record.reason
    assert retired(site) == ()
    with pytest.raises(Refused, match="not equal to documents"):
        site.revert()
    assert site.targets() == {site.view_of(site.b)}


def test_retiring_keeps_the_live_view_and_the_one_to_go_back_to(site: Site) -> None:
    site.apply(site.a)
    site.apply(site.b)
    c = site.release(1, mapping={"mappings": {"properties": {"body": {"analyzer": "simple"}}}})
    site.apply(c)
    assert retired(site) == (site.view_of(site.a),)
    assert site.revert().to_release == site.b.id
    with pytest.raises(Refused, match="can't be gone back to"):
        site.revert(to=site.a.id)


def test_a_frozen_collection_is_refused_before_anything_is_built(site: Site, reader: Reader, writer: Writer) -> None:
    names = site.world.names
    freeze(writer, names, reason="incident", by="me", at="2026-01-01T00:00:00+00:00")
    with pytest.raises(Refused, match="frozen"):
        site.apply(site.a)
    assert (reader.views(names), site.states()) == ((), {})


def test_a_plan_that_another_flip_made_stale_moves_nothing(site: Site) -> None:
    site.apply(site.a)
    plan = site.plan(site.b)
    query = site.release(pipeline={"retrieval": {"k": 7}})

    def overtake(event: object) -> None:
        if isinstance(event, Started) and event.number == len(plan.stages) - 1:
            site.apply(query)

    with pytest.raises(Refused, match="went live meanwhile"):
        apply(plan, site.b, site.context(overtake))
    assert site.states() == {site.a.id: "former", query.id: "live", site.b.id: "ready"}
    assert site.targets() == {site.view_of(site.a)}
    assert site.apply(site.b) == ["catch-up", "verify", "flip", "keep-following"]


def test_a_plan_for_another_release_or_made_of_air_is_refused(site: Site) -> None:
    with pytest.raises(Refused, match="the plan is for"):
        apply(site.plan(site.a), site.b, site.context())
    site.apply(site.a)
    assumed = make_plan(site.a, site.b, site_unseen(site))
    with pytest.raises(Refused, match="points at"):
        apply(assumed, site.b, site.context())
    assert site.targets() == {site.view_of(site.a)}


def site_unseen(site: Site) -> Any:
    from turnout.plan import assumed

    return assumed(site.a)


def test_of_two_applies_at_once_one_wins_and_the_other_changes_nothing(site: Site) -> None:
    site.apply(site.a)
    plan = site.plan(site.b)

    def overtake_at(number: int) -> Any:
        def listen(event: object) -> None:
            if isinstance(event, Started) and event.number == number:
                site.apply(site.b)

        return listen

    with pytest.raises(Refused, match="another apply is at work"):
        apply(plan, site.b, site.context(overtake_at(1)))
    assert site.states() == {site.a.id: "former", site.b.id: "live"}
    site.revert()
    plan = site.plan(site.b)
    apply(plan, site.b, site.context(overtake_at(2)))
    assert site.states() == {site.a.id: "former", site.b.id: "live"}
    assert site.targets() == {site.view_of(site.b)}


def test_an_apply_that_built_beside_a_faster_one_leaves_the_live_record_alone(site: Site) -> None:
    plan = site.plan(site.a)
    model: Embedder = site.world.embedder

    def overtake(event: object) -> None:
        if isinstance(event, Started) and event.number == 2:
            create_view(
                site.world.reader, site.world.writer, site.world.names, site.a, model, now="2026-01-01T00:00:00+00:00"
            )
            other = site.world.reader.views(site.world.names)[0]
            site.world.catch_up(other)
            flip(
                site.world.reader,
                site.world.writer,
                site.world.names,
                to=other,
                release=site.a,
                reason="test",
                now=lambda: "2026-01-01T00:00:01+00:00",
            )

    with pytest.raises(Refused, match="another apply was faster"):
        apply(plan, site.a, site.context(overtake))
    assert site.targets() == {site.view_of(site.a)}
    assert site.states() == {site.a.id: "live"}


def retired(site: Site) -> tuple[str, ...]:
    from support.applying import now

    world = site.world
    return retire(world.reader, world.writer, world.names, now=now, drain_s=0, sleep=lambda s: None).retired
