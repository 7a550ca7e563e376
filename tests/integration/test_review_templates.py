"""Clusters with opinions: index templates, ingest pipelines, and indexes that a write would bring into being."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from support.following import World, make_world
from turnout.elastic.names import Names
from turnout.elastic.state import STATE_MAPPING, Freeze
from turnout.errors import EnvironmentProblem


@pytest.fixture
def swallowing(client: Elasticsearch, prefix: str) -> Iterator[None]:
    """A cluster whose template sends every write to these indexes through a pipeline that drops it."""
    name = f"{prefix}swallow-{uuid.uuid4().hex[:6]}"
    client.ingest.put_pipeline(id=name, processors=[{"drop": {}}])
    settings = {"index.default_pipeline": name}
    client.indices.put_index_template(
        name=name, index_patterns=[f"{prefix}*"], template={"settings": settings}, priority=900
    )
    yield
    client.indices.delete_index_template(name=name)
    for index in client.indices.get(index=f"{prefix}*", expand_wildcards="all"):
        client.indices.delete(index=index)
    client.ingest.delete_pipeline(id=name)


def test_a_pipeline_of_a_template_swallows_no_write(
    swallowing: None, elastic_url: str, names: Names, tmp_path: Path
) -> None:
    world = make_world(elastic_url, names, tmp_path / "models")
    view = world.view()
    assert world.documents.upsert("a", title="t", text="the signal is red").result == "written"
    world.catch_up(view)
    assert list(world.stored(view)) == ["default:a"]
    assert world.stored(view) == world.sources()


def test_a_write_that_a_pipeline_swallowed_is_an_error_and_the_checkpoint_stays(
    client: Elasticsearch, elastic_url: str, names: Names, tmp_path: Path
) -> None:
    world = make_world(elastic_url, names, tmp_path / "models")
    view = world.view()
    world.documents.upsert("a", title="t", text="the signal is red")
    name = f"{names.prefix}late"
    client.ingest.put_pipeline(id=name, processors=[{"drop": {}}])
    world.writer.put_settings(view.index, {"index": {"final_pipeline": name}})
    with pytest.raises(EnvironmentProblem, match="pipeline"):
        world.catch_up(view)
    world.writer.put_settings(view.index, {"index": {"final_pipeline": None}})
    client.ingest.delete_pipeline(id=name)
    world.catch_up(view)
    assert world.stored(view) == world.sources()


def test_a_record_brings_no_state_index_without_mapping_into_being(world_names: World) -> None:
    world = world_names
    view = world.view()
    for n in range(3):
        world.documents.upsert(f"d{n}", title="t", text=f"the signal {n} is red")
    with world.follower(view, page_size=1) as follower:
        lost = False

        def lose(_: object) -> None:
            nonlocal lost
            if not lost:
                world.writer.delete_index(world.names.state)
            lost = True

        follower.catch_up(lose)
    world.catch_up(view)
    described = world.reader.describe(world.names.state)
    assert described is not None
    assert str(described["mappings"]["dynamic"]).lower() == str(STATE_MAPPING["dynamic"]).lower()
    record = Freeze(collection=world.names.collection, at="2026-01-01T00:00:00+00:00", frozen=True, reason="r", by="b")
    world.writer.put_state(world.names, record)
    assert world.reader.states(world.names, Freeze) == (record,)
    assert world.stored(view) == world.sources()


@pytest.fixture
def world_names(elastic_url: str, names: Names, tmp_path: Path) -> World:
    return make_world(elastic_url, names, tmp_path / "models", shards=1)
