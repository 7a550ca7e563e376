"""A restore holds its promise, too, when it is run again with other arguments, or others act on the same indexes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from integration.test_restore_documents import Backup, Interrupted, repository, restore_and_die
from support.following import create_documents, make_world
from turnout.elastic.names import Names
from turnout.elastic.snapshots import SnapshotWriter
from turnout.errors import BadInput, EnvironmentProblem, Refused
from turnout.restore.mark import scratch_name

__all__ = ["repository"]


@pytest.fixture
def backup(elastic_url: str, names: Names, client: Elasticsearch, repository: str, tmp_path: Path) -> Backup:
    world = make_world(elastic_url, names, tmp_path / "models")
    return Backup(world, client, repository, tmp_path / "toys.ledger")


def test_a_restore_of_documents_that_were_restored_before_may_be_killed_before_it_left_its_mark(
    backup: Backup,
) -> None:
    backup.put(a="red", b="green")
    backup.sync()
    first = backup.snapshot()
    backup.restore(first, replace=True)
    backup.put(c="blue")
    backup.sync()
    second = backup.snapshot()  # has the mark of the first
    backup.put(a="broken", c="broken")
    with pytest.raises(Interrupted):
        restore_and_die(backup, second, "put_mapping scratch", before=True)
    assert backup.restore(second, replace=True).snapshot == second
    assert backup.live() == {"a": "red", "b": "green", "c": "blue"}


def test_what_another_restore_left_is_not_taken_for_the_one_that_is_asked_for(backup: Backup) -> None:
    backup.put(a="red")
    backup.sync()
    first = backup.snapshot()
    backup.put(a="green", b="blue")
    backup.sync()
    second = backup.snapshot()
    with pytest.raises(Interrupted):
        restore_and_die(backup, first, "clone documents", before=False)
    with pytest.raises(Refused, match="the documents index exists"):
        backup.plan(second)
    assert backup.restore(second, replace=True).snapshot == second
    assert backup.live() == {"a": "green", "b": "blue"}


def test_a_restore_is_ended_without_the_ledger_that_it_was_begun_with(backup: Backup) -> None:
    backup.put(a="red", b="green")
    backup.sync()
    snapshot = backup.snapshot()
    backup.world.documents.delete("a")
    backup.sync()
    with pytest.raises(Interrupted):
        restore_and_die(backup, snapshot, "clone documents", before=False)
    assert backup.restore(snapshot, ledger=False, accept_gap=True).replayed == 1
    assert backup.live() == {"b": "green"}


def test_a_writer_that_is_quick_to_go_on_does_not_make_a_restore_fail(backup: Backup) -> None:
    class Quick(SnapshotWriter):
        def clone(self, index: str, target: str, *, aliases: dict[str, Any]) -> bool:
            made = super().clone(index, target, aliases=aliases)
            backup.put(z="new")
            return made

    backup.put(a="red")
    backup.sync()
    snapshot = backup.snapshot()
    backup.lose()
    assert backup.run(backup.plan(snapshot), bringer=Quick(backup.client)).live == 1
    assert backup.live() == {"a": "red", "z": "new"}


def test_documents_that_go_away_while_the_snapshot_is_brought_need_not_be_replaced_any_more(backup: Backup) -> None:
    backup.put(a="red")
    backup.sync()
    snapshot = backup.snapshot()
    plan = backup.plan(snapshot, replace=True)
    backup.lose()
    assert backup.run(plan).live == 1


@pytest.mark.parametrize("act", ["restores", "writes"])
def test_what_somebody_else_did_to_the_scratch_index_is_never_shown(backup: Backup, act: str) -> None:
    backup.put(a="red", b="green")
    backup.sync()
    snapshot = backup.snapshot()
    backup.world.documents.delete("a")
    backup.sync()
    backup.lose()
    plan = backup.plan(snapshot)

    class Rival(SnapshotWriter):
        def block_writes(self, index: str) -> None:
            if act == "restores":
                backup.client.indices.delete(index=index)
                super().restore(plan.snapshot, backup.names.documents, index)
                while not backup.snapshots.is_up(index):
                    time.sleep(0.1)
            else:
                backup.client.index(index=index, id="default:x", document={"deleted": False})
            super().block_writes(index)

    with pytest.raises(EnvironmentProblem):
        backup.run(plan, bringer=Rival(backup.client))
    assert backup.world.reader.describe(backup.names.documents) is None


def test_documents_that_an_ingestion_made_anew_meanwhile_count_as_written_again(backup: Backup) -> None:
    backup.put(a="red", b="green", c="blue", d="grey")
    backup.sync()
    snapshot = backup.snapshot()
    backup.world.documents.delete_many(["a", "b", "c"])
    backup.sync()
    backup.lose()
    create_documents(backup.world, shards=3)
    backup.put(a="red", b="another green", e="pink")
    backup.sync()
    report = backup.restore(snapshot, replace=True)
    assert backup.live() == {"a": "red", "d": "grey"}
    assert report.superseded == ("default:b",)


def test_the_ledger_of_another_prefix_is_refused_before_anything_is_changed(backup: Backup, tmp_path: Path) -> None:
    backup.put(a="red")
    backup.sync()
    snapshot = backup.snapshot()
    text = backup.ledger.read_text()
    backup.ledger.write_text(text.replace(backup.names.documents, "other-toys.documents"))
    with pytest.raises(Refused, match="other-toys"):
        backup.plan(snapshot, replace=True)
    backup.ledger.write_text("notes\n")
    with pytest.raises(BadInput, match="isn't a ledger"):
        backup.plan(snapshot, replace=True, accept_gap=True)
    backup.ledger.write_text(text)
    assert backup.world.reader.describe(scratch_name(backup.names)) is None


def test_a_name_that_means_no_single_snapshot_is_bad_input(backup: Backup) -> None:
    backup.put(a="red")
    backup.sync()
    backup.snapshot()
    for name in ("*", "_all", "a,b", "nightly-*", "_current", "no/such", "UPPER", " ", "a#b", ""):
        with pytest.raises(BadInput):
            backup.plan(name, replace=True)
