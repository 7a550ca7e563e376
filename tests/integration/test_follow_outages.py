"""A server that stops in the middle of a bulk request, and documents restored from a snapshot under a follower.

These need a node of their own; it is started twice.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from elasticsearch import Elasticsearch
from tenacity import retry, retry_if_exception_message, stop_after_delay, wait_fixed

from support.following import World, make_world
from turnout.elastic.client import connect
from turnout.elastic.names import Names
from turnout.elastic.node import OwnNode, own_node
from turnout.errors import EnvironmentProblem
from turnout.follow import Progress
from turnout.ingest import SourceDocument

SNAPSHOT = "before"


@pytest.fixture(scope="module")
def node() -> Iterator[OwnNode]:
    build = Path(os.environ.get("TURNOUT_BUILD", Path(__file__).parents[2] / "build")).resolve()
    with own_node(build, env=os.environ) as own:
        yield own


@pytest.fixture
def own_world(node: OwnNode, tmp_path: Path) -> World:
    names = Names(collection="toys", prefix=f"t{uuid4().hex[:8]}-")
    return make_world(node.url, names, tmp_path / "models")


def fill(world: World, numbers: range, text: str = "the signal {} is red") -> None:
    world.documents.upsert_many(
        SourceDocument(source_id=f"d{n}", title="t", text=text.format(n), fields={}) for n in numbers
    )


@pytest.fixture
def own_client(node: OwnNode) -> Iterator[Elasticsearch]:
    with connect(node.url) as client:
        client.snapshot.create_repository(
            name="repository", repository={"type": "fs", "settings": {"location": node.snapshots}}
        )
        yield client


@pytest.mark.parametrize("over", ["closed", "deleted"])
def test_a_snapshot_restored_under_a_follower_ends_in_parity(
    own_world: World, own_client: Elasticsearch, over: str
) -> None:
    world, documents, name = own_world, own_world.names.documents, f"{SNAPSHOT}-{over}"
    view = world.view()
    fill(world, range(20))
    with world.follower(view) as follower:
        follower.catch_up()
        own_client.snapshot.create(repository="repository", snapshot=name, indices=documents, wait_for_completion=True)
        # Later operations, which the restored index knows nothing of: its numbers will be given out again.
        fill(world, range(5, 10), "the track {} is clear")
        fill(world, range(20, 30))
        world.documents.delete_many(f"d{n}" for n in range(5))
        follower.catch_up()
        assert world.stored(view) == world.sources()
        if over == "closed":
            own_client.indices.close(index=documents)
            with pytest.raises(EnvironmentProblem, match="closed"):
                follower.catch_up()
        else:
            own_client.indices.delete(index=documents)
            with pytest.raises(EnvironmentProblem, match="doesn't exist"):
                follower.catch_up()
        assert sum(state == "live" for _, state in world.stored(view).values()) == 25
        own_client.snapshot.restore(repository="repository", snapshot=name, indices=documents, wait_for_completion=True)
        world.documents.ensure()
        fill(world, range(40, 43))
        seen: list[Progress] = []
        assert follower.catch_up(seen.append).total == 0
    stored = world.stored(view)
    assert world.sources().items() <= stored.items()
    assert {id_ for id_, (_, state) in stored.items() if state == "live"} == {
        f"default:d{n}" for n in (*range(20), 40, 41, 42)
    }
    assert world.body(view, "d7")["body"] == "the signal 7 is red"
    # d5-d9 have their old text again and the swept d0-d4 had lost theirs; everything else kept its vectors.
    assert (seen[-1].counts.embedded, seen[-1].counts.reused) == (13, 10)


def test_a_server_that_dies_in_the_middle_of_a_bulk_delays_and_loses_nothing(own_world: World, node: OwnNode) -> None:
    world = own_world
    view = world.view()
    fill(world, range(300))
    stop, pages, failures = threading.Event(), threading.Semaphore(0), []

    def follow() -> None:
        try:
            with world.follower(view, page_size=10, patience_s=300) as follower:
                follower.run(stop, interval_s=0.05, progress=lambda _: pages.release())
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=follow)
    thread.start()
    for _ in range(3):
        assert pages.acquire(timeout=30)
    node.stop(kill=True)
    start_again(node)
    fill(world, range(290, 310), "the track {} is clear")
    world.documents.delete_many(f"d{n}" for n in range(10))
    world.catch_up(view)
    stop.set()
    thread.join(60)
    assert not thread.is_alive()
    assert failures == []
    assert world.stored(view) == world.sources()
    assert len(world.sources()) == 310


@retry(retry=retry_if_exception_message(match=".*port .* is taken"), stop=stop_after_delay(20), wait=wait_fixed(0.1))
def start_again(node: OwnNode) -> None:
    """Start after a kill: the system takes a moment to give the port back."""
    node.start()
