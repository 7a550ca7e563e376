"""Reading: commits, files at a commit, and the commit that a release came from."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from turnout.errors import BadInput, EnvironmentProblem
from turnout.git.program import complaint, git, output, refuse_option

SHALLOW_REMEDY = "fetch the history with `git fetch --unshallow`; in a workflow check out with `fetch-depth: 0`"


class _Id(msgspec.Struct):
    id: str = ""


def root_of(folder: Path) -> Path:
    """The top folder of the repository that `folder` is in.

    Raises:
        BadInput: `folder` is in no repository that git will read.
        EnvironmentProblem: no git.
    """
    done = git(folder, "rev-parse", "--show-toplevel") if folder.is_dir() else None
    if done is None or done.returncode != 0:
        reason = complaint(done) if done else "no such folder"
        raise BadInput(
            f"not inside a Git repository: {reason}", where=str(folder), remedy="run it in a clone of the repository"
        )
    return Path(done.stdout.decode(errors="surrogateescape").rstrip("\n"))


def resolve(root: Path, ref: str) -> str:
    """The full id of the commit that a ref names.

    Raises:
        BadInput: not a repository, or no such commit in it.
        EnvironmentProblem: the clone is shallow and may lack it; no git.
    """
    refuse_option(ref, "a Git ref")
    root_of(root)
    done = git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    found = done.stdout.decode().strip()
    if done.returncode == 0 and not found.startswith("^"):  # `^main` is everything but main, and no commit
        return found
    if is_shallow(root):
        raise EnvironmentProblem(f"{ref} isn't in this shallow clone", where=str(root), remedy=SHALLOW_REMEDY)
    raise BadInput(f"{ref} names no commit", where=str(root), remedy="see `git log` and `git branch --all`")


def read_file(root: Path, ref: str, path: str) -> bytes | None:
    """A file as it was at `ref`; None if it wasn't there. `path` is relative to `root`, a folder of the repository.

    Raises:
        BadInput: not a repository, no such commit, or a path that isn't a file.
        EnvironmentProblem: git can't read it.
    """
    refuse_option(path, "a path")
    commit = resolve(root, ref)
    entry = output(root, "ls-tree", "-z", commit, "--", path)
    if not entry:
        return None
    kind, blob = entry.split(b"\t", maxsplit=1)[0].decode().split()[1:3]
    if kind != "blob":
        raise BadInput(f"{path} is a {kind}, not a file", where=f"{root} at {ref}")
    return output(root, "cat-file", "blob", blob)


def find_release(root: Path, collection: str, release_id: str) -> str | None:
    """The newest commit before or at HEAD that brought a release; None if history knows none.

    Raises:
        BadInput: not a repository.
        EnvironmentProblem: the clone is shallow and the commit may be in what it lacks.
    """
    path = f"pipelines/{collection}/release.json"
    refuse_option(path, "a path")
    head = resolve(root, "HEAD")
    # Lists the commits with the id on a changed line, those too that took it away; reading the file tells which.
    listed = output(root, "log", "--format=%H", f"-G{re.escape(release_id)}", head, "--", path).decode().split()
    for commit in listed:
        if _release_id(read_file(root, commit, path)) == release_id:
            return commit
    if is_shallow(root):
        raise EnvironmentProblem(
            f"release {release_id} isn't in this shallow clone", where=str(root), remedy=SHALLOW_REMEDY
        )
    return None


def _release_id(data: bytes | None) -> str:
    try:
        return msgspec.json.decode(data or b"{}", type=_Id).id
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


def is_shallow(root: Path) -> bool:
    """Whether the clone lacks older commits."""
    return git(root, "rev-parse", "--is-shallow-repository").stdout.strip() == b"true"
