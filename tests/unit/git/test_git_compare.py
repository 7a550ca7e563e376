"""What a change touches, on real temporary repositories."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from turnout.errors import BadInput, EnvironmentProblem
from turnout.git import ChangedPath, changed_paths, describe_head, folders_at, merge_base

FOLDERS = ("schemas", "pipelines")


def run(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def put(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def commit(root: Path) -> str:
    run(root, "add", "--all")
    run(root, "commit", "--quiet", "--allow-empty", "--message=change")
    return run(root, "rev-parse", "HEAD")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with one collection on main, and HEAD on a branch from there."""
    folder = tmp_path / "repository with spaces"
    folder.mkdir()
    run(folder, "init", "--quiet", "--initial-branch=main")
    run(folder, "config", "user.name", "Test")
    run(folder, "config", "user.email", "test@example.org")
    run(folder, "config", "commit.gpgsign", "false")
    put(folder, ".gitignore", "*.tmp\n")
    put(folder, "pipelines/toys/model.yaml", "a model\n" * 20)
    put(folder, "schemas/toys/mapping.json", "{}\n")
    commit(folder)
    run(folder, "checkout", "--quiet", "-b", "work")
    return folder


def test_the_base_is_where_the_branch_left_and_not_the_tip_of_the_base(root: Path) -> None:
    left = run(root, "rev-parse", "HEAD")
    put(root, "pipelines/toys/model.yaml", "mine")
    commit(root)
    run(root, "checkout", "--quiet", "main")
    put(root, "pipelines/toys/gates.yaml", "theirs")
    commit(root)
    run(root, "checkout", "--quiet", "work")
    assert merge_base(root, "main") == left
    assert changed_paths(root, left, *FOLDERS) == (ChangedPath("pipelines/toys/model.yaml"),)


def test_edited_staged_new_and_deleted_files_count_before_they_are_committed(root: Path) -> None:
    put(root, "pipelines/toys/model.yaml", "edited")
    put(root, "pipelines/new/staged.yaml", "x")
    run(root, "add", "pipelines/new")
    put(root, "pipelines/näw/unknown to git.yaml", "x")
    put(root, "pipelines/new/ignored.tmp", "x")
    put(root, "README.md", "not asked about")
    (root / "schemas/toys/mapping.json").unlink()
    assert [each.path for each in changed_paths(root, "HEAD", *FOLDERS)] == [
        "pipelines/new/staged.yaml",
        "pipelines/näw/unknown to git.yaml",
        "pipelines/toys/model.yaml",
        "schemas/toys/mapping.json",
    ]
    assert describe_head(root, *FOLDERS) == run(root, "rev-parse", "HEAD") + " + working tree"


def test_a_moved_file_is_at_both_of_its_paths(root: Path) -> None:
    left = run(root, "rev-parse", "HEAD")
    run(root, "mv", "pipelines/toys", "pipelines/games")
    commit(root)
    assert changed_paths(root, left, *FOLDERS) == (
        ChangedPath("pipelines/games/model.yaml", "pipelines/toys/model.yaml"),
        ChangedPath("pipelines/toys/model.yaml"),
    )


def test_nothing_changed_is_nothing(root: Path) -> None:
    assert changed_paths(root, merge_base(root, "main"), *FOLDERS) == ()
    assert describe_head(root, *FOLDERS) == run(root, "rev-parse", "HEAD")


def test_paths_are_relative_to_a_folder_of_the_repository(root: Path) -> None:
    put(root, "deep/pipelines/toys/model.yaml", "x")
    commit(root)
    assert changed_paths(root / "deep", "main", *FOLDERS) == (ChangedPath("pipelines/toys/model.yaml"),)
    assert folders_at(root / "deep", "HEAD", "pipelines") == ("toys",)


def test_the_folders_of_a_commit_are_listed_without_its_files(root: Path) -> None:
    put(root, "pipelines/policy.yaml", "x")
    put(root, "pipelines/games/model.yaml", "x")
    commit(root)
    assert folders_at(root, "HEAD", "pipelines") == ("games", "toys")
    assert folders_at(root, "main", "pipelines") == ("toys",)
    assert folders_at(root, "main", "nothing") == ()


def test_histories_without_a_common_commit_are_a_problem_of_the_environment(root: Path) -> None:
    run(root, "checkout", "--quiet", "--orphan", "other")
    put(root, "README.md", "another beginning")
    commit(root)
    with pytest.raises(EnvironmentProblem, match="no commit in common"):
        merge_base(root, "main")


def test_a_shallow_clone_says_how_to_get_the_history(root: Path, tmp_path: Path) -> None:
    put(root, "pipelines/toys/model.yaml", "mine")
    commit(root)
    run(root, "checkout", "--quiet", "main")
    put(root, "pipelines/toys/gates.yaml", "theirs")
    commit(root)
    clone = tmp_path / "clone"
    run(tmp_path, "clone", "--quiet", "--depth=1", "--no-single-branch", "--branch=work", root.as_uri(), str(clone))
    with pytest.raises(EnvironmentProblem, match="shallow") as caught:
        merge_base(clone, "origin/main")
    assert "git fetch --unshallow" in caught.value.remedy
    assert "fetch-depth: 0" in caught.value.remedy
    with pytest.raises(EnvironmentProblem, match="shallow"):
        merge_base(clone, "main~1")


@pytest.mark.parametrize("ref", ["nowhere", "--all", "a..b", "main:pipelines"])
def test_what_names_no_commit_is_bad_input(root: Path, ref: str) -> None:
    with pytest.raises(BadInput):
        merge_base(root, ref)


def test_a_repository_without_a_commit_and_no_repository_are_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="not inside a Git repository"):
        merge_base(tmp_path, "main")
    run(tmp_path, "init", "--quiet")
    with pytest.raises(BadInput, match="names no commit"):
        merge_base(tmp_path, "HEAD")
