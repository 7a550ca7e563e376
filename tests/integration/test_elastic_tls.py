"""Elasticsearch behind TLS with a private authority: readers, writers, followers and the service verify it, always."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.following import World, make_world
from support.running_service import running
from support.tls import Authority, tls_before
from turnout.elastic.async_reader import AsyncReader
from turnout.elastic.client import connect, connect_async
from turnout.elastic.names import Names
from turnout.elastic.node.server import check_given, health
from turnout.elastic.reader import Reader
from turnout.embedding.store import load
from turnout.errors import Unavailable
from turnout.ingest import SourceDocument
from turnout.release.fingerprint import encode


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def world(elastic_url: str, names: Names, tmp_path: Path) -> World:
    return make_world(elastic_url, names, tmp_path / "models")


def fill(world: World, count: int = 5) -> None:
    world.documents.upsert_many(
        SourceDocument(source_id=f"d{n}", title="t", text=f"the signal {n} is red", fields={}) for n in range(count)
    )


def ask_async(url: str, ca: Path | None, names: Names) -> None:
    async def ask() -> None:
        reader = AsyncReader(connect_async(url, ca=ca, timeout_s=5.0))
        try:
            await reader.views(names)
        finally:
            await reader.close()

    asyncio.run(ask())


def ask_sync(url: str, ca: Path | None, names: Names) -> None:
    with connect(url, ca=ca) as client:
        Reader(client.options(max_retries=0)).views(names)


ASK = {"sync": ask_sync, "async": ask_async}


def test_with_its_authority_both_clients_and_the_checks_of_a_given_server_reach_it(
    elastic_url: str, authority: Authority, names: Names
) -> None:
    with tls_before(elastic_url, authority.context()) as url:
        ask_sync(url, authority.file, names)
        ask_async(url, authority.file, names)
        assert check_given(url, ca=authority.file).how == "given"
        assert health(url, ca=authority.file)["health"]


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize(
    ("names_of_server", "expired", "own", "said"),
    [
        ((), False, False, "no trusted authority signed its certificate"),
        ((), True, True, "has expired"),
        (("elsewhere.example", "10.1.2.3"), False, True, "its certificate is for another name"),
    ],
    ids=["wrong-authority", "expired", "other-name"],
)
def test_a_server_that_cannot_prove_who_it_is_gets_no_request(
    elastic_url: str,
    authority: Authority,
    names: Names,
    tmp_path: Path,
    kind: str,
    names_of_server: tuple[str, ...],
    expired: bool,
    own: bool,
    said: str,
) -> None:
    signer = authority if own else Authority(tmp_path, "other")
    context = signer.context(*names_of_server, expired=expired)
    with tls_before(elastic_url, context) as url, pytest.raises(Unavailable, match=said) as raised:
        ASK[kind](url, authority.file, names)
    assert raised.value.remedy


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_given_authority_is_the_only_one(
    elastic_url: str, authority: Authority, names: Names, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    public = Authority(tmp_path, "public")
    for place in ("certifi.where", "elastic_transport._node._http_urllib3.DEFAULT_CA_CERTS"):
        monkeypatch.setattr(place, (lambda: str(public.file)) if place == "certifi.where" else str(public.file))
    monkeypatch.setenv("SSL_CERT_FILE", str(public.file))
    with tls_before(elastic_url, public.context()) as url:
        ask_async(url, None, names)
        with pytest.raises(Unavailable, match="no trusted authority"):
            ASK[kind](url, authority.file, names)


def test_plain_http_to_a_tls_port_and_tls_to_a_plain_port_are_told_apart(
    elastic_url: str, authority: Authority
) -> None:
    with tls_before(elastic_url, authority.context()) as url:
        plain = url.replace("https://", "http://")
        with connect(plain) as client, pytest.raises(Unavailable, match="write https:// in TURNOUT_ELASTICSEARCH_URL"):
            Reader(client.options(max_retries=0)).server_version()
    over = elastic_url.replace("http://", "https://")
    with connect(over, ca=authority.file) as client, pytest.raises(Unavailable, match="answers without TLS"):
        Reader(client.options(max_retries=0)).server_version()


@pytest.mark.parametrize("processes", [0, 1])
def test_a_follower_and_its_worker_processes_fill_a_view_over_tls(
    world: World, authority: Authority, processes: int
) -> None:
    view = world.view()
    fill(world)
    with tls_before(world.url, authority.context()) as url:
        world.catch_up(view, url=url, ca=authority.file, processes=processes)
    assert world.stored(view) == world.sources()


def test_the_command_follows_over_tls_and_changes_nothing_with_another_authority(
    world: World, authority: Authority, tmp_path: Path
) -> None:
    view = world.view()
    fill(world)
    release = tmp_path / "release.json"
    release.write_bytes(encode(world.release))
    other = Authority(tmp_path, "other")
    with tls_before(world.url, authority.context()) as url:

        def follow(ca: Path) -> subprocess.CompletedProcess[str]:
            env = os.environ | {
                "TURNOUT_ROOT": str(tmp_path),
                "TURNOUT_ELASTICSEARCH_URL": url,
                "TURNOUT_ELASTICSEARCH_CA": str(ca),
                "TURNOUT_INDEX_PREFIX": world.names.prefix,
                "TURNOUT_MODELS": str(world.models),
            }
            command = [sys.executable, "-m", "turnout", "follow", "--release", str(release), "--view", view.index]
            command += ["--once", "--processes", "0", "--format", "json"]
            return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)

        refused = follow(other.file)
        assert (refused.returncode, "no trusted authority" in refused.stderr) == (3, True), refused.stderr
        assert world.stored(view) == {}
        done = follow(authority.file)
    assert json.loads(done.stdout)["live"] == 5, done.stderr
    assert world.stored(view) == world.sources()


def test_the_service_answers_over_tls(world: World, authority: Authority) -> None:
    view = world.view()
    fill(world)
    world.catch_up(view)
    world.reader.refresh(view.index)
    with (
        tls_before(world.url, authority.context()) as url,
        running(
            world.release, world.names, url, lambda: load(world.release.model, world.models), ca=authority.file
        ) as service,
    ):
        service.wait_ready()
        found = service.search("signal 3").json()
    assert len(found["hits"]) == 5
