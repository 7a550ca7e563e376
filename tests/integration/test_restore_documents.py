"""Documents that are gone come back from a snapshot, without what was deleted since, whatever happens meanwhile."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from support.following import World, make_world
from turnout.elastic.names import Names
from turnout.elastic.snapshots import SnapshotReader, SnapshotWriter
from turnout.elastic.state import Epoch
from turnout.elastic.writer import Writer
from turnout.errors import BadInput, Refused
from turnout.ingest import SourceDocument
from turnout.ingest.documents import utc_now
from turnout.ledger import Keeper, LedgerFile
from turnout.restore import Choice, Plan, Report, Restoration, look
from turnout.restore.mark import scratch_name


@pytest.fixture(scope="module")
def repository(client: Elasticsearch) -> Iterator[str]:
    """A snapshot repository on the server's own disk."""
    (node,) = client.nodes.info(metric="settings")["nodes"].values()
    repo = node["settings"].get("path", {}).get("repo")
    if not repo:
        pytest.fail("the server that was given has no path.repo: set one, or unset TURNOUT_ELASTICSEARCH_URL")
    folder = repo[0] if isinstance(repo, list) else repo
    name = f"r{uuid.uuid4().hex[:10]}"
    client.snapshot.create_repository(
        name=name, repository={"type": "fs", "settings": {"location": f"{folder}/{name}"}}
    )
    yield name
    for found in client.snapshot.get(repository=name, snapshot="_all")["snapshots"]:
        client.snapshot.delete(repository=name, snapshot=found["snapshot"])
    client.snapshot.delete_repository(name=name)


class Backup:
    """A collection with a ledger and a snapshot repository."""

    def __init__(self, world: World, client: Elasticsearch, repository: str, ledger: Path) -> None:
        self.world, self.client, self.repository, self.ledger = world, client, repository, ledger
        self.names = world.names
        self.snapshots = SnapshotReader(client)
        self.bringer = SnapshotWriter(client)

    def sync(self) -> None:
        """One pass of the ledger's keeper."""
        with LedgerFile(self.ledger, self.names.documents) as file:
            Keeper(self.world.reader, self.names, file).sync()

    def snapshot(self) -> str:
        """Take a snapshot of the documents."""
        name = f"s{uuid.uuid4().hex[:10]}"
        self.client.snapshot.create(
            repository=self.repository, snapshot=name, indices=self.names.documents, wait_for_completion=True
        )
        return name

    def put(self, **texts: str) -> None:
        """Write documents."""
        self.world.documents.upsert_many(
            SourceDocument(source_id=key, title="t", text=text, fields={}) for key, text in texts.items()
        )

    def live(self, index: str | None = None) -> dict[str, str]:
        """Texts by source id."""
        index = index or self.names.documents
        self.world.reader.refresh(index)
        hits = self.world.reader.scan(index, sort="id")
        return {hit.source["source_id"]: hit.source["text"] for hit in hits if not hit.source["deleted"]}

    def plan(self, snapshot: str, *, ledger: bool = True, **choice: Any) -> Plan:
        """What a restore will do."""
        path = self.ledger if ledger else None
        chosen = Choice(repository=self.repository, snapshot=snapshot, ledger=path, **choice)
        return look(self.world.reader, self.snapshots, self.names, chosen)

    def restore(self, snapshot: str, **choice: Any) -> Report:
        """Restore."""
        return self.run(self.plan(snapshot, **choice))

    def run(self, plan: Plan, writer: Writer | None = None, bringer: SnapshotWriter | None = None) -> Report:
        """Do what a plan says."""
        hands = (writer or self.world.writer, self.snapshots, bringer or self.bringer)
        return Restoration(plan, self.world.reader, *hands, now=utc_now).run()

    def lose(self) -> None:
        """The disaster."""
        self.client.indices.delete(index=self.names.documents)


@pytest.fixture
def backup(elastic_url: str, names: Names, client: Elasticsearch, repository: str, tmp_path: Path) -> Backup:
    world = make_world(elastic_url, names, tmp_path / "models")
    return Backup(world, client, repository, tmp_path / "toys.ledger")


def test_deletes_after_the_snapshot_stay_deleted_in_documents_and_views_and_nothing_else_goes(backup: Backup) -> None:
    world, view = backup.world, backup.world.view()
    backup.put(a="red", b="green", c="blue", d="grey", e="pink", f="gold")
    world.documents.delete("f")
    backup.put(f="gold again")  # deleted and written again before the snapshot
    backup.sync()
    snapshot = backup.snapshot()
    world.documents.delete("a")
    world.documents.delete_many(["b", "c"])
    backup.sync()
    backup.put(b="green", c="another blue", g="new", d="newer grey")
    backup.sync()
    world.catch_up(view)
    epoch = world.reader.state(world.names, f"epoch:{world.names.collection}")
    backup.lose()
    report = backup.restore(snapshot)
    assert backup.live() == {"b": "green", "d": "grey", "e": "pink", "f": "gold again"}
    assert (report.restored, report.replayed, report.live) == (6, 2, 4)
    assert report.superseded == ("default:c",)
    assert report.gap == ""
    assert report.lost_operations == 7
    assert world.reader.describe(scratch_name(world.names)) is None
    with world.follower(view) as follower:
        seen: list[int] = []
        while follower.catch_up(lambda progress: seen.append(progress.counts.embedded)).total:
            pass
    after = world.reader.state(world.names, f"epoch:{world.names.collection}")
    assert isinstance(epoch, Epoch)
    assert isinstance(after, Epoch)
    assert after.epoch == epoch.epoch + 1
    stored = world.stored(view)
    assert {id_: entry for id_, entry in stored.items() if id_ != "default:g"} == world.sources()
    assert stored["default:g"][1] == "deleted"
    assert sum(seen[-1:]) == 1  # the older text of d; all other vectors were there
    backup.put(h="writes go on")
    assert world.documents.delete("d").result == "deleted"


def test_a_ledger_goes_on_with_the_restored_documents_and_serves_the_next_restore_too(backup: Backup) -> None:
    backup.put(a="red", b="green", c="blue")
    backup.sync()
    snapshot = backup.snapshot()
    backup.world.documents.delete("a")
    backup.sync()
    backup.lose()
    backup.restore(snapshot)
    backup.world.documents.delete("b")
    backup.sync()
    backup.lose()
    assert backup.restore(snapshot).replayed == 2
    assert backup.live() == {"c": "blue"}


def test_without_a_ledger_deletes_come_back_and_it_takes_a_flag(backup: Backup) -> None:
    backup.put(a="red", b="green")
    snapshot = backup.snapshot()
    backup.world.documents.delete("a")
    backup.lose()
    with pytest.raises(Refused, match="without a ledger"):
        backup.plan(snapshot, ledger=False)
    with pytest.raises(BadInput, match="can't be read"):
        backup.plan(snapshot)
    report = backup.restore(snapshot, ledger=False, accept_gap=True)
    assert backup.live() == {"a": "red", "b": "green"}
    assert "comes back" in report.gap


def test_a_ledger_that_did_not_reach_the_snapshot_is_refused_and_leaves_nothing_behind(backup: Backup) -> None:
    backup.put(a="red")
    backup.sync()
    backup.put(b="green")
    snapshot = backup.snapshot()
    backup.lose()
    with pytest.raises(Refused, match="last synced before the snapshot"):
        backup.restore(snapshot)
    assert not list(backup.client.indices.get(index=f"{backup.names.documents}*"))
    assert backup.restore(snapshot, accept_gap=True).live == 2


def test_documents_that_are_there_go_only_on_request_and_keep_every_delete_until_then(backup: Backup) -> None:
    backup.put(a="red", b="green")
    backup.sync()
    snapshot = backup.snapshot()
    backup.world.documents.delete("a")  # the keeper hasn't seen it yet
    backup.put(b="broken")
    with pytest.raises(Refused, match="--replace"):
        backup.plan(snapshot)
    assert backup.restore(snapshot, replace=True).replayed == 1
    assert backup.live() == {"b": "green"}


def test_documents_that_cannot_be_read_any_more_are_replaced_only_with_the_gap_accepted(backup: Backup) -> None:
    backup.put(a="red", b="green")
    backup.sync()
    snapshot = backup.snapshot()
    backup.world.documents.delete("a")
    backup.sync()
    backup.client.indices.close(index=backup.names.documents)
    with pytest.raises(Refused, match="can't be read"):
        backup.restore(snapshot, replace=True)
    assert "last deletes may be missing" in backup.restore(snapshot, replace=True, accept_gap=True).gap
    assert backup.live() == {"b": "green"}


def test_documents_whose_replacement_comes_to_nothing_take_writes_again(backup: Backup) -> None:
    backup.put(a="red")
    backup.sync()
    snapshot = backup.snapshot()

    class Failing(SnapshotWriter):
        def clone(self, index: str, target: str, *, aliases: dict[str, Any]) -> bool:
            raise AssertionError("not reached")

        def restore(self, *_: Any) -> None:
            raise KeyboardInterrupt

    plan = backup.plan(snapshot, replace=True)
    with pytest.raises(KeyboardInterrupt):
        backup.run(plan, bringer=Failing(backup.client))
    backup.put(a="green")
    assert backup.live() == {"a": "green"}


class Interrupted(Exception):
    """Stands for kill -9 at one call."""


POINTS = (
    *("restore scratch", "put_mapping scratch", "bulk scratch", "block_writes scratch"),
    *("delete_index documents", "clone documents", "delete_index scratch"),
)


def test_a_restore_that_is_killed_before_or_after_any_change_goes_on_to_the_same_end(backup: Backup) -> None:
    backup.put(**{f"d{n}": f"text {n}" for n in range(12)})
    backup.sync()
    snapshot = backup.snapshot()
    backup.world.documents.delete_many([f"d{n}" for n in range(5)])
    backup.sync()
    for point in POINTS:
        for before in (True, False):
            with pytest.raises(Interrupted):
                restore_and_die(backup, snapshot, point, before=before)
    with pytest.raises(Refused, match="documents index exists; it was restored"):
        backup.plan(snapshot)  # nothing was left to do but to say so
    assert backup.live() == {f"d{n}": f"text {n}" for n in range(5, 12)}
    assert backup.world.reader.describe(scratch_name(backup.names)) is None
    backup.put(z="writes go on")


def restore_and_die(backup: Backup, snapshot: str, point: str, *, before: bool) -> None:
    """Restore, and end just before or just after one change."""
    places = {backup.names.documents: "documents", scratch_name(backup.names): "scratch"}
    dead = False

    def dying(kind: type[Any]) -> Any:
        class Dying(kind):  # type: ignore[misc]
            def __getattribute__(self, name: str) -> Any:
                found = super().__getattribute__(name)
                return found if name.startswith("_") else partial(call, name, found)

        return Dying(backup.client)

    def call(name: str, found: Any, *args: Any, **options: Any) -> Any:
        nonlocal dead
        if dead:  # what is dead doesn't clean up
            return None
        subject = args[{"restore": 2, "clone": 1}.get(name, 0)]
        here = f"{name} {places[subject]}" == point and (name != "delete_index" or is_last(subject))
        dead = here and before
        result = None if dead else found(*args, **options)
        result = list(result) if name == "bulk" and result is not None else result
        if here:
            dead = True
            raise Interrupted
        return result

    def is_last(index: str) -> bool:
        """The scratch index is deleted at the start, too, if it is of no use."""
        return index == backup.names.documents or backup.live(index) == backup.live()

    plan = backup.plan(snapshot, replace=not point.startswith("delete_index scratch"))
    backup.run(plan, writer=dying(Writer), bringer=dying(SnapshotWriter))
