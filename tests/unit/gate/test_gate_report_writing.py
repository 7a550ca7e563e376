"""A folder holds the three files of one run, or none."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from support import gate_reports as made
from turnout.errors import EnvironmentProblem
from turnout.gate.report import decode, html, markdown, write


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_writes_three_files_into_a_folder_that_it_makes(tmp_path: Path) -> None:
    folder = tmp_path / "build" / "check"
    paths = write(made.deleted(), folder)
    assert [path.name for path in paths] == ["report.md", "report.html", "report.json"]
    assert names(folder) == ["report.html", "report.json", "report.md"]
    assert paths[0].read_text() == markdown(made.deleted())
    assert paths[1].read_text() == html(made.deleted())
    assert decode(paths[2].read_bytes()) == made.deleted()


def test_replaces_the_report_of_an_earlier_run_and_what_a_broken_one_left(tmp_path: Path) -> None:
    write(made.deleted(), tmp_path)
    (tmp_path / ".report.md.new").write_text("half")
    write(made.nothing(), tmp_path)
    assert names(tmp_path) == ["report.html", "report.json", "report.md"]
    assert decode((tmp_path / "report.json").read_bytes()) == made.nothing()


def test_a_report_that_cannot_be_drawn_leaves_no_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(made.deleted(), tmp_path)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(EnvironmentProblem, match="matplotlib"):
        write(made.nothing(), tmp_path)
    assert names(tmp_path) == []


def test_writes_through_no_link(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    folder = tmp_path / "check"
    folder.mkdir()
    for name in ("report.md", ".report.md.new"):
        (folder / name).symlink_to(victim)
    write(made.nothing(), folder)
    assert victim.read_text() == "untouched"
    assert not (folder / "report.md").is_symlink()


def test_a_folder_that_cannot_be_written_is_a_problem_of_the_environment(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentProblem, match="can't be written") as caught:
        write(made.nothing(), tmp_path / "file")
    assert caught.value.where == str(tmp_path / "file")
