"""Where a rehearsal puts its indexes: a prefix of its own, with a marker that says whose it is and how long it counts.

A *shared* space is found again by its key, so that many heads are rehearsed against one base; a *private* one goes with
its rehearsal. Spaces are found by the `_meta` of their markers. Nothing outside of a space is ever changed.
"""

from __future__ import annotations

import hashlib
import os
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Annotated

import msgspec
from elasticsearch import ApiError

from turnout.elastic.reader import Reader
from turnout.elastic.views import META_KEY, write_alias
from turnout.elastic.writer import Writer
from turnout.errors import EnvironmentProblem, TurnoutError
from turnout.rehearsal.lock import Lock, was_taken
from turnout.rehearsal.settings import Settings

LIFE = timedelta(hours=6)
ROLE = "rehearsal"
_FAMILY = "turnout-rehearsal-"
_MARKER = "turnout.space"
_DELETED_AT_ONCE = 20  # names in one URL
_ATTEMPTS = 3


class Space(msgspec.Struct, frozen=True, kw_only=True):
    """The `_meta` of a marker. `prefix` begins the name of every index of the space.

    `ingested`: all documents of the sample are in.
    """

    role: str
    key: str
    prefix: str
    owner: str
    expires_at: Annotated[datetime, msgspec.Meta(tz=True)]
    private: bool
    ingested: bool = False

    @property
    def marker(self) -> str:
        """The index that carries this `_meta` and the lock."""
        return f"{self.prefix}{_MARKER}"


def space_key(*parts: str) -> str:
    """The key of what a shared space is for."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def spaces(reader: Reader, prefix: str) -> tuple[Space, ...]:
    """All spaces under a user's prefix, by their markers. One that claims foreign indexes or isn't whole is none."""
    found = []
    for index, body in reader.indexes(f"{prefix}{_FAMILY}*").items():
        meta = body["mappings"].get("_meta", {}).get(META_KEY, {})
        if meta.get("role") != ROLE:
            continue
        with suppress(msgspec.ValidationError):
            space = msgspec.convert(meta, Space)
            if space.marker == index and len(space.prefix) > len(prefix + _FAMILY):
                found.append(space)
    return tuple(found)


def sweep(reader: Reader, writer: Writer, settings: Settings, owner: str) -> None:
    """Delete spaces whose time is over, and private ones whose rehearsal died."""
    now = datetime.fromisoformat(settings.now())
    for space in spaces(reader, settings.prefix):
        over = space.expires_at < now
        # Locked before it goes: whoever works in it keeps it, and who comes this moment finds it taken.
        if (over or (space.private and was_taken(reader, space.marker))) and Lock(writer, space.marker, owner).take():
            delete_space(reader, writer, space)


def delete_space(reader: Reader, writer: Writer, space: Space) -> None:
    """Delete all its indexes, the marker last: what is left after a crash is found again by it."""
    indexes = [index for index in reader.indexes(f"{space.prefix}*") if index.startswith(space.prefix)]
    others = [index for index in indexes if index != space.marker]
    for start in range(0, len(others), _DELETED_AT_ONCE):
        writer.delete_index(",".join(others[start : start + _DELETED_AT_ONCE]))
    writer.delete_index(space.marker)


def write_marker(writer: Writer, space: Space) -> None:
    """Change what a marker says."""
    writer.put_mapping(space.marker, {"_meta": {META_KEY: msgspec.to_builtins(space)}})


@contextmanager
def opened(reader: Reader, writer: Writer, settings: Settings, key: str | None) -> Iterator[tuple[Space, Lock]]:
    """A space that nobody else uses: the shared one of `key` if it is free, else a private one.

    A private space is deleted at the end, however that comes; a shared one is left unlocked.

    Args:
        key: None for a private one.

    Raises:
        EnvironmentProblem: no space can be made.
    """
    owner = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex}"
    sweep(reader, writer, settings, owner)
    space, lock = _claim(writer, reader, settings, key, owner)
    try:
        with lock:
            yield space, lock
    except BaseException:
        with suppress(TurnoutError, ApiError):  # the cause matters more, and the next rehearsal deletes what is left
            _leave(reader, writer, space, lock)
        raise
    _leave(reader, writer, space, lock)


def _leave(reader: Reader, writer: Writer, space: Space, lock: Lock) -> None:
    if space.private:
        delete_space(reader, writer, space)
    else:
        lock.drop()


def _claim(writer: Writer, reader: Reader, settings: Settings, key: str | None, owner: str) -> tuple[Space, Lock]:
    for attempt in range(_ATTEMPTS):
        private = key is None or attempt > 0
        # One length for all, so that no prefix begins another one.
        own = f"p{uuid.uuid4().hex[:15]}" if private or key is None else key
        space = _make(writer, settings, own, owner, private=private)
        lock = Lock(writer, space.marker, owner)
        if lock.take():
            return _renewed(reader, writer, settings, space), lock
    raise EnvironmentProblem(
        "no space for a rehearsal can be made: what was made was gone or taken at once",
        where=f"{settings.prefix}{_FAMILY}*",
        remedy="see who deletes indexes there, then try again",
    )


def _make(writer: Writer, settings: Settings, key: str, owner: str, *, private: bool) -> Space:
    """Make the marker, or find that it is there."""
    space = Space(
        role=ROLE,
        key=key,
        prefix=f"{settings.prefix}{_FAMILY}{key}-",
        owner=owner,
        expires_at=_end(settings),
        private=private,
    )
    writer.create_index(
        space.marker,
        mappings={"dynamic": False, "_meta": {META_KEY: msgspec.to_builtins(space)}},
        settings={"number_of_shards": 1, "number_of_replicas": 0},
        aliases={write_alias(space.marker): {"is_hidden": True}},
    )
    return space


def _renewed(reader: Reader, writer: Writer, settings: Settings, space: Space) -> Space:
    """The space as its marker knows it, for another six hours. Only its holder may do this."""
    found = reader.describe(space.marker) or {}
    meta = found.get("mappings", {}).get("_meta", {}).get(META_KEY, {})
    ingested = meta.get("key") == space.key and bool(meta.get("ingested"))
    renewed = msgspec.structs.replace(space, ingested=ingested, expires_at=_end(settings))
    write_marker(writer, renewed)
    return renewed


def _end(settings: Settings) -> datetime:
    return datetime.fromisoformat(settings.now()) + LIFE
