"""Restores of more or less than everything: epochs never repeat, and an index that is gone empties no view."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from support.following import World, create_documents, make_world
from turnout.elastic.client import connect
from turnout.elastic.names import Names
from turnout.elastic.reader import Hit, Reader
from turnout.elastic.state import Epoch
from turnout.errors import EnvironmentProblem
from turnout.follow.progress import current_epoch
from turnout.follow.sweep import sweep


@pytest.fixture
def world(elastic_url: str, names: Names, tmp_path: Path) -> World:
    return make_world(elastic_url, names, tmp_path / "models", shards=1)


def replace_documents(world: World, *texts: str) -> None:
    """The documents index as some backup has it: each text was written to the same document, one after the other."""
    world.writer.delete_index(world.names.documents)
    create_documents(world, 1)
    for text in texts:
        world.documents.upsert("a", title="t", text=text)


def test_a_second_restore_of_the_same_old_records_does_not_use_an_epoch_again(world: World) -> None:
    view = world.view()
    world.documents.upsert("a", title="t", text="the signal is red")
    world.catch_up(view)
    record = world.reader.state(world.names, f"epoch:{world.names.collection}")
    assert isinstance(record, Epoch)
    replace_documents(world, "one", "two", "the train is late")
    world.catch_up(view)
    world.writer.put_state(world.names, record)  # the records come from the backup, too; the view doesn't
    replace_documents(world, "the track is clear")
    world.catch_up(view)
    assert world.body(view, "a")["passages"][0]["text"] == "the track is clear"
    assert world.stored(view) == world.sources()


def test_a_documents_index_that_goes_away_during_a_sweep_empties_no_view(world: World) -> None:
    view = world.view()
    for key in "abc":
        world.documents.upsert(key, title="t", text="the signal is red")
    world.catch_up(view)
    before = world.stored(view)
    replace_documents(world, "the signal is red")
    epoch, _ = current_epoch(world.reader, world.writer, world.names)

    class Losing(Reader):
        def get_many(self, index: str, ids: Sequence[str], **options: Any) -> dict[str, Hit]:
            if index == world.names.documents:
                world.writer.delete_index(index)
            return super().get_many(index, ids, **options)

    with connect(world.url) as client, pytest.raises(EnvironmentProblem, match="doesn't exist"):
        sweep(Losing(client), world.writer, names=world.names, view=view.index, epoch=epoch)
    assert world.stored(view) == before
