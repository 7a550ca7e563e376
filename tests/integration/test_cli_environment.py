"""A command from a laptop against a server that belongs to an environment, as a person types it."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from support.artifact_files import MODEL, OVERRIDES, TEXTS, locked
from support.toy_model import make_toy_model
from turnout.cli.main import main
from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.state import Environment
from turnout.elastic.writer import Writer
from turnout.ingest import Documents, SourceDocument

Turnout = Callable[..., tuple[int, str]]
AT = "2026-01-01T00:00:00.000000+00:00"
CHANGES = [
    ("apply", "toys"),
    ("ingest", "toys"),
    ("follow", "toys", "--once"),
    ("revert", "toys"),
    ("retire", "toys", "--drain", "0"),
    ("freeze", "toys", "--reason", "an incident"),
    ("freeze", "toys", "--off"),
    ("plan", "toys", "--live", "--confirm"),
    ("adopt", "legacy", "--collection", "toys", "--record"),
]


@pytest.fixture
def turnout(
    tmp_path: Path, prefix: str, elastic_url: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Turnout:
    model = make_toy_model(tmp_path / "models")
    texts = {file: text for file, text in TEXTS.items() if file != OVERRIDES}
    texts[MODEL] = re.sub("sha256:0+", model.digests.weights, texts[MODEL])
    texts[MODEL] = re.sub("sha256:1+", model.digests.tokenizer, texts[MODEL])
    for file, text in locked(texts).items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text)
    monkeypatch.setenv("TURNOUT_ROOT", str(tmp_path))
    monkeypatch.setenv("TURNOUT_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("TURNOUT_INDEX_PREFIX", prefix)
    monkeypatch.setenv("TURNOUT_ELASTICSEARCH_URL", elastic_url)
    monkeypatch.delenv("TURNOUT_ENVIRONMENT", raising=False)

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["turnout", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        assert isinstance(ended.value.code, int)
        shown = capfd.readouterr()
        return ended.value.code, shown.out + shown.err

    return run


@pytest.fixture
def production(client: Elasticsearch, reader: Reader, writer: Writer, names: Names) -> None:
    documents = Documents(reader, writer, names)
    documents.ensure()
    documents.upsert_many(SourceDocument(source_id=f"d{n}", title="a", text=f"the train {n}") for n in range(3))
    writer.put_state(names, Environment(collection="", at=AT, name="production"))
    client.indices.refresh(index=f"{names.prefix}*")


def everything(client: Elasticsearch, prefix: str) -> dict[str, Any]:
    """Every index with its mapping, aliases and the version of each document."""
    client.indices.refresh(index=f"{prefix}*")
    found = client.search(index=f"{prefix}*", size=1000, version=True, seq_no_primary_term=True, source=False)
    seen = {(hit["_index"], hit["_id"]): (hit["_seq_no"], hit["_version"]) for hit in found["hits"]["hits"]}
    return {"indexes": dict(client.indices.get(index=f"{prefix}*", expand_wildcards="all")), "documents": seen}


@pytest.mark.usefixtures("production")
def test_no_verb_changes_an_environment_that_nobody_named(
    turnout: Turnout, client: Elasticsearch, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = everything(client, prefix)
    for arguments in CHANGES:
        code, said = turnout(*arguments)
        assert (code, "belongs to the environment 'production'" in said) == (2, True), (arguments, said)
        code, said = turnout(*arguments, "--environment", "staging")
        assert (code, "not to 'staging'" in said) == (2, True), (arguments, said)
    monkeypatch.setenv("TURNOUT_ENVIRONMENT", "staging")
    assert turnout("freeze", "toys", "--reason", "an incident")[0] == 2
    assert everything(client, prefix) == before


@pytest.mark.usefixtures("production")
def test_the_named_environment_is_changed_and_reading_asks_nothing(
    turnout: Turnout, reader: Reader, names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, said = turnout("status", "toys")
    assert (code, "environment production" in said) == (0, True), said
    assert turnout("retire", "toys", "--dry-run")[0] == 0
    code, said = turnout("freeze", "toys", "--reason", "an incident", "--environment", "production")
    assert code == 0, said
    assert reader.state(names, f"freeze:{names.collection}") is not None
    monkeypatch.setenv("TURNOUT_ENVIRONMENT", "production")
    assert turnout("freeze", "toys", "--off")[0] == 0
