"""Which commits brought the failed release, and what was there before them? Reads only. Called by `github`.

A commit is undone as a person would undo it: the collection's own folders go back as a whole, so that they give the
stable release again, and of the manifests those files go back that the same commits changed and nobody has changed
since. Everything else stays as it is.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import yaml
from github import GithubException, UnknownObjectException
from github.Commit import Commit
from github.ContentFile import ContentFile
from github.Repository import Repository

from turnout.errors import Refused
from turnout.githost.proposal import Revert
from turnout.release.artifacts import Quarantine, QuarantinedRelease

MOST_COMMITS = 100
"""Commits of one release.json that are looked through for the stable release."""
_FOLDERS = ("pipelines", "schemas")
_OURS = ("manifests/", "argocd/")


class Undo(NamedTuple):
    """What to put back.

    `folders` and `files` are paths with the Git object that was there before, None where nothing was. `commits` are
    undone, newest first. `left` are files of these commits that somebody has changed since. `quarantine` is what
    quarantine.yaml holds already.
    """

    folders: tuple[tuple[str, str | None], ...]
    files: tuple[tuple[str, str | None], ...]
    commits: tuple[str, ...]
    left: tuple[str, ...]
    quarantine: tuple[QuarantinedRelease, ...]


def find_undo(repository: Repository, revert: Revert, head: str) -> Undo | None:
    """What brings `revert.stable` back on top of the commit `head`; None if `head` doesn't hold the failed release.

    Raises:
        Refused: the stable release isn't among the last commits of release.json.
        GithubException: the host's own error.
    """
    path = f"pipelines/{revert.collection}/release.json"
    if _release_id(repository, path, head) != revert.failed:
        return None
    commits, before = _bad_commits(repository, path, head, revert)
    folders = [(f"{top}/{revert.collection}", _folder(repository, top, revert, before)) for top in _FOLDERS]
    files, left = _manifests(repository, commits, before=before, head=head)
    return Undo(
        folders=tuple((path, sha) for path, sha in folders if sha is not None),
        files=files,
        commits=tuple(commit.sha for commit in commits),
        left=left,
        quarantine=_entries(repository, revert.collection, head),
    )


def _bad_commits(repository: Repository, path: str, head: str, revert: Revert) -> tuple[list[Commit], str]:
    """The commits of release.json since the stable release, newest first, and the commit to go back to."""
    found: list[Commit] = []
    for number, commit in enumerate(repository.get_commits(sha=head, path=path)):
        if number >= MOST_COMMITS:
            break
        is_stable = _release_id(repository, path, commit.sha) == revert.stable
        if is_stable and found:
            return found, _before(repository, path, found, revert.stable) or commit.sha
        if is_stable or not commit.parents:  # stable at once: the host's answers don't agree with each other
            break
        found.append(commit)
    raise Refused(
        f"release {revert.stable} is not among the last {MOST_COMMITS} commits of {path}",
        where=path,
        remedy="revert by hand: the cluster serves that release, so its content can be read from its ConfigMap",
    )


def _before(repository: Repository, path: str, commits: list[Commit], stable: str) -> str | None:
    """The last commit that still held the stable release: what the oldest commit changed.

    The oldest may be of a branch that began before the stable release came; then it is what that branch was merged to.
    """
    parents = [commit.parents[0].sha for commit in reversed(commits)]
    return next((sha for sha in parents if _release_id(repository, path, sha) == stable), None)


def _release_id(repository: Repository, path: str, commit: str) -> str | None:
    text = _text(repository, path, commit)
    try:
        return str(msgspec.json.decode(text)["id"]) if text is not None else None
    except (msgspec.DecodeError, KeyError, TypeError):
        return None


def _text(repository: Repository, path: str, commit: str) -> bytes | None:
    found = _content(repository, path, commit)
    return found.decoded_content if found is not None else None


def _content(repository: Repository, path: str, commit: str) -> ContentFile | None:
    try:
        found = repository.get_contents(path, ref=commit)
    except UnknownObjectException:
        return None
    return None if isinstance(found, list) else found


def _folder(repository: Repository, top: str, revert: Revert, commit: str) -> str | None:
    """The Git tree of a collection's folder."""
    try:
        found = repository.get_contents(top, ref=commit)
    except GithubException as error:
        if error.status == 404:
            return None
        raise
    entries = found if isinstance(found, list) else [found]
    return next((entry.sha for entry in entries if entry.type == "dir" and entry.name == revert.collection), None)


def _manifests(
    repository: Repository, commits: list[Commit], *, before: str, head: str
) -> tuple[tuple[tuple[str, str | None], ...], tuple[str, ...]]:
    """Files of the manifests to put back, and those that somebody has changed since."""
    after: dict[str, str | None] = {}
    for commit in reversed(commits):
        for file in commit.files:
            after[file.filename] = None if file.status == "removed" else file.sha
            if file.previous_filename:
                after[file.previous_filename] = None
    files, left = [], []
    for path in sorted(path for path in after if path.startswith(_OURS)):
        then, now = (_content(repository, path, commit) for commit in (before, head))
        if (now.sha if now else None) != after[path]:
            left.append(path)
        elif (then.sha if then else None) != after[path]:
            files.append((path, then.sha if then else None))
    return tuple(files), tuple(left)


def _entries(repository: Repository, collection: str, commit: str) -> tuple[QuarantinedRelease, ...]:
    text = _text(repository, f"pipelines/{collection}/quarantine.yaml", commit)
    if text is None:
        return ()
    try:
        return tuple(msgspec.convert(yaml.safe_load(text), Quarantine).releases)
    except (yaml.YAMLError, msgspec.ValidationError):
        return ()  # it was not valid before either; the validation of the pull request says so
