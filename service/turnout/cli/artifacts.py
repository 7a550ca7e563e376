"""Find and read the artifact files of collections. Used by the verbs; the checks themselves are in
`turnout.release.checking`, which does no I/O."""

from __future__ import annotations

import errno
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from turnout.cli.settings import Settings
from turnout.errors import BadInput, EnvironmentProblem, Refused
from turnout.passages import CODE_VERSIONS
from turnout.release.artifacts import Policy, Release
from turnout.release.checking import Checked, artifact_file, check, mapping_file, refusal
from turnout.release.findings import Finding, printable
from turnout.release.fingerprint import decode
from turnout.release.policy import POLICY_FILE, read_policy

MAX_BYTES = 16 * 1024 * 1024
_NOT_COLLECTIONS = frozenset({"definitions"})
_IN_PIPELINES = (
    *("model.yaml", "pipeline.yaml", "gates.yaml", "overrides.yaml", "quarantine.yaml", "release.json"),
    *("evaluation/queries.jsonl", "evaluation/qrels.tsv", "evaluation/sample.tsv"),
)


def today() -> str:
    """The day in UTC, as an ISO date."""
    return datetime.now(UTC).date().isoformat()


def collections(root: Path) -> list[str]:
    """The collections under a root: every folder in `schemas/` and `pipelines/`, by name.

    A collection that has only one of the two is listed, so that a check can say what it lacks.

    Raises:
        BadInput: the root has neither folder.
    """
    names: set[str] = set()
    found = False
    for folder in ("schemas", "pipelines"):
        try:
            with os.scandir(root / folder) as entries:
                found = True
                names.update(each.name for each in entries if each.is_dir() and not each.name.startswith((".", "__")))
        except (FileNotFoundError, NotADirectoryError):
            continue
    if not found:
        remedy = "run turnout where `schemas/` and `pipelines/` are, or set TURNOUT_ROOT"
        raise BadInput("there are no artifacts here", where=str(root), remedy=remedy)
    return sorted(names - _NOT_COLLECTIONS)


def chosen(root: Path, wanted: tuple[str, ...]) -> list[str]:
    """The collections that a user named, or all of them.

    Raises:
        BadInput: one that isn't there.
    """
    known = collections(root)
    for name in wanted:
        if name not in known:
            listed = ", ".join(known[:10]) or "none"
            raise BadInput(f"no collection {printable(name)!r}", where=str(root), remedy=f"name one of: {listed}")
    return list(dict.fromkeys(wanted)) or known


def read_files(root: Path, collection: str) -> dict[str, bytes]:
    """The artifact files of a collection by their path from the root; what isn't there is absent.

    Raises:
        Refused: a link that leads out of the root, something that is not a plain file, or more than 16 MiB.
        EnvironmentProblem: a file that can't be read.
    """
    base = os.path.realpath(root)
    files = [mapping_file(collection), *(artifact_file(collection, name) for name in _IN_PIPELINES)]
    inside: dict[str, bool] = {}
    found: dict[str, bytes] = {}
    for file in files:
        folder = os.path.dirname(file)
        if folder not in inside:
            inside[folder] = _is_folder_inside(base, folder)
        if inside[folder] and (data := _read(base, file)) is not None:
            found[file] = data
    return found


def check_collection(root: Path, collection: str) -> Checked:
    """Read and check one collection as it lies on disk, today."""
    return check(collection, read_files(root, collection), today=today(), code=CODE_VERSIONS)


def check_policy(root: Path) -> tuple[Policy, list[Finding]]:
    """The policy as it lies on disk, and what is wrong with its file today. Without a file it is as strict as it gets.

    Raises:
        Refused: a link that leads out of the root, something that is not a plain file, or more than 16 MiB.
        EnvironmentProblem: a file that can't be read.
    """
    base = os.path.realpath(root)
    data = _read(base, POLICY_FILE) if _is_folder_inside(base, os.path.dirname(POLICY_FILE)) else None
    return read_policy(data, today=today())


def load_policy(settings: Settings) -> Policy:
    """The policy of a root.

    Raises:
        Refused: findings stand against its file; the first one is named.
        EnvironmentProblem: a file that can't be read.
    """
    policy, findings = check_policy(settings.root)
    if findings:
        first = findings[0]
        raise Refused(first.problem, where=first.place, remedy=first.remedy)
    return policy


def load_release(settings: Settings, collection: str) -> Release:
    """The release of a collection, as its files and its lock agree on it.

    Raises:
        BadInput: no such collection.
        Refused: findings stand against it, a stale lock among them; the first ones are named.
    """
    chosen(settings.root, (collection,))
    checked = check_collection(settings.root, collection)
    if checked.findings or checked.release is None:
        raise refusal(collection, list(checked.findings))
    return checked.release


def decode_release(data: bytes, where: str) -> Release:
    """A release.json's content, as it is: nothing is held against the other files.

    Raises:
        BadInput: not a release that this version reads.
    """
    try:
        return decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:  # msgspec's ValidationError is a DecodeError
        what = f"not a release that this version of turnout reads: {error}"
        raise BadInput(what, where=where, remedy="make it with `turnout lock`") from error


def read_input(path: Path) -> bytes:
    """A file that was named on the command line: a release.json, or a part of the query set beside it.

    Raises:
        BadInput: it can't be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(
            f"can't be read: {error.strerror}",
            where=str(path),
            remedy="give release.json as `turnout lock` made it, with its query set in evaluation/ beside it",
        ) from error


def _is_folder_inside(base: str, folder: str) -> bool:
    path = os.path.join(base, folder)
    if not os.path.isdir(path):
        return False
    _refuse_outside(base, os.path.realpath(path), folder)
    return True


def _refuse_outside(base: str, real: str, shown: str) -> None:
    if os.path.commonpath([base, real]) != base:
        remedy = "put the file itself there"
        raise Refused("a link leads out of the root", where=printable(shown), remedy=remedy)


def _read(base: str, file: str) -> bytes | None:
    path = os.path.join(base, file)
    try:
        return _read_plain(path, file)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno != errno.ELOOP:
            reason = error.strerror or str(error)
            raise EnvironmentProblem(reason, where=printable(file), remedy="make it a readable file") from error
    real = os.path.realpath(path)
    _refuse_outside(base, real, file)
    if not os.path.exists(real) or os.path.islink(real):
        raise Refused("a link leads nowhere", where=printable(file), remedy="put the file itself there")
    return _read_plain(real, file)


def _read_plain(path: str, file: str) -> bytes:
    """Never follows a link in the last part and never waits for a pipe."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise Refused("not a plain file", where=printable(file), remedy="put a plain file there")
        with open(handle, "rb", closefd=False) as opened:
            data = opened.read(MAX_BYTES + 1)
    finally:
        os.close(handle)
    if len(data) > MAX_BYTES:
        raise Refused(f"more than {MAX_BYTES} bytes", where=printable(file), remedy="make it smaller")
    return data
