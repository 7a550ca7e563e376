"""The load that a change's cost is reckoned with, where no cluster is asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.releases import make_release
from turnout.cli import load
from turnout.cli.load import Source, workload
from turnout.cli.settings import Settings
from turnout.errors import EnvironmentProblem
from turnout.ingest import SourceDocument
from turnout.release.artifacts import Release

EXPECTED = {"documents": 9, "changes_per_day": 1, "queries_per_hour": 1}


def written(root: Path, *texts: str) -> None:
    lines = [json.dumps({"id": str(number), "title": "x", "text": text}) for number, text in enumerate(texts)]
    (root / "documents.jsonl").write_text("\n".join(lines) + "\n")


def release(price: float = 0.0, **pipeline: Any) -> Release:
    return make_release(model={"price": {"per_million_tokens": price}}, pipeline=pipeline)


def found(root: Path, head: Release, *, embeds: bool = True) -> load.Workload:
    settings = Settings(root=root, url="http://127.0.0.1:9", prefix="", models=root, build=root)
    return workload(settings, head, Source(root, head), embeds=embeds, given=False)


def test_a_source_that_is_read_to_its_end_gives_number_and_lengths(tmp_path: Path) -> None:
    written(tmp_path, "four", "and nine.")
    load = found(tmp_path, release())
    assert (load.documents, load.sample_tokens, load.changes_per_day) == (2, (1, 3), None)


def test_the_declared_number_counts_and_lengths_come_from_the_source(tmp_path: Path) -> None:
    written(tmp_path, "four", "and nine.")
    load = found(tmp_path, release(expected=EXPECTED))
    assert (load.documents, load.sample_tokens, load.changes_per_day) == (9, (1, 3), 1.0)


def test_of_a_large_source_the_first_documents_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "MOST_LENGTHS", 2)
    written(tmp_path, "a", "b", "c")
    large = found(tmp_path, release())
    assert (large.documents, large.sample_tokens) == (None, (1, 1))
    written(tmp_path, "a", "b")
    assert found(tmp_path, release()).documents == 2


@pytest.mark.parametrize(("price", "embeds", "read"), [(0.0, False, False), (0.0, True, True), (1.0, False, True)])
def test_the_source_is_read_only_for_what_costs_time_or_money(
    price: float, embeds: bool, read: bool, tmp_path: Path
) -> None:
    written(tmp_path, "a")
    assert bool(found(tmp_path, release(price), embeds=embeds).sample_tokens) == read


def test_a_source_that_cannot_be_read_is_an_unknown_load(tmp_path: Path) -> None:
    assert found(tmp_path, release()).sample_tokens == ()


def test_a_small_source_is_read_once_and_a_large_one_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for kept in (100, 3):
        monkeypatch.setattr(load, "_KEPT_CHARS", kept)
        written(tmp_path, "four", "and nine.")
        source = Source(tmp_path, release())
        assert len([each for each in source() if isinstance(each, SourceDocument)]) == 2
        (tmp_path / "documents.jsonl").unlink()
        if kept == 100:
            assert len(list(source())) == 2
        else:
            with pytest.raises(EnvironmentProblem):
                list(source())


def test_what_was_not_read_to_its_end_is_not_kept(tmp_path: Path) -> None:
    written(tmp_path, "a", "b")
    source = Source(tmp_path, release())
    next(source())
    assert len(list(source())) == 2


def test_a_password_in_the_url_of_a_service_is_in_no_message() -> None:
    with pytest.raises(EnvironmentProblem) as raised:
        load.serving(["http://u:S3cret@127.0.0.1:9/metrics"])
    assert raised.value.where == "http://127.0.0.1:9/metrics"
    assert "S3cret" not in str(raised.value)
