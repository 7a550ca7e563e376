"""Workers that ended while nobody asked them anything: their share of the work is not forgotten."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from support.following import World, make_world
from turnout.elastic.names import Names
from turnout.errors import TurnoutError, Unavailable
from turnout.follow.crew import Crew
from turnout.ingest import SourceDocument


@pytest.fixture
def world(elastic_url: str, names: Names, tmp_path: Path) -> World:
    return make_world(elastic_url, names, tmp_path / "models", shards=2)


def fill(world: World, count: int) -> None:
    world.documents.upsert_many(
        SourceDocument(source_id=f"d{n}", title="t", text=f"the signal {n} is red", fields={}) for n in range(count)
    )


def test_a_worker_that_dies_between_two_catch_ups_takes_no_shard_with_it(world: World) -> None:
    view = world.view()
    with world.follower(view, processes=2) as follower:
        follower.catch_up()
        crew = follower._hands
        assert isinstance(crew, Crew)
        process = crew._workers[0].process
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join(timeout=5)
        fill(world, 30)
        assert follower.catch_up().total == 0
    assert world.stored(view) == world.sources()


def test_workers_that_could_not_start_while_the_server_was_away_are_started_again(world: World) -> None:
    view = world.view()
    fill(world, 10)
    job = world.job(view, processes=1, url="http://127.0.0.1:9")
    crew = Crew(job)
    try:
        with pytest.raises(Unavailable):
            crew.follow([], lambda _: None, lambda: False)
        time.sleep(0.5)
        # Still away: again the same error, and neither silence nor the report of a death.
        with pytest.raises(TurnoutError) as caught:
            crew.follow([], lambda _: None, lambda: False)
        assert type(caught.value) is Unavailable
    finally:
        crew.close()
