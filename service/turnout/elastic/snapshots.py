"""Snapshots of indexes: looking at them, and bringing an index back. Used by `turnout.restore` only.

Taking them is Elasticsearch's own business (snapshot lifecycle management).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
from elasticsearch import BadRequestError, Elasticsearch, NotFoundError

from turnout.elastic.reader import reaching
from turnout.errors import BadInput


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """One snapshot as its repository describes it.

    `indexes` are those that are whole in it, with their size in bytes (0 if the repository doesn't know). Times are
    ISO 8601 in UTC.
    """

    repository: str
    name: str
    state: str
    started_at: str
    ended_at: str
    indexes: dict[str, int]


class Recovered(NamedTuple):
    """How far an index has come that is being made from a snapshot or from another index."""

    shards: int
    done: int
    bytes: int
    total_bytes: int


class SnapshotReader:
    """Looks at snapshots and at what is made from them. All methods raise `Unavailable` if the server can't answer."""

    def __init__(self, client: Elasticsearch) -> None:
        self._client = client

    def snapshot(self, repository: str, name: str) -> Snapshot:
        """What a repository says of a snapshot.

        Raises:
            BadInput: there is no such repository, or no such snapshot.
        """
        if not repository or not name:
            raise BadInput("a snapshot has a name and a repository", remedy="name both")
        with reaching(self._client):
            try:
                answer = self._client.snapshot.get(repository=repository, snapshot=name, index_details=True)
            except NotFoundError as error:
                raise BadInput(
                    f"there is no snapshot {name!r} in repository {repository!r} ({error.error})",
                    where=f"{repository}/{name}",
                    remedy=f"see GET _snapshot and GET _snapshot/{repository}/_all for those that there are",
                ) from error
        found = answer["snapshots"]
        if len(found) != 1 or found[0]["snapshot"] != name:
            raise BadInput(
                f"{name!r} means {len(found)} snapshots", where=repository, remedy="name one snapshot, no pattern"
            )
        return _snapshot(repository, found[0])

    def recovered(self, index: str) -> Recovered:
        """How far the primaries of an index are; those that haven't begun yet aren't counted."""
        with reaching(self._client):
            try:
                answer = self._client.indices.recovery(index=index)
            except NotFoundError:
                return Recovered(0, 0, 0, 0)
        shards = [shard for shard in answer.get(index, {}).get("shards", []) if shard["primary"]]
        sizes = [shard["index"]["size"] for shard in shards]
        return Recovered(
            shards=len(shards),
            done=sum(shard["stage"] == "DONE" for shard in shards),
            bytes=sum(size["recovered_in_bytes"] + size["reused_in_bytes"] for size in sizes),
            total_bytes=sum(size["total_in_bytes"] for size in sizes),
        )

    def is_up(self, index: str) -> bool:
        """Whether every primary of an index can be used."""
        with reaching(self._client):
            return bool(self._client.cluster.health(index=index, timeout="0s")["status"] != "red")

    def free_bytes(self) -> int:
        """What the disks of all data nodes have left for indexes."""
        with reaching(self._client):
            return int(self._client.cluster.stats()["nodes"]["fs"]["available_in_bytes"])


class SnapshotWriter:
    """Brings indexes back. All methods raise `Unavailable` if the server can't answer."""

    def __init__(self, client: Elasticsearch) -> None:
        self._client = client

    def restore(self, snapshot: Snapshot, index: str, target: str) -> None:
        """Begin to restore one index under the name `target`, without any alias; returns before it is there."""
        with reaching(self._client):
            self._client.snapshot.restore(
                repository=snapshot.repository,
                snapshot=snapshot.name,
                indices=index,
                include_aliases=False,
                include_global_state=False,
                rename_pattern="^.+$",
                rename_replacement=target.replace("\\", "\\\\").replace("$", "\\$"),
                ignore_index_settings="index.blocks.*,index.lifecycle.*",
                wait_for_completion=False,
            )

    def block_writes(self, index: str) -> None:
        """Take no more writes; those under way have ended when this returns. One that is closed or gone takes none."""
        with reaching(self._client):
            try:
                self._client.indices.add_block(index=index, block="write")
            except NotFoundError:
                return
            except BadRequestError as error:
                if error.error != "index_closed_exception":
                    raise

    def allow_writes(self, index: str) -> None:
        """Undo `block_writes`; nothing happens if the index is gone."""
        with reaching(self._client):
            self._client.indices.put_settings(
                index=index, settings={"index.blocks.write": None}, ignore_unavailable=True
            )

    def clone(self, index: str, target: str, *, aliases: dict[str, Any]) -> bool:
        """Make `target` from an index that takes no writes, on the same disk blocks; `target` takes writes.

        False if there is an index of that name.
        """
        with reaching(self._client):
            try:
                self._client.indices.clone(
                    index=index, target=target, settings={"index.blocks.write": None}, aliases=aliases
                )
            except BadRequestError as error:
                if error.error == "resource_already_exists_exception":
                    return False
                raise
        return True


def _snapshot(repository: str, found: dict[str, Any]) -> Snapshot:
    broken = {failure.get("index") for failure in found.get("failures", [])}
    details = found.get("index_details", {})
    return Snapshot(
        repository=repository,
        name=found["snapshot"],
        state=found["state"],
        started_at=found["start_time"],
        ended_at=found.get("end_time", ""),
        indexes={
            index: int(details.get(index, {}).get("size_in_bytes", 0))
            for index in found["indices"]
            if index not in broken
        },
    )
