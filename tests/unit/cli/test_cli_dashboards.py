"""`turnout dashboards` refuses what it can't understand before it asks Prometheus, and writes files without one."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from turnout.cli.dashboards import _NAMES
from turnout.cli.main import main
from turnout.dashboards.every import EVERY


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["turnout", "dashboards", "--prometheus", "http://127.0.0.1:9", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_it_knows_the_names_of_all_dashboards() -> None:
    assert tuple(board.name for board in EVERY) == _NAMES


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "give --collection NAME, or --write FOLDER"),
        (("--collection", "toys", "--since", "yesterday"), "is no time"),
        (("--collection", "toys", "--since", "1h", "--until", "2h"), "isn't before"),
        (("--collection", "toys", "--since", "90w", "--until", "100w"), "isn't before"),
        (("--collection", "toys", "--only", "costs"), "cost-and-drift"),
        (("--collection", "toys", "--token-file", "/nowhere/token"), "the token can't be read"),
        (("--collection", "toys", "--prometheus", "file:///etc"), "the address of Prometheus isn't one"),
    ],
)
def test_bad_input_is_told_before_anybody_is_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    assert run(monkeypatch, *arguments) == 2
    assert said in capsys.readouterr().err


def test_files_are_written_without_a_prometheus(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = tmp_path / "new"
    assert run(monkeypatch, "--write", str(folder), "--only", "views") == 0
    assert capsys.readouterr().out.split() == [str(folder / "views.json")]
    assert json.loads((folder / "views.json").read_text())["title"] == "Turnout / Views"


@pytest.mark.parametrize("option", ["--write", "--draw"])
def test_a_folder_that_cant_be_made_is_the_environment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, option: str
) -> None:
    (tmp_path / "file").write_text("")
    assert run(monkeypatch, "--collection", "toys", option, str(tmp_path / "file" / "x")) == 3
    assert "give a folder that may be written" in capsys.readouterr().err


@pytest.mark.parametrize(("option", "package"), [("--write", "grafana-foundation-sdk"), ("--draw", "matplotlib")])
def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, option: str, package: str
) -> None:
    monkeypatch.setattr("turnout.cli.dashboards.importlib.util.find_spec", lambda _: None)
    assert run(monkeypatch, "--collection", "toys", option, str(tmp_path)) == 3
    assert package in capsys.readouterr().err
