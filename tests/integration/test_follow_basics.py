"""What one catch-up brings into a view, on a real server with a real tiny model in this process."""

from __future__ import annotations

import threading
from pathlib import Path

import msgspec
import numpy as np
import pytest

from support.following import World, make_world
from support.releases import make_release
from support.toy_model import make_toy_model
from turnout.elastic.documents import external_version
from turnout.elastic.names import Names
from turnout.elastic.writer import BulkItem
from turnout.errors import EnvironmentProblem, Refused
from turnout.follow import Progress, ViewGone, create_view, find_view, finish_filling, lag
from turnout.ingest import SourceDocument


@pytest.fixture
def world(elastic_url: str, names: Names, tmp_path: Path) -> World:
    return make_world(elastic_url, names, tmp_path / "models")


def many(count: int, start: int = 0) -> list[SourceDocument]:
    return [
        SourceDocument(source_id=f"d{n}", title=f"title {n}", text=f"the signal {n} is red", fields={"kind": "x"})
        for n in range(start, start + count)
    ]


def test_a_document_arrives_with_its_fields_passages_and_vectors(world: World) -> None:
    view = world.view()
    text = "The signal is red. " * 40
    world.documents.upsert("a", title="Signals", text=text, fields={"kind": "rail", "other": 1}, tenant="t1")
    world.catch_up(view)
    body = world.body(view, "a", "t1")
    system = body.pop("turnout")
    assert system == {
        "id": "t1:a",
        "tenant": "t1",
        "owner": "application",
        "state": "live",
        "version": external_version(1, 0),
        "text_hash": system["text_hash"],
    }
    passages = body.pop("passages")
    assert body == {"title": "Signals", "body": text, "kind": "rail"}
    assert len(passages) == 4
    expected = world.embedder.embed([passage["text"] for passage in passages], kind="passage")
    assert np.allclose([passage["vector"] for passage in passages], expected, atol=1e-6)


def test_optional_fields_that_are_missing_are_left_out_and_a_text_of_nothing_has_no_passages(world: World) -> None:
    view = world.view()
    world.documents.upsert("a", title="", text=" \n ")
    world.catch_up(view)
    assert set(world.body(view, "a")) == {"turnout", "body"}
    assert world.body(view, "a")["turnout"]["state"] == "live"


def test_deletes_arrive_as_tombstones_without_content(world: World) -> None:
    view = world.view()
    world.documents.upsert_many(many(3))
    world.catch_up(view)
    world.documents.delete("d1")
    world.catch_up(view)
    assert world.stored(view) == world.sources()
    assert set(world.body(view, "d1")) == {"turnout"}
    assert "text_hash" not in world.body(view, "d1")["turnout"]


def test_lag_counts_operations_per_shard_and_is_zero_after_a_catch_up(world: World) -> None:
    view = world.view()
    assert lag(world.reader, world.names, view.index).total == 0
    world.documents.upsert_many(many(10))
    assert lag(world.reader, world.names, view.index).total == 10
    assert set(lag(world.reader, world.names, view.index).shards) == {0, 1}
    world.catch_up(view)
    assert lag(world.reader, world.names, view.index).total == 0


def test_progress_counts_every_document_and_ends_at_the_total(world: World) -> None:
    view = world.view()
    world.documents.upsert_many(many(25))
    seen: list[Progress] = []
    with world.follower(view, page_size=5) as follower:
        assert follower.catch_up(seen.append).total == 0
    last = seen[-1]
    assert len(seen) >= 5
    assert (last.counts.documents, last.counts.live, last.total) == (25, 25, 25)
    assert last.counts.passages == last.counts.embedded == 25
    assert last.eta_s == 0


def test_following_again_from_zero_is_harmless_and_asks_no_model(world: World) -> None:
    view = world.view()
    world.documents.upsert_many(many(20))
    world.catch_up(view)
    before = world.stored(view)
    for shard in (0, 1):
        list(world.writer.bulk(world.names.state, [BulkItem("delete", f"checkpoint:{view.index}:{shard}")]))
    seen: list[Progress] = []
    with world.follower(view) as follower:
        follower.catch_up(seen.append)
    assert world.stored(view) == before == world.sources()
    assert (seen[-1].counts.superseded, seen[-1].counts.embedded) == (20, 0)


def test_a_change_of_other_fields_keeps_the_vectors_and_a_change_of_text_does_not(world: World) -> None:
    view = world.view()
    world.documents.upsert("a", title="one", text="red signal")
    world.documents.upsert("b", title="one", text="red signal")
    world.catch_up(view)
    world.reader.refresh(view.index)
    world.documents.upsert("a", title="two", text="red signal")
    world.documents.upsert("b", title="one", text="green signal")
    seen: list[Progress] = []
    with world.follower(view) as follower:
        follower.catch_up(seen.append)
    assert (seen[-1].counts.reused, seen[-1].counts.embedded) == (1, 1)
    assert world.body(view, "a")["title"] == "two"
    assert world.body(view, "a")["passages"][0]["text"] == "red signal"
    assert world.body(view, "b")["passages"][0]["text"] == "green signal"


def test_a_copy_takes_all_vectors_from_the_other_view_and_never_loads_the_model(world: World, tmp_path: Path) -> None:
    world.documents.upsert_many(many(30))
    first = world.view()
    world.catch_up(first)
    mapping = {"mappings": {"properties": {"title": {"analyzer": "standard"}}}}
    release = make_release(model=msgspec.to_builtins(world.release.model), mapping=mapping)
    assert release.fingerprints.embedding == world.release.fingerprints.embedding
    second = world.view(release)
    seen: list[Progress] = []
    nowhere = tmp_path / "no-models"
    job = world.job(second, release=release, reuse_from=first.index, models=nowhere)
    from turnout.follow import Follower

    with Follower(job) as follower:
        follower.catch_up(seen.append)
    assert (seen[-1].counts.reused, seen[-1].counts.embedded) == (30, 0)
    assert world.stored(second) == world.sources()
    for n in (0, 29):
        assert world.body(second, f"d{n}")["passages"] == world.body(first, f"d{n}")["passages"]


def test_a_copy_embeds_what_the_other_view_has_with_other_text(world: World) -> None:
    world.documents.upsert_many(many(5))
    first = world.view()
    world.catch_up(first)
    world.documents.upsert("d0", title="t", text="another text")
    world.documents.upsert("new", title="t", text="a new text")
    second = world.view()
    seen: list[Progress] = []
    with world.follower(second, reuse_from=first.index) as follower:
        follower.catch_up(seen.append)
    assert (seen[-1].counts.reused, seen[-1].counts.embedded) == (4, 2)


def test_vectors_of_another_embedding_fingerprint_are_not_taken(world: World, tmp_path: Path) -> None:
    other = make_release(model=msgspec.to_builtins(world.release.model), pipeline={"chunk": {"size": 32}})
    source = world.view(other)
    view = world.view()
    with pytest.raises(Refused, match="the view's vectors are of"), world.follower(view, reuse_from=source.index):
        pass


def test_a_view_of_another_release_is_refused(world: World) -> None:
    other = make_release(model=msgspec.to_builtins(world.release.model), pipeline={"chunk": {"size": 32}})
    view = world.view(other)
    with pytest.raises(Refused, match="the view serves"), world.follower(view):
        pass


def test_a_model_that_does_not_give_the_views_vectors_is_refused_and_writes_nothing(
    world: World, tmp_path: Path
) -> None:
    from turnout.embedding.store import load
    from turnout.follow import Follower

    impostor = load(make_toy_model(tmp_path / "other", seed=7), tmp_path / "other")
    view = world.view()
    world.documents.upsert_many(many(3))
    with (
        pytest.raises(Refused, match=r"least cosine -?0\.\d+, at least 0\.999"),
        Follower(world.job(view), embedder=impostor) as follower,
    ):
        follower.catch_up()
    assert world.stored(view) == {}


def test_a_document_that_the_mapping_refuses_becomes_a_placeholder_and_blocks_nothing(
    elastic_url: str, names: Names, tmp_path: Path
) -> None:
    kind = {"mappings": {"properties": {"kind": {"type": "integer"}}}}
    world = make_world(elastic_url, names, tmp_path / "models", mapping=kind)
    view = world.view()
    world.documents.upsert("bad", title="t", text="red signal", fields={"kind": "no number"})
    world.documents.upsert("good", title="t", text="red signal", fields={"kind": 7})
    world.catch_up(view)
    assert {id_: version for id_, (version, _) in world.stored(view).items()} == {
        id_: version for id_, (version, _) in world.sources().items()
    }
    bad = world.body(view, "bad")
    assert set(bad) == {"turnout"}
    assert bad["turnout"]["state"] == "placeholder"
    assert "document_parsing_exception" in bad["turnout"]["reason"]
    world.documents.upsert("bad", title="t", text="red signal", fields={"kind": 8})
    world.catch_up(view)
    assert world.stored(view) == world.sources()


@pytest.mark.parametrize(
    ("pipeline", "reason"),
    [
        ({"chunk": {"size": 8, "overlap": 0, "max_passages": 2}}, "more than 2 passages"),
        ({"limits": {"max_document_bytes": 100}}, "at most 100 are allowed"),
    ],
)
def test_documents_beyond_the_limits_become_placeholders(
    elastic_url: str, names: Names, tmp_path: Path, pipeline: dict, reason: str
) -> None:
    world = make_world(elastic_url, names, tmp_path / "models", pipeline=pipeline)
    view = world.view()
    world.documents.upsert("long", title="t", text="red signal " * 50)
    world.documents.upsert("short", title="t", text="red signal")
    world.catch_up(view)
    assert reason in world.body(view, "long")["turnout"]["reason"]
    assert world.body(view, "short")["turnout"]["state"] == "live"


def test_a_conflict_is_success_only_if_the_view_holds_this_version_or_a_newer_one(world: World) -> None:
    view = world.view()
    world.catch_up(view)
    world.documents.upsert("a", title="t", text="red signal")
    newer = {"turnout": {"id": "default:a", "state": "live", "version": external_version(1, 50)}}
    item = BulkItem("index", "default:a", newer, external_version(1, 50))
    list(world.writer.bulk(view.index, [item]))
    world.catch_up(view)
    assert world.stored(view) == {"default:a": (external_version(1, 50), "live")}


def test_a_conflict_with_nothing_behind_it_is_an_error_and_the_checkpoint_stays(world: World) -> None:
    view = world.view()
    world.catch_up(view)
    world.documents.upsert("a", title="t", text="red signal")
    # A hard delete leaves its version behind for a minute, and no document.
    list(world.writer.bulk(view.index, [BulkItem("delete", "default:a", version=external_version(1, 50))]))
    with pytest.raises(EnvironmentProblem, match="the view holds nothing"):
        world.catch_up(view, patience_s=0.1)
    assert lag(world.reader, world.names, view.index).total == 1


def test_a_view_that_is_deleted_while_followed_is_reported_and_not_made_again(world: World) -> None:
    view = world.view()
    world.documents.upsert_many(many(30))

    def delete(_: Progress) -> None:
        world.writer.delete_index(view.index)

    with world.follower(view, page_size=5) as follower, pytest.raises(ViewGone, match="deleted while"):
        follower.catch_up(delete)
    assert world.reader.describe(view.index) is None
    with world.follower(world.view()) as follower:
        follower.catch_up()
    with (
        pytest.raises(ViewGone, match="no such view"),
        world.follower(msgspec.structs.replace(view, index=view.index + "0")),
    ):
        pass


def test_checkpoints_of_a_deleted_view_do_not_count_for_a_new_one_of_the_same_name(world: World) -> None:
    view = world.view()
    world.documents.upsert_many(many(10))
    world.catch_up(view)
    world.writer.delete_index(view.index)
    again = world.view()
    assert again.index == view.index
    assert lag(world.reader, world.names, again.index).total == 10
    world.catch_up(again)
    assert world.stored(again) == world.sources()


def test_without_a_documents_index_nothing_is_deleted(world: World) -> None:
    view = world.view()
    world.documents.upsert_many(many(5))
    world.catch_up(view)
    before = world.stored(view)
    with world.follower(view) as follower:
        world.writer.delete_index(world.names.documents)
        with pytest.raises(EnvironmentProblem, match="documents index doesn't exist"):
            follower.catch_up()
        with pytest.raises(EnvironmentProblem, match="documents index doesn't exist"):
            lag(world.reader, world.names, view.index)
    assert world.stored(view) == before


def test_a_view_is_found_by_what_it_says_and_gets_its_own_settings_when_full(
    elastic_url: str, names: Names, tmp_path: Path
) -> None:
    settings = {"settings": {"index": {"refresh_interval": "7s"}, "number_of_replicas": 0}}
    world = make_world(elastic_url, names, tmp_path / "models", mapping=settings)
    view, other = world.view(), world.view()
    assert (view.index, other.index) == tuple(names.view(world.release.fingerprints.index, n) for n in (1, 2))
    assert view.aliases == frozenset()
    assert view.settings["index"]["refresh_interval"] == "-1"
    assert view.meta.embedding_fingerprint == world.release.fingerprints.embedding
    for _ in range(2):
        finish_filling(world.writer, view, world.release)
    restored = find_view(world.reader, names, view.index)
    assert restored.settings["index"]["refresh_interval"] == "7s"
    assert restored.settings["index"]["number_of_replicas"] == "0"


def test_a_follower_that_is_told_to_stop_ends_after_its_page_and_says_what_is_left(world: World) -> None:
    view = world.view()
    world.documents.upsert_many(many(40))
    stop = threading.Event()
    with world.follower(view, page_size=5) as follower:
        left = follower.catch_up(lambda progress: stop.set(), stop=stop)
    assert 0 < left.total <= 35
    assert len(world.stored(view)) == 5
    world.catch_up(view)
    assert world.stored(view) == world.sources()


def test_the_probes_in_a_view_are_those_of_the_model_that_fills_it(world: World) -> None:
    meta = create_view(
        world.reader, world.writer, world.names, world.release, world.embedder, now="2026-01-01T00:00:00Z"
    ).meta
    for probe in meta.probes:
        assert np.allclose(probe.array(), world.embedder.embed([probe.text], kind=probe.kind)[0])
