"""`turnout lock --sample`: the list of documents is drawn from the source, and becomes part of the release."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from support.artifact_files import LOCK, OVERRIDES, TEXTS
from turnout.cli.lock import command
from turnout.release.fingerprint import decode

SAMPLE = "pipelines/toys/evaluation/sample.tsv"
Verb = Callable[..., Result]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A root with a valid collection whose source holds d1 to d9."""
    for file, text in TEXTS.items():
        if file != OVERRIDES:
            path = tmp_path / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    lines = [json.dumps({"id": f"d{n}", "title": "t", "text": f"text {n}"}) for n in range(1, 10)]
    (tmp_path / "documents.jsonl").write_text("\n".join(lines))
    monkeypatch.setenv("TURNOUT_ROOT", str(tmp_path))
    return tmp_path


@pytest.fixture
def lock(root: Path) -> Verb:
    return lambda *args: CliRunner().invoke(command, args, standalone_mode=False)


def listed(root: Path) -> list[str]:
    return [line.split("\t")[0] for line in (root / SAMPLE).read_text().splitlines()[1:]]


def test_the_judged_documents_and_a_rest_are_listed_and_locked(lock: Verb, root: Path) -> None:
    result = lock("toys", "--sample", "5")
    assert result.return_value == 0, result.output
    assert {"d1", "d2", "d3"} < set(listed(root))
    assert len(listed(root)) == 5
    evaluation = decode((root / LOCK).read_bytes()).evaluation
    assert evaluation is not None
    assert evaluation.sample.entries == 5  # type: ignore[union-attr]
    assert lock("--check").return_value == 0


def test_drawing_again_gives_the_same_list_and_zero_takes_all(lock: Verb, root: Path) -> None:
    lock("toys", "--sample", "5")
    first = (root / SAMPLE).read_bytes()
    lock("toys", "--sample", "5")
    assert (root / SAMPLE).read_bytes() == first
    lock("toys", "--sample", "0")
    assert len(listed(root)) == 9


def test_a_list_that_is_broken_is_drawn_anew(lock: Verb, root: Path) -> None:
    (root / SAMPLE).write_text("nonsense")
    assert lock("toys").return_value == 1
    assert lock("toys", "--sample", "0").return_value == 0


def test_a_judged_document_that_the_source_lacks_is_a_finding(lock: Verb, root: Path) -> None:
    (root / "documents.jsonl").write_text('{"id": "d1", "title": "t", "text": "x"}\n')
    result = lock("toys", "--sample", "0")
    assert result.return_value == 1
    assert "is a good answer here and not in sample.tsv" in result.stderr
    assert not (root / LOCK).exists()


@pytest.mark.parametrize("args", [("--sample", "5"), ("toys", "--check", "--sample", "5")])
def test_it_takes_a_name_and_does_not_check(lock: Verb, args: tuple[str, ...]) -> None:
    assert isinstance(lock(*args).exception, click.UsageError)
