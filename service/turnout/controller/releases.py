"""The release in a ConfigMap, and what may be wrong with it, in words. Used by `look`.

A release may be of a megabyte and is looked at every few seconds, so it is read once for each version of its ConfigMap.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

from turnout.kube.objects import ConfigMap, Meta
from turnout.kube.reader import Reader
from turnout.release.artifacts import Release
from turnout.release.fingerprint import decode

FILE = "release.json"
"""The key of a release ConfigMap that holds the release."""
_ID = re.compile(r"r-[0-9a-f]{1,61}")  # it becomes a label, a part of names and a metric's label
_TOLD = 300  # characters of what is wrong; a ConfigMap may hold a megabyte of it


class Found(NamedTuple):
    """A release, or why there is none."""

    release: Release | None
    problem: str = ""


class Releases:
    """The releases that a collection's ConfigMaps hold. Not thread-safe: one for each collection."""

    def __init__(self, reader: Reader, collection: str) -> None:
        self._reader = reader
        self._collection = collection
        self._known: dict[tuple[str, str], Found] = {}

    def find(self, name: str, listed: dict[str, Meta]) -> Found:
        """The release in the ConfigMap called `name`.

        Args:
            listed: the collection's release ConfigMaps as they are now, by name.
        """
        if not name:
            return Found(None, "the pod template has no volume called release that is a ConfigMap")
        meta = listed.get(name)
        version = (meta.uid, meta.resource_version) if meta else None
        if version in self._known:
            return self._known[version]
        held = self._reader.config_map(name)
        if held is None:
            return Found(None, f"there is no ConfigMap {name}")
        found = _release(held, self._collection)
        if version and version == (held.metadata.uid, held.metadata.resource_version):
            self._known[version] = found
        return found

    def forget(self, listed: dict[str, Meta]) -> None:
        """Forget what isn't there any more."""
        versions = {(meta.uid, meta.resource_version) for meta in listed.values()}
        self._known = {version: found for version, found in self._known.items() if version in versions}


def _release(held: ConfigMap, collection: str) -> Found:
    name = held.metadata.name
    text = held.data.get(FILE)
    if text is None:
        return Found(None, f"ConfigMap {name} has no {FILE}")
    try:
        release = decode(text.encode())
    except (msgspec.DecodeError, RecursionError) as error:  # ValidationError is a DecodeError, too
        return Found(None, f"{FILE} in ConfigMap {name} is not a release: {str(error)[:_TOLD]}")
    if not _ID.fullmatch(release.id):
        return Found(None, f"{FILE} in ConfigMap {name} is not a release: {release.id[:_TOLD]!r} is no id of one")
    if release.collection != collection:
        other = release.collection[:_TOLD]
        return Found(None, f"ConfigMap {name} holds a release of {other!r}, the Rollout is for {collection!r}")
    return Found(release)
