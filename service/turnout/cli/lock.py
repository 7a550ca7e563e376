"""`turnout lock`: write release.json from a collection's artifacts."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import click
import msgspec

from turnout.cli.artifacts import check_collection, chosen
from turnout.cli.findings import render
from turnout.cli.settings import from_environment
from turnout.errors import EnvironmentProblem, TurnoutError
from turnout.release import fingerprint
from turnout.release.artifacts import Release
from turnout.release.checking import LOCK_RULES, artifact_file
from turnout.release.findings import Finding

_MEANS = {
    "embedding": "vectors must be computed again",
    "index": "documents must be written again, unless Elasticsearch takes the change in place",
    "query": "nothing is written; searches change",
}


@click.command(name="lock")
@click.argument("collections", nargs=-1, metavar="[COLLECTION...]")
@click.option("--check", is_flag=True, help="Write nothing; exit 1 if a lock is missing or stale.")
def command(collections: tuple[str, ...], check: bool) -> int:
    """Write release.json, the canonical release that pods mount, from a collection's artifacts.

    Without a COLLECTION all are locked. Nothing is written for a collection with findings.

    \b
    turnout lock python-docs
    turnout lock --check                  in CI, or before a commit
    """
    root = from_environment().root
    names = chosen(root, collections)
    refused = [name for name in names if not _lock(root, name, check=check)]
    return 1 if refused else 0


def _lock(root: Path, collection: str, *, check: bool) -> bool:
    try:
        checked = check_collection(root, collection)
    except TurnoutError as error:
        finding = Finding(error.where, 1, 1, "", "unreadable-file", error.what, error.remedy)
        click.echo(render([finding], form="text", collections=1), err=True)
        return False
    if checked.release is None:
        findings = [finding for finding in checked.findings if finding.rule not in LOCK_RULES]
        click.echo(render(findings, form="text", collections=1), err=True)
        return False
    path = root / artifact_file(collection, "release.json")
    old = _old(path)
    if not checked.findings:
        click.echo(f"{collection}: {checked.release.id} (nothing changed)")
        return True
    for line in _changes(collection, old, checked.release):
        click.echo(line)
    if check:
        click.echo(f"    the lock is stale: run `turnout lock {collection}` and commit release.json")
        return False
    _replace(path, fingerprint.encode(checked.release))
    return True


def _old(path: Path) -> Release | None:
    try:
        return fingerprint.decode(path.read_bytes())
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):  # what can't be read is written anew
        return None


def _changes(collection: str, old: Release | None, new: Release) -> list[str]:
    lines = [f"{collection}: {old.id if old else 'no lock'} -> {new.id}"]
    for name, meaning in _MEANS.items():
        before = getattr(old.fingerprints, name) if old else "none"
        after = getattr(new.fingerprints, name)
        if before != after:
            lines.append(f"    {name}: {before} -> {after}  ({meaning})" if old else f"    {name}: {after}")
    if old and old.fingerprints == new.fingerprints:
        lines.append("    no fingerprint changed: neither vectors nor documents nor searches")
    return lines


def _replace(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".release-", suffix=".json")
        with open(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(handle)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise EnvironmentProblem(reason, where=str(path), remedy="make the folder writable") from error
    finally:
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)
