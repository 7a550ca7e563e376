"""What a real cluster shows to planning, and the `plan` verb from the command line."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import msgspec
import orjson
import pytest
from click.testing import CliRunner, Result
from elasticsearch import Elasticsearch

from support.artifact_files import MAPPING, MODEL, OVERRIDES, TEXTS, checked, locked
from support.fake_embedder import FakeEmbedder
from support.releases import make_release
from turnout.cli.plan import command
from turnout.elastic.documents import DOCUMENTS_MAPPING
from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.state import Checkpoint, Epoch, Freeze, ReleaseRecord
from turnout.elastic.writer import BulkItem, Writer
from turnout.errors import BadInput, Refused, Unavailable
from turnout.follow import create_view
from turnout.observed import live_release, observe
from turnout.release.artifacts import Release

EDITED = TEXTS | {MAPPING: TEXTS[MAPPING].replace('"kind"', '"extra": {"type": "keyword"}, "kind"')}
NOW = "2026-01-01T00:00:00.000+00:00"
BASE = make_release()
HEAD = make_release(mapping={"mappings": {"properties": {"extra": {"type": "keyword"}}}})


@pytest.fixture
def documents(writer: Writer, names: Names) -> None:
    """Forty live documents of 400 and 800 characters and one tombstone."""
    writer.create_index(names.documents, mappings=DOCUMENTS_MAPPING, settings={"number_of_shards": 2})
    items = [
        BulkItem("index", str(place), {"deleted": False, "text": "ä" * (400 if place % 2 else 800)})
        for place in range(40)
    ]
    assert all(done.ok for done in writer.bulk(names.documents, [*items, BulkItem("index", "x", {"deleted": True})]))
    assert writer.bulk(names.documents, [], refresh=True) is not None


def build(reader: Reader, writer: Writer, names: Names, release: Release, *, live: bool, caught_up: bool) -> str:
    """A view with its records, as apply and followers leave them."""
    index = create_view(reader, writer, names, release, FakeEmbedder(), now=NOW).index
    shards, of_view = reader.shards(names.documents), reader.shards(index)
    assert shards is not None
    assert of_view is not None
    writer.ensure_state_index(names)
    record = ReleaseRecord(
        collection=names.collection,
        at=NOW,
        release_id=release.id,
        state="live" if live else "building",
        view=index,
        release=msgspec.to_builtins(release),
    )
    epoch = Epoch(collection=names.collection, at=NOW, documents_uuid=shards.identity, epoch=1)
    writer.put_state(names, record)
    writer.put_state(names, epoch)
    for shard, seq_no in shards.checkpoints.items() if caught_up else ():
        writer.put_state(
            names,
            Checkpoint(
                collection=names.collection,
                at=NOW,
                view=index,
                view_uuid=of_view.identity,
                shard=shard,
                epoch=1,
                seq_no=seq_no,
            ),
        )
    if live:
        writer.update_aliases([{"add": {"index": index, "alias": names.alias}}])
    return index


def test_a_cluster_without_the_collection_is_known_and_empty(reader: Reader, names: Names) -> None:
    seen = observe(reader, names)
    assert (seen.known, seen.documents, seen.sample_tokens, seen.views, seen.live_release_id) == (True, 0, (), (), None)
    assert live_release(reader, names) is None


@pytest.mark.usefixtures("documents")
def test_what_is_there_is_seen(reader: Reader, writer: Writer, names: Names) -> None:
    reader.refresh(names.documents)
    live = build(reader, writer, names, BASE, live=True, caught_up=True)
    building = build(reader, writer, names, HEAD, live=False, caught_up=False)
    writer.put_state(names, Freeze(collection=names.collection, at=NOW, frozen=True, reason="drill", by="test"))

    seen = observe(reader, names)

    assert seen.documents == 40
    assert sorted(seen.sample_tokens) == [100] * 20 + [200] * 20
    views = {item.index: (item.is_live, item.caught_up, item.filled) for item in seen.views}
    assert views == {live: (True, True, True), building: (False, False, False)}
    assert (seen.alias_targets, seen.live_release_id, seen.frozen) == ((live,), BASE.id, True)
    assert live_release(reader, names) == BASE


@pytest.mark.usefixtures("documents")
def test_an_alias_that_no_record_explains_is_not_a_live_release(
    reader: Reader, writer: Writer, names: Names, client: Elasticsearch
) -> None:
    build(reader, writer, names, BASE, live=True, caught_up=True)
    client.indices.create(index=f"{names.prefix}stray", aliases={names.alias: {}})
    assert observe(reader, names).live_release_id is None


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, elastic_url: str, prefix: str) -> Path:
    """A repository with one release committed and an additive change locked in the working tree."""
    save(tmp_path, TEXTS)
    for arguments in (
        ("init", "-q"),
        ("config", "user.name", "T"),
        ("config", "user.email", "t@example.org"),
        ("add", "."),
        ("commit", "-q", "--no-gpg-sign", "-m", "base"),
    ):
        subprocess.run(["git", "-C", str(tmp_path), *arguments], check=True)
    save(tmp_path, EDITED)
    monkeypatch.setenv("TURNOUT_ROOT", str(tmp_path))
    monkeypatch.setenv("TURNOUT_ELASTICSEARCH_URL", elastic_url)
    monkeypatch.setenv("TURNOUT_INDEX_PREFIX", prefix)
    return tmp_path


def save(root: Path, texts: dict[str, str]) -> None:
    """Write artifacts with their lock. Without the example's override, whose day is fixed."""
    for file, text in locked({file: text for file, text in texts.items() if file != OVERRIDES}).items():
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text(text)


def plan(*arguments: str) -> Result:
    return CliRunner().invoke(command, ["toys", *arguments], standalone_mode=False)


def as_json(*arguments: str) -> dict[str, Any]:
    result = plan(*arguments, "--format", "json")
    assert result.exception is None, result.exception
    return dict(orjson.loads(result.output))


def release_of(texts: dict[str, str]) -> Release:
    release = checked(texts).release
    assert release is not None
    return release


@pytest.mark.usefixtures("root")
def test_plan_compares_the_working_tree_with_the_last_commit() -> None:
    shown = as_json()
    assert (shown["base_id"], shown["head_id"]) == (release_of(TEXTS).id, release_of(EDITED).id)
    assert (shown["change"], shown["confirmation"]) == ("in-place", None)


@pytest.mark.usefixtures("root", "documents")
def test_plan_against_the_live_release_is_confirmed(reader: Reader, writer: Writer, names: Names) -> None:
    reader.refresh(names.documents)
    live = build(reader, writer, names, release_of(TEXTS), live=True, caught_up=True)
    shown = as_json("--live", "--confirm")
    assert (shown["change"], shown["confirmation"]) == ("in-place", [])
    assert [stage["stage"] for stage in shown["stages"]] == ["change-mapping", "catch-up", "verify", "flip"]
    assert shown["stages"][0]["view"] == live
    text = plan("--live", "--confirm")
    assert "Elasticsearch agrees" in text.output
    assert text.return_value == 0


@pytest.mark.usefixtures("documents")
def test_a_refusal_is_exit_code_1_until_an_override_allows_it(root: Path, reader: Reader, names: Names) -> None:
    reader.refresh(names.documents)
    paid = TEXTS | {MODEL: TEXTS[MODEL].replace("per_million_tokens: 0.5", "per_million_tokens: 1000000")}
    save(root, paid)
    assert plan("--live").return_value == 1
    day = datetime.now(UTC).date() + timedelta(days=3)
    rules = "".join(
        f"  - {{rule: {rule}, reason: a test, expires: {day}}}\n"
        for rule in ("cost-above-budget", "worst-hour-above-budget")
    )
    (root / OVERRIDES).write_text(f"apiVersion: turnout/v1\nkind: Overrides\noverrides:\n{rules}")
    assert plan("--live").return_value == 0


@pytest.mark.usefixtures("root")
def test_without_a_cluster_a_plan_against_git_says_what_it_assumes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURNOUT_ELASTICSEARCH_URL", "http://127.0.0.1:9")
    assert "no cluster was asked" in as_json()["notes"][0]
    assert "no cluster was asked" in plan("--format", "markdown").output
    assert isinstance(plan("--live").exception, Unavailable)


def test_bad_input_and_a_stale_lock_are_told_apart(root: Path) -> None:
    assert isinstance(plan("--base", "nowhere").exception, BadInput)
    assert isinstance(plan("--base", "--output=x").exception, BadInput)
    assert isinstance(CliRunner().invoke(command, ["../x"], standalone_mode=False).exception, BadInput)
    assert isinstance(plan("--live", "--base", "HEAD").exception, click.UsageError)
    (root / MODEL).write_text(TEXTS[MODEL].replace("max_tokens: 128", "max_tokens: 100"))
    assert isinstance(plan().exception, Refused)
