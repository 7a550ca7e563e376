"""The controller's watch over views on a real server: what a follower lost without a word is found and told."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from support.following import World, make_world
from support.observing import healthy, revision
from turnout.alias import flip
from turnout.controller.comparing import ParityWatch
from turnout.controller.comparing_board import ParityBoard
from turnout.controller.indexes import look_at_indexes
from turnout.controller.observed import Observed
from turnout.controller.sizes import measure
from turnout.controller.tools import Tools
from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.state import ParityRecord, checkpoint_key
from turnout.elastic.views import View
from turnout.ingest import SourceDocument
from turnout.ingest.journal import IngestReport, Journal
from turnout.ingest.source import Unreadable


@pytest.fixture
def world(elastic_url: str, names: Names, tmp_path: Path) -> World:
    world = make_world(elastic_url, names, tmp_path)
    world.documents.upsert_many(
        SourceDocument(source_id=f"d{n}", title="a", text=f"the train {n} " * 60) for n in range(6)
    )
    world.documents.delete("d5")
    return world


@pytest.fixture
def view(world: World) -> View:
    """A view that is followed up to now, and searched."""
    made = world.view()
    world.catch_up(made)
    flip(
        world.reader, world.writer, world.names, to=made, release=world.release, expect=frozenset(), reason="first",
        now=lambda: datetime.now(UTC).isoformat(),
    )  # fmt: skip
    return made


def observe(world: World) -> Observed:
    seen = look_at_indexes(world.reader, world.names)
    return healthy(revisions=(revision(world.release, "stable"),), work=(), **seen._asdict())


def ended() -> None:
    for thread in threading.enumerate():
        if thread.name == "parity":
            thread.join(60)


def watch(world: World) -> tuple[ParityWatch, ParityBoard]:
    nothing: Any = None
    tools = Tools(
        kube=nothing, kube_writer=nothing, elastic=world.reader, elastic_writer=world.writer, names=world.names,
        host=nothing, check=lambda: None, now=lambda: datetime.now(UTC).isoformat(), parity_every_s=1e-9,
    )  # fmt: skip
    board = ParityBoard()
    return ParityWatch(tools, board), board


def compared(world: World) -> tuple[dict[str, str], dict[str, float]]:
    """What is wrong after one comparison by a controller that was started just now, and the differences by kind."""
    watching, board = watch(world)
    watching.round(observe(world))
    ended()
    problems = watching.round(observe(world))  # begins the next one
    ended()
    samples = [each for family in board.collect() for each in family.samples if "kind" in each.labels]
    return problems, {each.labels["kind"]: each.value for each in samples if each.value}


def test_a_document_that_a_view_lost_is_found_told_without_its_id_and_over_when_it_is_back(
    world: World, view: View, client: Elasticsearch
) -> None:
    assert compared(world) == ({}, {})
    # As a view that lost it: nothing remembers the deletion.
    client.indices.put_settings(index=view.index, settings={"index.gc_deletes": "0s"})
    client.delete(index=view.index, id="default:d3", refresh=True)
    problems, differences = compared(world)
    assert differences == {"missing": 1.0}
    assert problems["parity-broken"].startswith(f"{view.index}, which is searched, differs from documents: 1 missing")
    (record,) = world.reader.states(world.names, ParityRecord)
    assert "default:d3" not in str((record, problems))
    for shard in range(2):  # without its checkpoints a follower reads everything once more
        client.delete(index=world.names.state, id=checkpoint_key(view.index, shard))
    world.catch_up(view)
    assert compared(world) == ({}, {})


def test_writes_that_the_follower_is_about_to_bring_are_no_difference(world: World, view: View) -> None:
    world.documents.upsert("d1", title="a", text="written just now")
    watching, board = watch(world)
    watching.round(observe(world))
    world.catch_up(view)
    ended()
    assert watching.round(observe(world)) == {}  # begins the next one
    ended()
    assert [each.value for family in board.collect() for each in family.samples if each.labels.get("kind")] == [0.0] * 5


def test_indexes_are_counted_in_documents_and_not_in_passages(world: World, view: View, reader: Reader) -> None:
    report = IngestReport(run_id="1", owner="test", tenant="default", started_at="2026-01-01T00:00:00Z")
    journal = Journal(reader, world.writer, world.names, report)
    journal.open()
    journal.bury(
        [Unreadable(place="a.pdf", reason="broken"), Unreadable(place="b.pdf", reason="broken")], at="2026-01-01"
    )
    reader.refresh(view.index)
    reader.refresh(world.names.documents)
    seen = observe(world)
    sizes = measure(reader, world.names, seen)
    assert sizes.documents == {view.index: 5, world.names.documents: 5}
    assert sizes.size_bytes.keys() == sizes.documents.keys()
    assert min(sizes.size_bytes.values()) > 0
    assert sizes.dead_letters == 2
    assert seen.operations == 7  # six writes and a deletion
    (followed,) = seen.views
    assert followed.behind == 0
