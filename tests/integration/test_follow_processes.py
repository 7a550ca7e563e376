"""Worker processes: they share the work, their death is noticed, and they end with their caller."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from support.fake_embedder import FakeEmbedder
from support.following import World, make_world
from turnout.elastic.names import Names
from turnout.errors import EnvironmentProblem, Refused
from turnout.follow import Progress, create_view
from turnout.ingest import SourceDocument


@pytest.fixture
def world(elastic_url: str, names: Names, tmp_path: Path) -> World:
    return make_world(elastic_url, names, tmp_path / "models", shards=4)


def fill(world: World, count: int, start: int = 0) -> None:
    world.documents.upsert_many(
        SourceDocument(source_id=f"d{n}", title="t", text=f"the signal {n} is red", fields={})
        for n in range(start, start + count)
    )


def worker_pids() -> list[int]:
    """Children of this process that are followers."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            text, command = status.read_text(), (status.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if f"PPid:\t{os.getpid()}\n" in text and b"spawn_main" in command and "State:\tZ" not in text:
            found.append(int(status.parent.name))
    return found


def the_worker() -> int:
    """The one child that is a follower, as soon as it is one: a process just forked has its parent's command line."""
    end = time.monotonic() + 30
    while not (found := worker_pids()) and time.monotonic() < end:
        time.sleep(0.02)
    (pid,) = found
    return pid


def test_two_processes_share_a_backfill_and_go_on_living_for_the_next(world: World) -> None:
    view = world.view()
    fill(world, 60)
    seen: list[Progress] = []
    with world.follower(view, processes=2, page_size=10) as follower:
        assert follower.catch_up(seen.append).total == 0
        pids = worker_pids()
        assert len(pids) == 2
        assert seen[-1].counts.live == seen[-1].total == 60
        assert world.stored(view) == world.sources()
        fill(world, 5, start=55)
        assert follower.catch_up().total == 0
        assert worker_pids() == pids
    assert worker_pids() == []
    assert world.stored(view) == world.sources()


def test_a_worker_that_is_killed_is_named_and_replaced(world: World) -> None:
    view = world.view()
    fill(world, 40)
    with world.follower(view, processes=1, page_size=1) as follower:
        pid = the_worker()

        def kill(_: Progress) -> None:
            os.kill(pid, signal.SIGKILL)

        with pytest.raises(EnvironmentProblem, match=rf"'follower 1' \(pid {pid}\) died with exit code -9"):
            follower.catch_up(kill)
        while follower.catch_up().total:
            pass
    assert world.stored(view) == world.sources()


def test_a_worker_without_its_model_is_an_error_and_not_a_silence(world: World, tmp_path: Path) -> None:
    view = world.view()
    with (
        world.follower(view, processes=1, models=tmp_path / "nowhere") as follower,
        pytest.raises(EnvironmentProblem, match="is not in the store"),
    ):
        follower.catch_up()


def test_workers_attest_before_anything_is_followed(world: World, tmp_path: Path) -> None:

    view = create_view(
        world.reader, world.writer, world.names, world.release, FakeEmbedder(salt="other"), now="2026-01-01T00:00:00Z"
    )
    with world.follower(view, processes=1) as follower, pytest.raises(Refused, match="doesn't give the vectors"):
        follower.catch_up()


def test_told_to_stop_the_workers_end_after_their_page(world: World) -> None:
    view = world.view()
    fill(world, 80)
    stop = threading.Event()
    with world.follower(view, processes=2, page_size=1) as follower:
        left = follower.catch_up(lambda progress: stop.set(), stop=stop)
    assert 0 < left.total < 80
    assert worker_pids() == []
    world.catch_up(view)
    assert world.stored(view) == world.sources()


def test_workers_end_when_their_caller_is_killed(world: World, tmp_path: Path) -> None:
    view = world.view()
    fill(world, 20)
    script = tmp_path / "caller.py"
    script.write_text(
        "import pickle, sys, threading\n"
        "from turnout.follow import Follower\n"
        "if __name__ == '__main__':\n"
        "    job = pickle.loads(open(sys.argv[1], 'rb').read())\n"
        "    with Follower(job) as follower:\n"
        "        follower.catch_up()\n"
        "        print('caught up', flush=True)\n"
        "        threading.Event().wait()\n"
    )
    (tmp_path / "job").write_bytes(pickle.dumps(world.job(view, processes=1)))
    caller = subprocess.Popen(
        [sys.executable, script, tmp_path / "job"], stdout=subprocess.PIPE, start_new_session=True
    )
    assert caller.stdout is not None
    assert caller.stdout.readline() == b"caught up\n"
    assert len(processes_of_session(caller.pid)) >= 2
    caller.kill()
    caller.wait()
    until = time.monotonic() + 10
    while processes_of_session(caller.pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert processes_of_session(caller.pid) == []
    assert world.stored(view) == world.sources()


def processes_of_session(session: int) -> list[int]:
    """The living processes of a session."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found
