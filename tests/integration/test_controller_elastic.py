"""The controller's half of Elasticsearch, on a real server: what it sees there, and what it does to alias and views."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from support.fake_cluster import NAMESPACE, FakeApi, release_map, replica_set, rollout
from support.following import World, make_world
from turnout.alias import flip, freeze
from turnout.controller.act import Actor, Outcome
from turnout.controller.actions import Action, Condemn, Decision, Flip, Retire
from turnout.controller.flips import Waiting
from turnout.controller.indexes import look_at_indexes
from turnout.controller.look import Looker
from turnout.controller.tools import Deposed, Tools
from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.state import FlipRecord, Quarantine, ReleaseRecord
from turnout.elastic.views import View
from turnout.elastic.writer import Writer
from turnout.errors import Refused
from turnout.ingest import SourceDocument
from turnout.kube.reader import Reader as KubeReader
from turnout.kube.writer import Writer as KubeWriter


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


def add(world: World, source_id: str) -> None:
    world.documents.upsert(source_id, title="a", text=f"the train {source_id}")


class Stage:
    """A followed collection in Elasticsearch under a Rollout of two revisions of its release in a fake cluster."""

    def __init__(self, world: World) -> None:
        self.world, self.api = world, FakeApi()
        self.api.put("configmaps", release_map("release-a", world.release))
        self.api.put("replicasets", replica_set("aaa", 1, "release-a", ready=1))
        self.api.put("rollouts", rollout("aaa", "aaa", "release-a"))
        self.check: Callable[[], None] = lambda: None
        kube = KubeReader(self.api, NAMESPACE)
        self.looker = Looker(kube, world.reader, world.names, now=lambda: datetime.now(UTC))
        self.actor = Actor(
            Tools(
                kube=kube,
                kube_writer=KubeWriter(self.api, NAMESPACE),
                elastic=world.reader,
                elastic_writer=world.writer,
                names=world.names,
                host=lambda: pytest.fail("nobody proposes here"),
                check=lambda: self.check(),
                now=now,
                drain_s=0.05,
            ),
            self.looker,
        )

    def act(self, *actions: Action) -> Outcome:
        return self.actor.carry_out(Decision(actions=actions, standings=(), problems={}), self.looker.look())

    def flip(self, view: View, *expect: str) -> Outcome:
        action = Flip(release_id=self.world.release.id, view=view.index, expect=expect, why="the release is stable")
        return self.act(action)


@pytest.fixture
def world(elastic_url: str, names: Names, tmp_path: Path) -> World:
    world = make_world(elastic_url, names, tmp_path)
    documents = [SourceDocument(source_id=f"d{n}", title="a", text=f"the train {n}") for n in range(6)]
    world.documents.upsert_many(documents)
    return world


@pytest.fixture
def stage(world: World) -> Stage:
    return Stage(world)


def test_a_collection_that_was_never_built_is_seen_as_empty(reader: Reader, names: Names) -> None:
    seen = look_at_indexes(reader, names)
    assert (seen.views, seen.records, seen.flips, seen.targets, seen.shards, seen.frozen) == (
        (),
        (),
        (),
        frozenset(),
        0,
        "",
    )


def test_a_view_is_seen_with_how_far_it_is_and_whether_it_was_filled(world: World, writer: Writer) -> None:
    names, view = world.names, world.view()
    (before,) = look_at_indexes(world.reader, names).views
    assert (before.behind, before.filled) == (6, False)
    world.catch_up(view)
    record = ReleaseRecord(
        collection=names.collection, at=now(), release_id="r", state="verifying", view=view.index, release={}
    )
    writer.put_state(names, record)
    bad = Quarantine(collection=names.collection, at=now(), release_id="r", by="run", reason="x")
    writer.put_state(names, bad)
    freeze(writer, names, reason="incident", by="me", at=now())
    seen = look_at_indexes(world.reader, names)
    assert [(each.behind, each.filled) for each in seen.views] == [(0, True)]
    assert (seen.shards, seen.quarantined, seen.frozen) == (2, {"r": bad}, "incident (by me)")


def test_without_documents_how_far_a_view_is_cant_be_known(world: World, client: Elasticsearch) -> None:
    world.catch_up(world.view())
    client.indices.delete(index=world.names.documents)
    seen = look_at_indexes(world.reader, world.names)
    assert ([each.behind for each in seen.views], seen.shards) == ([None], 0)


def test_the_alias_moves_to_a_view_that_is_equal_to_documents_and_once(stage: Stage) -> None:
    view = stage.world.view()
    stage.world.catch_up(view)
    first = stage.flip(view)
    assert (first.problems, len(first.done)) == ({}, 1)
    assert stage.world.reader.alias_targets(stage.world.names.alias) == {view.index}
    (record,) = stage.world.reader.states(stage.world.names, FlipRecord)
    assert (record.to_release, record.reason) == (stage.world.release.id, "the release is stable")
    assert stage.flip(view, view.index).problems == {}
    assert len(stage.world.reader.states(stage.world.names, FlipRecord)) == 1


def test_the_alias_stays_where_a_view_lacks_or_has_too_much(stage: Stage, client: Elasticsearch) -> None:
    view = stage.world.view()
    stage.world.catch_up(view)
    client.delete(index=view.index, id="default:d3", refresh=True)
    told = stage.flip(view).problems["flip-failed"]
    assert "not equal to documents" in told
    assert "default:d3" in told
    assert stage.world.reader.alias_targets(stage.world.names.alias) == frozenset()


def test_the_alias_stays_where_somebody_else_put_it_meanwhile(stage: Stage, client: Elasticsearch) -> None:
    old, new = stage.world.view(), stage.world.view()
    for view in (old, new):
        stage.world.catch_up(view)
    client.indices.put_alias(index=old.index, name=stage.world.names.alias)
    assert "somebody else moved it" in stage.flip(new).problems["flip-failed"]
    assert stage.world.reader.alias_targets(stage.world.names.alias) == {old.index}


def test_who_is_deposed_while_comparing_doesnt_flip(stage: Stage) -> None:
    view = stage.world.view()
    stage.world.catch_up(view)
    asked: list[None] = []

    def check() -> None:
        asked.append(None)
        if len(asked) > 2:  # before the action, and in the first wait
            raise Deposed

    stage.check = check
    with pytest.raises(Deposed):
        stage.flip(view)
    assert stage.world.reader.alias_targets(stage.world.names.alias) == frozenset()


def test_waiting_ends_when_the_follower_has_what_was_there_at_the_call_though_writes_go_on(world: World) -> None:
    view = world.view()
    world.catch_up(view)
    add(world, "new")
    looks: list[None] = []

    def busy() -> None:
        """A follower that comes up, and a writer that is always one ahead of it."""
        looks.append(None)
        if len(looks) == 2:
            world.catch_up(view)
        add(world, f"later{len(looks)}")

    Waiting(world.reader, world.names, view.index, check=busy, sleep=lambda _: None)()
    assert len(looks) <= 3


def test_waiting_for_a_follower_that_is_dead_ends(world: World) -> None:
    view = world.view()
    slept: list[float] = []
    with pytest.raises(Refused, match="doesn't come up"):
        Waiting(world.reader, world.names, view.index, check=lambda: None, patience_s=2.0, sleep=slept.append)()
    assert sum(slept) == 2.0


def superseded(stage: Stage) -> tuple[View, View]:
    """An old view that nothing needs, and the live one."""
    world = stage.world
    old, live = world.view(), world.view()
    world.catch_up(live)
    record = ReleaseRecord(collection="toys", at=now(), release_id="r-old", state="failed", view=old.index, release={})
    world.writer.put_state(world.names, record)
    flip(world.reader, world.writer, world.names, to=live, release=world.release, reason="test", now=now)
    return old, live


def test_a_view_is_deleted_at_a_later_look_if_nobody_searched_it_since_the_first(stage: Stage) -> None:
    old, live = superseded(stage)
    retire = Retire(view=old.index)
    assert stage.act(retire).done == []
    assert [view.index for view in stage.world.reader.views(stage.world.names)] == [old.index, live.index]
    time.sleep(0.06)
    outcome = stage.act(retire)
    assert outcome.problems == {}
    assert len(outcome.done) == 1
    assert [view.index for view in stage.world.reader.views(stage.world.names)] == [live.index]


def test_a_search_a_freeze_or_a_change_of_mind_begins_the_waiting_anew(stage: Stage, client: Elasticsearch) -> None:
    old, live = superseded(stage)
    retire, world = Retire(view=old.index), stage.world
    stage.act(retire)
    client.search(index=old.index)
    time.sleep(0.06)
    assert stage.act(retire).done == []
    stage.act()  # this look doesn't want it deleted
    time.sleep(0.06)
    assert stage.act(retire).done == []
    freeze(world.writer, world.names, reason="incident", by="me", at=now())
    time.sleep(0.06)
    assert stage.act(retire).done == []
    assert {view.index for view in world.reader.views(world.names)} == {old.index, live.index}


def test_the_live_view_is_not_deleted_whoever_asks(stage: Stage) -> None:
    _, live = superseded(stage)
    for _ in range(2):
        assert stage.act(Retire(view=live.index)).done == []
        time.sleep(0.06)
    assert stage.world.reader.alias_targets(stage.world.names.alias) == {live.index}


def test_the_stable_release_is_never_condemned(stage: Stage) -> None:
    outcome = stage.act(Condemn(release_id=stage.world.release.id, by="run", reason="x", stable=None))
    assert "is stable" in outcome.problems["condemn-failed"]
    assert stage.world.reader.states(stage.world.names, Quarantine) == ()
