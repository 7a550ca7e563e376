"""Which collections a change touches, and what becomes of each, on real repositories."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.artifact_files import PIPELINE
from support.checked_repository import Repository
from turnout.errors import BadInput
from turnout.gate.scope import Subject, find_scope


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def subjects(repository: Repository) -> list[Subject]:
    return list(find_scope(repository.root, "main").subjects)


def touched(repository: Repository) -> list[str]:
    return [each.collection for each in subjects(repository) if each.touched]


def test_without_a_change_no_collection_is_touched(repository: Repository) -> None:
    repository.write({"README.md": "x", "pipelines/README.md": "x", "schemas/definitions/x.json": "{}"})
    assert subjects(repository) == [Subject(collection="toys", before=True, now=True, touched=False)]


def test_a_collection_is_touched_by_an_edit_that_is_not_committed(repository: Repository) -> None:
    repository.change(PIPELINE, {"size: 64": "size: 32"})
    assert touched(repository) == ["toys"]


def test_what_others_merged_into_the_base_meanwhile_is_not_this_change(repository: Repository) -> None:
    repository.git("checkout", "-q", "main")
    repository.change(PIPELINE, {"size: 64": "size: 32"})
    repository.commit()
    repository.git("checkout", "-q", "work")
    assert touched(repository) == []


def test_a_new_collection_counts_before_git_knows_it(repository: Repository) -> None:
    repository.write({"pipelines/more/model.yaml": "x"})
    assert [each for each in subjects(repository) if each.touched] == [
        Subject(collection="more", before=False, now=True, touched=True)
    ]


def test_a_deleted_collection_is_a_subject_even_if_caches_stay_in_its_folder(repository: Repository) -> None:
    repository.delete()
    cache = repository.root / "pipelines/toys/__pycache__"
    cache.mkdir(parents=True)
    (cache / "x.pyc").write_text("x")
    assert subjects(repository) == [Subject(collection="toys", before=True, now=False, touched=True)]


def test_the_last_collection_can_be_deleted_with_both_folders(repository: Repository) -> None:
    repository.delete()
    for folder in ("schemas", "pipelines"):
        (repository.root / folder).rmdir()
    assert [each.now for each in subjects(repository)] == [False]


def test_a_rename_is_two_subjects_that_know_of_each_other(repository: Repository) -> None:
    repository.move("games")
    repository.git("add", "--all")
    games, toys = subjects(repository)
    assert (games.before, games.now, games.moved_from) == (False, True, ("toys",))
    assert (toys.before, toys.now, toys.moved_to) == (True, False, ("games",))


def test_a_link_in_place_of_a_folder_is_touched(repository: Repository) -> None:
    os.symlink("toys", repository.root / "pipelines" / "more")
    assert touched(repository) == ["more"]


def test_a_change_of_the_policy_is_seen_and_is_no_collection(repository: Repository) -> None:
    assert not find_scope(repository.root, "main").policy_changed
    repository.write({"pipelines/policy.yaml": "x"})
    scope = find_scope(repository.root, "main")
    assert scope.policy_changed
    assert [each.collection for each in scope.subjects] == ["toys"]


def test_a_name_that_neither_side_knows_is_bad_input_that_names_the_others(repository: Repository) -> None:
    scope = find_scope(repository.root, "main")
    assert scope.subject("toys").collection == "toys"
    with pytest.raises(BadInput, match="neither here nor at") as caught:
        scope.subject("toyz")
    assert "toys" in caught.value.remedy
