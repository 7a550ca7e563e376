"""Writing: a commit that takes files back to what they were. Called by `revert`, never by anything automatic here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from turnout.errors import BadInput, EnvironmentProblem, Refused
from turnout.git.program import complaint, git, output, refuse_option
from turnout.git.read import resolve


def commit_files(root: Path, commit: str, paths: Sequence[str], message: str) -> str | None:
    """Take `paths` (files or folders under `root`) back to what they were at `commit`, and commit that alone.

    Whatever else is staged or edited stays as it is. Files that `commit` doesn't have are removed.

    Returns:
        The id of the new commit; None if nothing would change.

    Raises:
        Refused: one of the paths has changes that aren't committed and would be lost.
        BadInput: no such commit, or a path that neither side knows.
        EnvironmentProblem: git can't commit (no identity, a hook that says no); the files are as before.
    """
    for path in paths:
        refuse_option(path, "a path")
    if not paths:
        raise BadInput("no paths to take back")
    source = resolve(root, commit)
    _refuse_unsaved(root, paths)
    known = [path for path in paths if _known(root, source, path) or _known(root, "HEAD", path)]
    if len(known) < len(paths):
        missing = next(path for path in paths if path not in known)
        raise BadInput(f"{missing} is neither in {commit} nor in HEAD", where=str(root))
    _restore(root, source, paths)
    if not output(root, "status", "--porcelain", "-z", "--", *paths):
        return None
    done = git(root, "commit", "--quiet", f"--message={message}", "--only", "--", *paths)
    if done.returncode != 0:
        _restore(root, "HEAD", paths)
        raise EnvironmentProblem(f"git can't commit: {complaint(done)}", where=str(root))
    return resolve(root, "HEAD")


def _refuse_unsaved(root: Path, paths: Sequence[str]) -> None:
    if unsaved := output(root, "status", "--porcelain", "-z", "--", *paths):
        first = unsaved.split(b"\0")[0][3:].decode(errors="replace")
        raise Refused(
            "there are changes that aren't committed and would be lost",
            where=first,
            remedy="commit or stash them first",
        )


def _known(root: Path, commit: str, path: str) -> bool:
    return bool(output(root, "ls-tree", "-z", commit, "--", path.rstrip("/")))


def _restore(root: Path, source: str, paths: Sequence[str]) -> None:
    # A path that the source lacks is removed; git refuses a path that it finds nowhere, so each is sent by itself.
    for path in paths:
        output(root, "restore", f"--source={source}", "--staged", "--worktree", "--", path)
