"""Each mutation of the drills is what the catalogue says it is, as far as that can be told without a server."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from drill.catalogue import ALL, HARMFUL, HARMLESS
from drill.hosted import RATE_LIMIT, TO_HOSTED
from drill.mutation import Mutation
from drill.variants import put_digest
from support.workspace import COLLECTION, Workspace
from turnout.cli.artifacts import check_collection
from turnout.plan.change import highest
from turnout.plan.differences import differences
from turnout.release import fingerprint
from turnout.release.artifacts import Release
from turnout.release.checking import LOCK_RULES

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Workspace]:
    """The good releases, locked."""
    found = {}
    for name, edits in (("local", ()), ("hosted", (*TO_HOSTED, RATE_LIMIT))):
        workspace = Workspace(tmp_path_factory.mktemp(name) / "checkout", {})
        for folder in ("schemas", "pipelines"):
            shutil.copytree(ROOT / folder / COLLECTION, workspace.root / folder / COLLECTION)
        for edit in edits:
            edit(workspace)
        release = check_collection(workspace.root, COLLECTION).release
        assert release is not None
        (workspace.pipelines / "release.json").write_bytes(fingerprint.encode(release))
        found[name] = workspace
    return found


def _files(root: Path) -> dict[str, bytes]:
    return {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file()}


@pytest.fixture
def changed(request: pytest.FixtureRequest, bases: dict[str, Workspace], tmp_path: Path) -> Workspace:
    """The good release with the mutation in it."""
    mutation: Mutation = request.getfixturevalue("mutation")
    root = tmp_path / "checkout"
    shutil.copytree(bases[mutation.base].root, root)
    workspace = Workspace(root, {})
    mutation.apply(workspace)
    if mutation.variant:
        put_digest(workspace, "sha256:" + "0" * 64)
    return workspace


@pytest.mark.parametrize("mutation", ALL, ids=lambda each: each.name)
def test_a_mutation_changes_the_tree_and_has_the_class_that_is_listed(
    mutation: Mutation, changed: Workspace, bases: dict[str, Workspace]
) -> None:
    base = bases[mutation.base]
    assert _files(changed.root) != _files(base.root)
    if mutation.change == "deleted":
        assert not changed.mapping.exists()
        return
    checked = check_collection(changed.root, COLLECTION)
    if mutation.change == "refused":
        assert checked.release is None
        assert mutation.caught.partition(": ")[2] in {finding.rule for finding in checked.findings}
        return
    assert {finding.rule for finding in checked.findings} <= LOCK_RULES, checked.findings
    assert checked.release is not None
    assert _change(_lock(base), checked.release) == mutation.change


def _lock(workspace: Workspace) -> Release:
    return fingerprint.decode((workspace.pipelines / "release.json").read_bytes())


def _change(base: Release, head: Release) -> str:
    return highest(differences(base, head)).value


def test_a_harmful_mutation_says_whom_it_hurts_and_what_should_catch_it() -> None:
    assert all(mutation.hurts and mutation.caught for mutation in HARMFUL)
    assert not any(mutation.hurts or mutation.caught or mutation.canary for mutation in HARMLESS)


def test_there_are_enough_of_both_kinds_each_with_a_name_of_its_own() -> None:
    assert len(HARMFUL) >= 28
    assert len(HARMLESS) >= 28
    assert len({mutation.name for mutation in ALL}) == len(ALL) == len(HARMFUL) + len(HARMLESS)


def test_few_enough_mutations_embed_everything_for_the_drill_to_end_in_time() -> None:
    assert len([mutation for mutation in ALL if mutation.change == "embed"]) <= 14


def test_cheap_mutations_come_first() -> None:
    changes = [mutation.change for mutation in ALL]
    assert changes[0] == "refused"
    assert changes[-1] == "embed"
