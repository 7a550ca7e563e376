"""Say how a release.json differs from the release that its artifacts give. Called by `checking`."""

from __future__ import annotations

from typing import Any

import msgspec

from turnout.release import fingerprint
from turnout.release.artifacts import Release
from turnout.release.findings import Finding, pointer, shown


def stale_lock(file: str, release: Release, actual: bytes, remedy: str) -> Finding:
    """Where release.json first differs from what it should be, and whose doing that looks like."""
    there, wanted = actual.split(b"\n"), fingerprint.encode(release).split(b"\n")
    pairs = enumerate(zip(there, wanted, strict=False), 1)
    line = next((number for number, (a, b) in pairs if a != b), min(len(there), len(wanted)))
    path, problem = "", "it is not a release"
    try:
        old = msgspec.json.decode(actual)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Finding(file, line, 1, path, "stale-lock", problem, remedy)
    path = pointer(_difference(old, msgspec.to_builtins(release)))
    if isinstance(old, dict) and isinstance(old.get("id"), str):
        problem = f"it is {shown(old['id'])}, the artifacts give {release.id}"
        if old["id"] == release.id:
            problem = f"it was edited by hand: its id {release.id} is that of other content"
    return Finding(file, line, 1, path, "stale-lock", problem, remedy)


def _difference(old: Any, new: Any, path: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The path of the first difference, in the order of the file."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return path
    for key in sorted(set(old) | set(new)):
        if key not in old or key not in new or old[key] != new[key]:
            return _difference(old.get(key), new.get(key), (*path, key))
    return path
