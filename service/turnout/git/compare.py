"""What a change touches: from the commit that it left the base at to the working tree. Called by the pull-request gate.

All paths are relative to the folder that is asked about, which may lie below the top of the repository.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from turnout.errors import EnvironmentProblem
from turnout.git.program import complaint, git, output
from turnout.git.read import SHALLOW_REMEDY, is_shallow, resolve, root_of

_RENAMED = frozenset({"R", "C"})


class ChangedPath(msgspec.Struct, frozen=True, order=True):
    """A file that differs. `was` is its path in the commit if Git takes it for the same file moved, else None."""

    path: str
    was: str | None = None


def merge_base(root: Path, ref: str) -> str:
    """The commit at which HEAD left `ref`.

    Raises:
        BadInput: not a repository, or no such commit.
        EnvironmentProblem: the two have nothing in common, as far as this clone knows.
    """
    root_of(root)
    base, head = resolve(root, ref), resolve(root, "HEAD")
    done = git(root, "merge-base", base, head)
    if done.returncode == 0:
        return done.stdout.decode().split()[0]
    if is_shallow(root):
        what = f"this shallow clone doesn't reach back to where HEAD left {ref}"
        raise EnvironmentProblem(what, where=str(root), remedy=SHALLOW_REMEDY)
    if done.returncode == 1:
        remedy = "name a base that HEAD descends from, or merge the base first"
        raise EnvironmentProblem(f"{ref} and HEAD have no commit in common", where=str(root), remedy=remedy)
    raise EnvironmentProblem(f"git merge-base failed: {complaint(done)}", where=str(root))


def changed_paths(root: Path, commit: str, *folders: str) -> tuple[ChangedPath, ...]:
    """Files under `folders` that differ between `commit` and the working tree, those too that Git doesn't know yet.

    Files that Git is told to ignore are left out. A file that was moved is listed at both of its paths.

    Raises:
        BadInput: not a repository, or no such commit.
        EnvironmentProblem: git fails.
    """
    commit = resolve(root, commit)
    # The drivers of the user's own configuration would show other differences than the files have.
    options = ("--name-status", "-z", "--find-renames", "--relative", "--no-ext-diff", "--no-textconv")
    told = output(root, "--no-optional-locks", "diff", *options, "--ignore-submodules=none", commit, "--", *folders)
    new = output(root, "ls-files", "--others", "--exclude-standard", "-z", "--", *folders)
    found = {ChangedPath(path) for path in _split(new)}
    parts = iter(_split(told))
    for status in parts:
        was = next(parts) if status[0] in _RENAMED else None
        found.add(ChangedPath(next(parts), was))
        if was is not None and status[0] == "R":
            found.add(ChangedPath(was))
    return tuple(sorted(found, key=lambda each: (each.path, each.was or "")))


def folders_at(root: Path, commit: str, folder: str) -> tuple[str, ...]:
    """The names of the folders in `folder` as it was at a commit; none if it wasn't there.

    Raises:
        BadInput: not a repository, or no such commit.
        EnvironmentProblem: git fails.
    """
    listed = output(root, "ls-tree", "-d", "-z", "--name-only", resolve(root, commit), "--", f"{folder}/")
    return tuple(path.rsplit("/", 1)[-1] for path in _split(listed))


def describe_head(root: Path, *folders: str) -> str:
    """The commit of HEAD, with `+ working tree` if files under `folders` differ from it.

    Raises:
        BadInput: not a repository, or one without a commit.
        EnvironmentProblem: git fails.
    """
    head = resolve(root, "HEAD")
    differs = output(root, "--no-optional-locks", "status", "--porcelain", "-z", "--", *folders)
    return f"{head} + working tree" if differs else head


def _split(told: bytes) -> list[str]:
    return [part.decode(errors="surrogateescape") for part in told.split(b"\0") if part]
