"""`turnout follow` as a program: it catches up, tells what it did, serves metrics, and ends cleanly at SIGTERM."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from support.following import World, make_world
from support.switchable_proxy import proxy_to
from turnout.elastic.names import Names
from turnout.errors import Unavailable
from turnout.follow import lag
from turnout.ingest import SourceDocument
from turnout.release.fingerprint import encode


@pytest.fixture
def world(elastic_url: str, names: Names, tmp_path: Path) -> World:
    world = make_world(elastic_url, names, tmp_path / "models")
    folder = tmp_path / "pipelines" / "toys"
    folder.mkdir(parents=True)
    (folder / "release.json").write_bytes(encode(world.release))
    return world


def start(world: World, root: Path, *arguments: str, url: str = "") -> subprocess.Popen[str]:
    env = os.environ | {
        "TURNOUT_ROOT": str(root),
        "TURNOUT_ELASTICSEARCH_URL": url or world.url,
        "TURNOUT_INDEX_PREFIX": world.names.prefix,
        "TURNOUT_MODELS": str(world.models),
    }
    of = () if "--release" in arguments else ("toys",)
    command = [sys.executable, "-m", "turnout", "follow", *of, *arguments]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def fill(world: World, count: int) -> None:
    world.documents.upsert_many(
        SourceDocument(source_id=f"d{n}", title="t", text=f"the signal {n} is red", fields={}) for n in range(count)
    )


def test_once_catches_up_and_tells_what_it_did(world: World, tmp_path: Path) -> None:
    view = world.view()
    fill(world, 12)
    out, err = start(world, tmp_path, "--once", "--processes", "0", "--format", "json").communicate(timeout=60)
    told = json.loads(out)
    assert (told["view"], told["release"], told["lag"], told["live"]) == (view.index, world.release.id, 0, 12), err
    assert world.stored(view) == world.sources()


def test_without_a_view_it_is_refused_with_what_to_do_next(world: World, tmp_path: Path) -> None:
    process = start(world, tmp_path, "--once")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "no view serves release" in err
    assert "turnout apply toys" in err


def test_it_follows_on_serves_metrics_and_ends_at_sigterm(world: World, tmp_path: Path) -> None:
    view = world.view()
    fill(world, 5)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    arguments = ("--view", view.index, "--processes", "1", "--interval", "0.05", "--metrics-port", str(port))
    process = start(world, tmp_path, *arguments)
    wait_for(world, view.index)
    fill(world, 8)
    wait_for(world, view.index)
    metrics = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert "8 documents" in out
    labels = f'collection="toys",outcome="live",release="{world.release.id}",view="{view.index}"'
    assert f"pipeline_records_processed_total{{{labels}}} 8.0" in metrics
    assert "follow_lag_operations" in metrics
    assert world.stored(view) == world.sources()


def test_for_a_release_it_waits_for_elasticsearch_and_ends_when_its_view_is_gone(world: World, tmp_path: Path) -> None:
    view = world.view()
    fill(world, 3)
    file = tmp_path / "mounted.json"
    file.write_bytes(encode(world.release))
    nowhere = tmp_path / "no-artifacts"
    arguments = ("--release", str(file), "--view", view.index, "--processes", "0", "--interval", "0.05")
    with proxy_to(world.url) as proxy:
        process = start(world, nowhere, *arguments, url=proxy.url)
        assert process.stderr is not None
        assert "waiting for Elasticsearch" in process.stderr.readline()
        proxy.up()
        wait_for(world, view.index)
        proxy.down()
        time.sleep(0.5)
        assert process.poll() is None
        world.writer.delete_index(view.index)
        proxy.up()
        _, err = process.communicate(timeout=60)
    assert (process.returncode, f"{view.index}: the view doesn't exist any more" in err) == (1, True), err


def test_without_a_view_it_follows_the_newest_that_serves_the_release(world: World, tmp_path: Path) -> None:
    world.view()
    newest = world.view()
    fill(world, 2)
    file = tmp_path / "pipelines" / "toys" / "release.json"
    arguments = ("--release", str(file), "--once", "--processes", "0", "--format", "json")
    out, err = start(world, tmp_path / "no-artifacts", *arguments).communicate(timeout=60)
    assert json.loads(out)["view"] == newest.index, err


def wait_for(world: World, view: str) -> None:
    until = time.monotonic() + 30
    while behind(world, view):
        assert time.monotonic() < until, "the follower doesn't catch up"
        time.sleep(0.05)
    time.sleep(0.3)


def behind(world: World, view: str) -> bool:
    try:
        return lag(world.reader, world.names, view).total > 0
    except Unavailable:  # the follower is making the index of its checkpoints right now
        return True
