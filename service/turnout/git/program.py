"""Running `git` with argument lists and telling its failures apart. Used by the other modules of this package."""

from __future__ import annotations

import subprocess
from pathlib import Path

from turnout.errors import BadInput, EnvironmentProblem

_TIMEOUT_S = 120


def git(root: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run git in `root`; paths are taken literally. A failing exit code is the caller's to read.

    Raises:
        EnvironmentProblem: git isn't installed or doesn't end.
    """
    command = ["git", "--literal-pathspecs", "-C", str(root), *arguments]
    try:
        return subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=_TIMEOUT_S, check=False)
    except FileNotFoundError as error:
        raise EnvironmentProblem("the git program isn't there", remedy="install git") from error
    except subprocess.TimeoutExpired as error:
        raise EnvironmentProblem(f"git took longer than {_TIMEOUT_S} s", where=str(root)) from error


def output(root: Path, *arguments: str) -> bytes:
    """What git prints.

    Raises:
        EnvironmentProblem: git failed; its last line says why.
    """
    done = git(root, *arguments)
    if done.returncode != 0:
        raise EnvironmentProblem(f"git {arguments[0]} failed: {complaint(done)}", where=str(root))
    return done.stdout


def complaint(done: subprocess.CompletedProcess[bytes]) -> str:
    """The last line that git said about a failure."""
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else f"exit code {done.returncode}"


def refuse_option(text: str, what: str) -> None:
    """A ref or path from outside must not be read as an option of git.

    Raises:
        BadInput: it is empty, starts with a dash or holds control characters.
    """
    if not text or text.startswith("-") or not text.isprintable():
        raise BadInput(f"{text!r} can't be {what}", remedy="give a branch, a tag or a commit, as in HEAD~1")
