"""Which collections a change touches, and what becomes of each. The first thing that `turnout check` does.

A collection is a folder in `schemas/` or `pipelines/` with a file in it. The head is the working tree, so that a laptop
tells the same before a commit as CI does after it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from turnout.errors import BadInput
from turnout.git import ChangedPath, changed_paths, describe_head, folders_at, merge_base, root_of
from turnout.release.checking import artifact_file
from turnout.release.findings import printable
from turnout.release.policy import POLICY_FILE

FOLDERS = ("schemas", "pipelines")
_NEVER_LINKS = ("release.json", "quarantine.yaml")
_NOT_COLLECTIONS = frozenset({"definitions"})


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """One collection. `before`: the base has it; `now`: the working tree has it; `touched`: files of it differ.

    `moved_to` and `moved_from` name collections that files of it went to or came from. `linked` are paths that have to
    be files or folders of their own and are links: what changes behind one touches nothing, so it counts as touched.
    """

    collection: str
    before: bool
    now: bool
    touched: bool
    moved_to: tuple[str, ...] = ()
    moved_from: tuple[str, ...] = ()
    linked: tuple[str, ...] = ()


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that could be judged. `head` is a commit, with `+ working tree` if files differ from it."""

    base_ref: str
    base_commit: str
    head: str
    subjects: tuple[Subject, ...]
    policy_changed: bool

    def subject(self, collection: str) -> Subject:
        """The collection of that name.

        Raises:
            BadInput: neither side has it.
        """
        for each in self.subjects:
            if each.collection == collection:
                return each
        known = ", ".join(printable(each.collection) for each in self.subjects[:10]) or "none"
        what = f"no collection {printable(collection)!r}, neither here nor at {self.base_commit[:12]}"
        raise BadInput(what, remedy=f"name one of: {known}")


def find_scope(root: Path, ref: str) -> Scope:
    """Compare the working tree with the commit at which HEAD left `ref`.

    Raises:
        BadInput: not a Git repository, or no such commit.
        EnvironmentProblem: the clone is shallow, or the two have no commit in common.
    """
    root_of(root)
    base = merge_base(root, ref)
    changed = changed_paths(root, base, *FOLDERS)
    before = _collections(name for folder in FOLDERS for name in folders_at(root, base, folder))
    now = _collections(_in_working_tree(root))
    touched = {each.path.split("/")[1] for each in changed}
    moves = set(_moves(changed))
    linked = {name: tuple(_linked(root, name)) for name in before | now}
    subjects = [
        Subject(
            collection=name,
            before=name in before,
            now=name in now,
            touched=name in touched or bool(linked[name]),
            moved_to=tuple(sorted(to for was, to in moves if was == name)),
            moved_from=tuple(sorted(was for was, to in moves if to == name)),
            linked=linked[name],
        )
        for name in sorted(before | now)
    ]
    return Scope(
        base_ref=ref,
        base_commit=base,
        head=describe_head(root, *FOLDERS),
        subjects=tuple(subjects),
        policy_changed=any(each.path == POLICY_FILE for each in changed),
    )


def _collections(names: Iterable[str]) -> set[str]:
    return {name for name in names if name not in _NOT_COLLECTIONS and not name.startswith((".", "__"))}


def _in_working_tree(root: Path) -> Iterator[str]:
    for folder in FOLDERS:
        if (root / folder).is_dir():
            yield from (each.name for each in os.scandir(root / folder) if each.is_dir() and _has_file(each.path))


def _linked(root: Path, name: str) -> Iterator[str]:
    """Every change of a release changes release.json, so it is enough that this one lies where Git sees it."""
    for path in ("pipelines", f"pipelines/{name}", *(artifact_file(name, file) for file in _NEVER_LINKS)):
        if (root / path).is_symlink():
            yield path


def _has_file(folder: str) -> bool:
    """Git leaves no empty folder behind, but what was ignored in it may lie there still: caches aren't a collection."""
    return any(files for path, _, files in os.walk(folder) if not os.path.basename(path).startswith((".", "__")))


def _owner(path: str) -> str | None:
    """The collection that a file lies in; None for a file that lies beside the collections."""
    parts = path.split("/")
    return parts[1] if len(parts) > 2 else None


def _moves(changed: Sequence[ChangedPath]) -> Iterator[tuple[str, str]]:
    """Pairs of collections between which a file was moved."""
    for each in changed:
        if each.was is not None:
            was, to = _owner(each.was), _owner(each.path)
            if was and to and was != to:
                yield was, to
