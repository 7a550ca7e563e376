"""Money and work of a backfill and of a follower, as Prometheus reads them, with a hosted model that bills."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import embedding_endpoint as orders
from support.embedding_endpoint import EmbeddingEndpoint, embedding_endpoint, hosted_release
from support.following import World, create_documents
from support.releases import make_release
from turnout.cli.applying import Inputs
from turnout.cli.settings import Settings
from turnout.cli.view_metrics import ViewMetrics
from turnout.cli.walking import Applying
from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.writer import Writer
from turnout.embedding.hosted import backfilling
from turnout.embedding.store import load
from turnout.errors import Unavailable
from turnout.follow import lag
from turnout.ingest import SourceDocument
from turnout.release.artifacts import Policy
from turnout.release.fingerprint import encode
from turnout.release.overridable import OVERRIDABLE

HOST = "127.0.0.1"
PRICED = {"price": {"per_million_tokens": 200_000.0, "currency": "USD"}}  # a token costs 0.2
RICH = {"budget": {"per_month": 1e6, "per_backfill": 1e5, "currency": "USD"}}


@pytest.fixture
def endpoint() -> Iterator[EmbeddingEndpoint]:
    with embedding_endpoint() as endpoint:
        yield endpoint


@pytest.fixture
def world(
    elastic_url: str, names: Names, tmp_path: Path, endpoint: EmbeddingEndpoint, reader: Reader, writer: Writer
) -> World:
    """Eight documents for a hosted model; what was billed to get there is forgotten."""
    release = hosted_release(endpoint, model=PRICED, pipeline=RICH)
    (tmp_path / "release.json").write_bytes(encode(release))
    embedder = load(release.model, tmp_path, hosting=backfilling(release, None))
    world = World(elastic_url, names, release, tmp_path, embedder, reader, writer)
    create_documents(world)
    add(world, 0, 8)
    endpoint.asked.clear()
    return world


def add(world: World, first: int, last: int) -> None:
    world.documents.upsert_many(
        SourceDocument(source_id=f"d{n}", title="t", text=f"signal {n}", fields={}) for n in range(first, last)
    )


def free_port() -> int:
    with socket.create_server((HOST, 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def shown(port: int) -> str:
    text: str = urllib.request.urlopen(f"http://{HOST}:{port}/metrics", timeout=5).read().decode()
    return text


def total(text: str, name: str, **labels: str) -> float:
    """The one series of a name; it must carry these labels."""
    (line,) = re.findall(rf"^{name}\{{.*$", text, re.MULTILINE)
    assert all(f'{key}="{value}"' in line for key, value in labels.items()), line
    return float(line.rsplit(" ", 1)[1])


def billed(endpoint: EmbeddingEndpoint) -> int:
    """Tokens that the endpoint charged: five for each text."""
    return 5 * sum(len(asked.texts) for asked in endpoint.asked)


def test_a_backfill_by_shard_tells_what_it_did_and_each_bill_once(world: World, endpoint: EmbeddingEndpoint) -> None:
    settings = Settings(
        root=world.models, url=world.url, prefix=world.names.prefix, models=world.models, build=world.models
    )
    inputs, port = Inputs(world.release, None, Policy(), OVERRIDABLE, alone=True), free_port()
    with ViewMetrics(world.release, host=HOST, port=port) as metrics:
        applying = Applying(settings, inputs, until="filled", processes=0, events=None, metrics=metrics)
        applying.run(0, lambda: None)
        (view,) = world.reader.views(world.names)
        text = shown(port)
        of = {"collection": "toys", "release": world.release.id, "view": view.index}
        assert total(text, "embedding_tokens_total", **of) == billed(endpoint) > 8 * 5
        assert total(text, "embedding_cost_total", currency="USD", **of) == pytest.approx(0.2 * billed(endpoint))
        assert 'outcome="live"' in text
        live = [line for line in text.splitlines() if line.startswith("pipeline_records") and 'outcome="live"' in line]
        assert [float(line.rsplit(" ", 1)[1]) for line in live] == [8.0]
        applying.run(0, lambda: None)  # as a Job that is tried again: nothing is embedded, nothing counted
        assert total(shown(port), "embedding_tokens_total", **of) == billed(endpoint)


def test_a_follower_tells_each_bill_once_though_the_provider_fails(
    world: World, endpoint: EmbeddingEndpoint, tmp_path: Path
) -> None:
    view, port = world.view(), free_port()
    endpoint.asked.clear()
    process = run("follow", "--view", view.index, "--interval", "0.05", world=world, port=port)
    try:
        caught_up(world, view.index)
        before = len(endpoint.asked)
        endpoint.order(orders.status(429), orders.status(503))
        add(world, 8, 12)
        caught_up(world, view.index)
        turned_away = endpoint.asked[before : before + 2]
        paid = billed(endpoint) - sum(5 * len(asked.texts) for asked in turned_away)
        text = shown(port)
        assert total(text, "embedding_tokens_total", view=view.index, release=world.release.id) == paid
        assert total(text, "embedding_cost_total", currency="USD") == pytest.approx(0.2 * paid)
        assert 'period="month"' in text
    finally:
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err


def test_a_shard_that_waits_serves_metrics_already(world: World) -> None:
    port = free_port()
    release = world.models / "local.json"
    release.write_bytes(encode(make_release()))
    process = run("apply", "--until", "filled", "--shard", "1", world=world, port=port, release=release)
    assert process.stdout is not None
    assert any("waiting for the view, which shard 0 makes" in line for line in process.stdout)
    assert "pipeline_records_processed_total" in shown(port)
    process.terminate()
    assert process.wait(30) == 130


def test_the_controllers_pods_say_the_port_by_a_variable(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setenv("TURNOUT_METRICS_HOST", "127.0.0.1")
    monkeypatch.setenv("TURNOUT_METRICS_PORT", str(port))
    release = world.models / "local.json"
    release.write_bytes(encode(make_release()))
    process = run("apply", "--until", "filled", "--shard", "1", world=world, port=None, release=release)
    assert process.stdout is not None
    assert any("waiting for the view, which shard 0 makes" in line for line in process.stdout)
    assert "pipeline_records_processed_total" in shown(port)
    process.terminate()
    assert process.wait(30) == 130


def run(
    verb: str, *arguments: str, world: World, port: int | None, release: Path | None = None
) -> subprocess.Popen[str]:
    env = os.environ | {
        "TURNOUT_ELASTICSEARCH_URL": world.url,
        "TURNOUT_INDEX_PREFIX": world.names.prefix,
        "TURNOUT_MODELS": str(world.models),
    }
    of = ("--release", str(release or world.models / "release.json"), "--processes", "0")
    told = () if port is None else ("--metrics-port", str(port))
    command = [sys.executable, "-m", "turnout", verb, *of, *told, *arguments]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def caught_up(world: World, view: str) -> None:
    until = time.monotonic() + 60
    while behind(world, view):
        assert time.monotonic() < until, "the follower doesn't catch up"
        time.sleep(0.05)
    time.sleep(0.3)


def behind(world: World, view: str) -> int:
    try:
        return lag(world.reader, world.names, view).total
    except Unavailable:  # an index that was just made is still starting
        return 1
