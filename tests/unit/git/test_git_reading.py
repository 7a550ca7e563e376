"""Reading releases from history, on real temporary repositories."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from turnout.errors import BadInput, EnvironmentProblem
from turnout.git import find_release, read_file, resolve, root_of

RELEASE = "pipelines/toys/release.json"


def run(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(root: Path, path: str, text: str) -> str:
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    run(root, "add", "--all")
    run(root, "commit", "--quiet", "--message=change")
    return run(root, "rev-parse", "HEAD")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "repository with spaces"
    folder.mkdir()
    run(folder, "init", "--quiet", "--initial-branch=main")
    run(folder, "config", "user.name", "Test")
    run(folder, "config", "user.email", "test@example.org")
    run(folder, "config", "commit.gpgsign", "false")
    return folder


def test_a_file_is_read_as_it_was_at_a_ref(root: Path) -> None:
    commit(root, RELEASE, "one")
    commit(root, RELEASE, "two")
    (root / RELEASE).write_text("not committed")
    assert read_file(root, "HEAD~1", RELEASE) == b"one"
    assert read_file(root, "main", RELEASE) == b"two"


def test_a_path_is_relative_to_the_given_folder(root: Path) -> None:
    commit(root, f"deep/{RELEASE}", "deep")
    assert read_file(root / "deep", "HEAD", RELEASE) == b"deep"
    assert root_of(root / "deep") == root


def test_a_file_that_was_not_there_is_none_and_a_folder_is_refused(root: Path) -> None:
    commit(root, RELEASE, "one")
    assert read_file(root, "HEAD", "pipelines/other/release.json") is None
    with pytest.raises(BadInput, match="is a tree"):
        read_file(root, "HEAD", "pipelines/toys")


@pytest.mark.parametrize("ref", ["--output=stolen", "-h", "", "a\nb", "a\0b"])
def test_a_ref_never_becomes_an_option(root: Path, ref: str) -> None:
    commit(root, RELEASE, "one")
    with pytest.raises(BadInput, match="can't be a Git ref"):
        resolve(root, ref)
    assert not (root / "stolen").exists()


def test_an_unknown_ref_and_a_folder_without_a_repository_are_bad_input(root: Path, tmp_path: Path) -> None:
    commit(root, RELEASE, "one")
    for ref in ("nowhere", "^HEAD"):
        with pytest.raises(BadInput, match="names no commit"):
            resolve(root, ref)
    with pytest.raises(BadInput, match="not inside a Git repository"):
        resolve(tmp_path, "HEAD")
    with pytest.raises(BadInput, match="no such folder"):
        root_of(tmp_path / "gone")


def test_an_annotated_tag_is_its_commit(root: Path) -> None:
    first = commit(root, RELEASE, "one")
    run(root, "tag", "--annotate", "--message=x", "v1")
    assert resolve(root, "v1") == first


def test_a_shallow_clone_says_how_to_get_the_rest(root: Path, tmp_path: Path) -> None:
    commit(root, RELEASE, '{"id": "r-1"}')
    commit(root, RELEASE, '{"id": "r-2"}')
    clone = tmp_path / "clone"
    run(tmp_path, "clone", "--quiet", "--depth=1", root.as_uri(), str(clone))
    with pytest.raises(EnvironmentProblem, match="shallow") as caught:
        resolve(clone, "HEAD~1")
    assert "--unshallow" in caught.value.remedy
    with pytest.raises(EnvironmentProblem, match="shallow"):
        find_release(clone, "toys", "r-1")


def test_without_git_the_remedy_is_to_install_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(EnvironmentProblem, match="git program") as caught:
        resolve(root, "HEAD")
    assert "install git" in caught.value.remedy


def test_the_newest_commit_that_has_a_release_is_found(root: Path) -> None:
    first = commit(root, RELEASE, '{"id": "r-1"}')
    commit(root, RELEASE, '{"id": "r-2", "mapping": "r-1"}')
    again = commit(root, RELEASE, '{"id": "r-1", "again": true}')
    commit(root, RELEASE, "no json")
    assert find_release(root, "toys", "r-1") == again != first
    assert find_release(root, "toys", "r-3") is None
    assert find_release(root, "other", "r-1") is None
