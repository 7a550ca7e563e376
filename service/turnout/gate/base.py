"""What the base says: its release, its permissions, its policy. Read from Git at the commit that the change left it at.

A change is held against the rules that hold already, so that no change loosens the rules for itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from turnout.errors import BadInput
from turnout.git import read_file
from turnout.release.artifacts import Override, Overrides, Quarantine, QuarantinedRelease, Release
from turnout.release.checking import artifact_file
from turnout.release.fingerprint import decode
from turnout.release.schema import Kind, convert
from turnout.release.yaml_reader import read_yaml

_Artifact = TypeVar("_Artifact")


def base_release(root: Path, commit: str, collection: str) -> Release | None:
    """The release that a commit locks; None if it locks none.

    Raises:
        BadInput: its release.json isn't a release that this version reads, or is that of another collection.
        EnvironmentProblem: git fails.
    """
    path = artifact_file(collection, "release.json")
    where = f"{commit[:12]}:{path}"
    data = read_file(root, commit, path)
    if data is None:
        return None
    try:
        release = decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"not a release that this version of turnout reads: {error}", where=where) from error
    if release.collection != collection:
        raise BadInput("it is the release of another collection", where=where)
    return release


def base_overrides(root: Path, commit: str, collection: str) -> tuple[Override, ...]:
    """The permissions that a commit holds, ended ones too; none if its file can't be read.

    Raises:
        EnvironmentProblem: git fails.
    """
    found = _yaml(root, commit, artifact_file(collection, "overrides.yaml"), "overrides", Overrides)
    return tuple(found.overrides) if found else ()


def base_quarantine(root: Path, commit: str, collection: str) -> tuple[QuarantinedRelease, ...]:
    """The releases that a commit holds in quarantine; none if its file can't be read, which validation of it refused.

    Raises:
        EnvironmentProblem: git fails.
    """
    found = _yaml(root, commit, artifact_file(collection, "quarantine.yaml"), "quarantine", Quarantine)
    return tuple(found.releases) if found else ()


def _yaml(root: Path, commit: str, path: str, kind: Kind, into: type[_Artifact]) -> _Artifact | None:
    data = read_file(root, commit, path)
    document = read_yaml(path, data)[0] if data is not None else None
    return convert(kind, document, into)[0] if document is not None else None
