"""`turnout ledger` and `turnout restore` say what is wrong before anything is changed, with the right exit code."""

from __future__ import annotations

import fcntl
import sys
from pathlib import Path

import pytest

from turnout.cli.main import main
from turnout.ledger import LedgerFile

RESTORE = ("restore", "--collection", "toys", "--repository", "r", "--snapshot", "s")


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit code of a command."""
    monkeypatch.setattr(sys, "argv", ["turnout", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_a_second_keeper_of_a_ledger_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "toys.ledger"
    with LedgerFile(path, "toys.documents"):
        assert run(monkeypatch, "ledger", "--collection", "toys", "--file", str(path), "--once") == 1
    assert "another process keeps this ledger" in capsys.readouterr().err
    with path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # and it is free again


def test_the_ledger_of_another_collection_is_refused_and_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "recipes.ledger"
    with LedgerFile(path, "recipes.documents") as file:
        file.open_section(identity="i", created=1, at="2026-01-01T00:00:00+00:00")
    before = path.read_bytes()
    assert run(monkeypatch, "ledger", "--collection", "toys", "--file", str(path), "--once") == 1
    assert "of recipes.documents" in capsys.readouterr().err
    assert path.read_bytes() == before


def test_a_ledger_that_is_damaged_above_what_was_synced_is_bad_input_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "toys.ledger"
    with LedgerFile(path, "toys.documents") as file:
        file.open_section(identity="i", created=1, at="2026-01-01T00:00:00+00:00")
        file.synced({0: 3}, "2026-01-01T00:00:01+00:00")
    path.write_bytes(b'{"line":"cha' + path.read_bytes()[12:])
    assert run(monkeypatch, "ledger", "--collection", "toys", "--file", str(path), "--once") == 2
    assert f"{path}:1" in capsys.readouterr().err


def test_a_file_that_cannot_be_made_or_a_server_that_is_away_is_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(monkeypatch, "ledger", "--collection", "toys", "--file", str(tmp_path / "no/x"), "--once") == 3
    assert run(monkeypatch, "ledger", "--collection", "toys", "--file", str(tmp_path / "x"), "--once") == 3
    assert run(monkeypatch, *RESTORE, "--yes", "--accept-gap") == 3


def test_a_restore_needs_a_collection_a_repository_and_a_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, "restore", "--collection", "toys") == 2
