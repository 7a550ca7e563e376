"""Followers under attack: concurrent writers, kill -9, sleeping zombies, restored documents. Parity is the judge."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from support.following import World, create_documents, make_world
from turnout.elastic.client import connect
from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.views import View
from turnout.elastic.writer import Writer
from turnout.errors import Refused
from turnout.follow import Follower
from turnout.ingest import Documents, SourceDocument

FORK = multiprocessing.get_context("fork")
WORDS = ["the", "signal", "is", "red", "points", "set", "branch", "line", "clear", "train", "stop", "wait", "track"]


@pytest.fixture
def world(elastic_url: str, names: Names, tmp_path: Path) -> World:
    return make_world(elastic_url, names, tmp_path / "models")


def write_at_random(world: World, seed: int, go_on: Callable[[], bool], *, ids: int = 60) -> None:
    """Upsert and delete until told to stop, through a client of its own."""
    rng = random.Random(seed)
    with connect(world.url) as client:
        documents = Documents(Reader(client), Writer(client), world.names)
        while go_on():
            chosen = [f"d{rng.randrange(ids)}" for _ in range(rng.randrange(1, 8))]
            if rng.random() < 0.3:
                documents.delete_many(chosen)
            else:
                texts = [" ".join(rng.choices(WORDS, k=rng.randrange(3, 60))) for _ in chosen]
                documents.upsert_many(
                    SourceDocument(source_id=key, title="t", text=text, fields={"kind": rng.choice("ab")})
                    for key, text in zip(chosen, texts, strict=True)
                )


def follow_in_a_process(world: World, view: View, **changes: object) -> multiprocessing.process.BaseProcess:
    """A follower process that can be killed; forked, so that it starts at once."""

    def target() -> None:
        with Follower(world.job(view, **changes), embedder=world.embedder) as follower:
            follower.run(threading.Event(), interval_s=0.01)

    process = FORK.Process(target=target, daemon=True)
    process.start()
    return process


def test_nothing_is_missed_and_nothing_is_stale_under_concurrent_writers(world: World) -> None:
    view = world.view()
    done = threading.Event()
    writers = [
        threading.Thread(target=write_at_random, args=(world, seed, lambda: not done.is_set())) for seed in range(3)
    ]
    for writer in writers:
        writer.start()
    rounds, until = 0, time.monotonic() + 3
    with world.follower(view, page_size=20) as follower:
        while time.monotonic() < until or rounds < 5:
            follower.catch_up()
            rounds += 1
        done.set()
        for writer in writers:
            writer.join()
        assert follower.catch_up().total == 0
    assert world.stored(view) == world.sources()
    assert len(world.sources()) == 60


def test_twenty_kills_at_random_instants_lose_nothing(world: World) -> None:
    view = world.view()
    rng = random.Random(20260101)
    write_at_random(world, 1, counted(40), ids=400)
    for kill in range(20):
        process = follow_in_a_process(world, view, page_size=25)
        write_at_random(world, kill + 2, counted(2), ids=400)
        time.sleep(rng.uniform(0.0, 0.25))
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        assert process.exitcode == -signal.SIGKILL
    world.catch_up(view)
    assert world.stored(view) == world.sources()


def counted(times: int) -> Callable[[], bool]:
    """True so many times."""
    left = iter(range(times))
    return lambda: next(left, None) is not None


def test_a_zombie_that_wakes_after_its_document_was_deleted_brings_nothing_back(world: World) -> None:
    view = world.view()
    world.writer.put_settings(view.index, {"index.gc_deletes": "1ms"})
    world.documents.upsert_many(
        SourceDocument(source_id=f"d{n}", title="t", text="the signal is red", fields={}) for n in range(20)
    )
    asleep = FORK.Event()

    class Sleeper:
        """The real model; it says when the zombie holds a page that isn't written yet."""

        dims, max_tokens = world.embedder.dims, world.embedder.max_tokens
        token_spans = staticmethod(world.embedder.token_spans)
        close = staticmethod(world.embedder.close)

        @staticmethod
        def embed(texts, *, kind):
            if kind == "passage" and any("signal is red" in text for text in texts):
                asleep.set()
                os.kill(os.getpid(), signal.SIGSTOP)
            return world.embedder.embed(texts, kind=kind)

    def target() -> None:
        with Follower(world.job(view), embedder=Sleeper()) as follower:
            follower.catch_up()

    zombie = FORK.Process(target=target, daemon=True)
    zombie.start()
    try:
        assert asleep.wait(20)
        world.documents.delete_many(f"d{n}" for n in range(20))
        world.catch_up(view)
        assert world.stored(view) == world.sources()
        wake_until_it_ends(zombie)
    finally:
        zombie.kill()
    assert zombie.exitcode == 0
    assert world.stored(view) == world.sources()
    assert {state for _, state in world.stored(view).values()} == {"deleted"}


def wake_until_it_ends(zombie: multiprocessing.process.BaseProcess) -> None:
    """It falls asleep again at each shard's page."""
    until = time.monotonic() + 30
    while zombie.is_alive() and time.monotonic() < until:
        assert zombie.pid is not None
        os.kill(zombie.pid, signal.SIGCONT)
        zombie.join(0.2)


def test_a_recreated_documents_index_raises_the_epoch_and_what_it_lacks_leaves_the_view(world: World) -> None:
    view = world.view()
    for key in ("stays", "goes", "gone-before"):
        world.documents.upsert(key, title="t", text="the signal is red")
    world.documents.delete("gone-before")
    world.catch_up(view)
    before = world.stored(view)
    with world.follower(view) as follower:
        world.writer.delete_index(world.names.documents)
        create_documents(world)
        world.documents.upsert("stays", title="t", text="the signal is red")
        world.documents.upsert("new", title="t", text="the track is clear")
        assert follower.catch_up().total == 0
    after = world.stored(view)
    assert world.sources().items() <= after.items()
    assert {id_.removeprefix("default:"): state for id_, (_, state) in after.items()} == {
        "stays": "live",
        "new": "live",
        "goes": "deleted",
        "gone-before": "deleted",
    }
    assert min(version for version, _ in after.values()) > max(version for version, _ in before.values())


def test_an_index_that_turnout_did_not_make_is_not_followed_in_place_of_the_documents(world: World) -> None:
    view = world.view()
    world.documents.upsert("a", title="t", text="the signal is red")
    world.catch_up(view)
    before = world.stored(view)
    world.writer.delete_index(world.names.documents)
    world.writer.create_index(world.names.documents, mappings={}, settings={})
    with pytest.raises(Refused, match="replaced by one that turnout didn't make"):
        world.catch_up(view)
    assert world.stored(view) == before


def test_without_its_records_a_follower_takes_an_epoch_above_what_the_views_hold(world: World) -> None:
    view = world.view()
    world.documents.upsert("a", title="t", text="the signal is red")
    world.catch_up(view)
    world.writer.delete_index(world.names.state)
    world.documents.upsert("a", title="t", text="the track is clear")
    world.catch_up(view)
    assert world.stored(view) == world.sources()
    assert world.body(view, "a")["passages"][0]["text"] == "the track is clear"


def test_upserts_deletes_and_catch_ups_in_any_order_end_in_parity(world: World) -> None:
    class Machine(RuleBasedStateMachine):
        """The view against a dictionary; each run has a view and ids of its own."""

        runs = 0

        @initialize()
        def start(self) -> None:
            Machine.runs += 1
            self.run, self.model, self.view = Machine.runs, {}, world.view()

        keys = st.integers(0, 5)

        @rule(key=keys, text=st.sampled_from(WORDS), kind=st.sampled_from("ab"))
        def upsert(self, key: int, text: str, kind: str) -> None:
            world.documents.upsert(f"{self.run}-{key}", title="t", text=text, fields={"kind": kind})
            self.model[f"{self.run}-{key}"] = (text, kind)

        @rule(key=keys)
        def delete(self, key: int) -> None:
            world.documents.delete(f"{self.run}-{key}")
            self.model.pop(f"{self.run}-{key}", None)

        @rule(page_size=st.sampled_from([1, 3, 500]))
        def catch_up(self, page_size: int) -> None:
            world.catch_up(self.view, page_size=page_size)
            assert world.stored(self.view) == world.sources()
            found = world.reader.scan(self.view.index, sort="turnout.id", query={"term": {"turnout.state": "live"}})
            shown = {hit.source["turnout"]["id"].removeprefix("default:"): hit.source for hit in found}
            own = {key: (body["body"], body["kind"]) for key, body in shown.items() if key in self.model}
            assert own == self.model
            assert {key for key in shown if key.startswith(f"{self.run}-")} == set(self.model)

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=6,
            stateful_step_count=12,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
