"""Committing a way back, on real temporary repositories."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from turnout.errors import BadInput, EnvironmentProblem, Refused
from turnout.git import commit_files, resolve


def run(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *arguments], check=True, capture_output=True, text=True)
    return done.stdout.rstrip()


def commit(root: Path, files: dict[str, str | None]) -> str:
    for path, text in files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            target.unlink()
        else:
            target.write_text(text)
    run(root, "add", "--all")
    run(root, "commit", "--quiet", "--message=change")
    return run(root, "rev-parse", "HEAD")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    run(tmp_path, "init", "--quiet", "--initial-branch=main")
    run(tmp_path, "config", "user.name", "Test")
    run(tmp_path, "config", "user.email", "test@example.org")
    run(tmp_path, "config", "commit.gpgsign", "false")
    return tmp_path


def test_paths_go_back_and_nothing_else_is_touched(root: Path) -> None:
    old = commit(root, {"pipelines/toys/model.yaml": "old", "pipelines/toys/gone.yaml": "was here", "other": "old"})
    commit(
        root, {"pipelines/toys/model.yaml": "new", "pipelines/toys/added.yaml": "x", "pipelines/toys/gone.yaml": None}
    )
    (root / "other").write_text("staged")
    run(root, "add", "other")
    (root / "untracked").write_text("mine")

    made = commit_files(root, old, ["pipelines/toys"], "-m looks like an option")

    assert made == resolve(root, "HEAD")
    assert run(root, "show", "--format=%s", "--name-status", "HEAD").splitlines() == [
        "-m looks like an option",
        "",
        "D\tpipelines/toys/added.yaml",
        "A\tpipelines/toys/gone.yaml",
        "M\tpipelines/toys/model.yaml",
    ]
    assert run(root, "status", "--porcelain") == "M  other\n?? untracked"
    assert (root / "pipelines/toys/model.yaml").read_text() == "old"


def test_nothing_to_take_back_makes_no_commit(root: Path) -> None:
    only = commit(root, {"a": "1"})
    assert commit_files(root, only, ["a"], "again") is None
    assert resolve(root, "HEAD") == only


@pytest.mark.parametrize("staged", [True, False])
def test_changes_that_are_not_committed_are_never_lost(root: Path, staged: bool) -> None:
    old = commit(root, {"a": "1"})
    commit(root, {"a": "2"})
    (root / "a").write_text("mine")
    if staged:
        run(root, "add", "a")
    with pytest.raises(Refused, match="would be lost"):
        commit_files(root, old, ["a"], "back")
    assert (root / "a").read_text() == "mine"


def test_a_hook_that_says_no_leaves_the_files_as_before(root: Path) -> None:
    old = commit(root, {"a": "1"})
    new = commit(root, {"a": "2"})
    hook = root / ".git/hooks/pre-commit"
    hook.write_text("#!/bin/sh\necho not today >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(EnvironmentProblem, match="not today"):
        commit_files(root, old, ["a"], "back")
    assert (root / "a").read_text() == "2"
    assert run(root, "status", "--porcelain") == ""
    assert resolve(root, "HEAD") == new


def test_a_path_that_nobody_knows_is_bad_input(root: Path) -> None:
    old = commit(root, {"a": "1"})
    with pytest.raises(BadInput, match="neither"):
        commit_files(root, old, ["b"], "back")
    with pytest.raises(BadInput, match="can't be a path"):
        commit_files(root, old, ["--all"], "back")
