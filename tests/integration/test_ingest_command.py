"""`turnout ingest` as a user types it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from support.releases import make_release
from turnout.elastic.names import Names
from turnout.release.fingerprint import encode


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "pipelines" / "toys").mkdir(parents=True)
    (tmp_path / "pipelines" / "toys" / "release.json").write_bytes(encode(make_release()))
    return tmp_path


@pytest.fixture
def environment(root: Path, prefix: str, elastic_url: str) -> dict[str, str]:
    ours = {"TURNOUT_ROOT": str(root), "TURNOUT_INDEX_PREFIX": prefix, "TURNOUT_ELASTICSEARCH_URL": elastic_url}
    return {**os.environ, **ours}


def turnout(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from turnout.cli.main import main; main()", "ingest", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_the_release_names_the_source_and_dead_letters_are_findings(root: Path, environment: dict[str, str]) -> None:
    source = root / "documents.jsonl"
    source.write_text('{"id": "a", "text": "one"}\n')
    clean = turnout(environment, "toys")
    assert clean.returncode == 0, clean.stderr
    assert "jsonl:documents.jsonl" in clean.stdout
    source.write_text('{"id": "a", "text": "one"}\nnot json\n')
    found = turnout(environment, "toys", "--format", "json")
    assert found.returncode == 1, found.stderr
    report = json.loads(found.stdout)
    assert (report["unchanged"], report["failed"], report["state"]) == (1, 1, "done")


def test_wrong_usage_is_told_apart_from_a_missing_source(environment: dict[str, str]) -> None:
    missing = turnout(environment, "toys")
    assert (missing.returncode, "can't be read" in missing.stderr) == (3, True)
    option = turnout(environment, "toys", "--option", "glob=*")
    assert (option.returncode, "no option 'glob'" in option.stderr) == (2, True)
    collection = turnout(environment, "other")
    assert (collection.returncode, "no collection 'other'" in collection.stderr) == (2, True)


def test_an_interrupt_leaves_its_entry_in_the_log(
    root: Path, environment: dict[str, str], client: Elasticsearch, names: Names
) -> None:
    os.mkfifo(root / "documents.jsonl")  # a source that never ends
    command = [sys.executable, "-c", "from turnout.cli.main import main; main()", "ingest", "toys"]
    process = subprocess.Popen(command, env=environment)
    with (root / "documents.jsonl").open("wb") as pipe:  # opens as soon as the run reads
        pipe.write(b'{"id": "a", "text": "one"}\n')
        pipe.flush()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    (hit,) = client.search(index=names.ingest_log)["hits"]["hits"]
    assert hit["_source"]["state"] == "interrupted"
