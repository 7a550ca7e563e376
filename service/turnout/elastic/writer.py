"""Writing to Elasticsearch: the class that only followers, ingest and admin processes hold.

The service that faces users never imports this module (import-linter holds it to that).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

import orjson
from elasticsearch import BadRequestError, ConflictError, Elasticsearch, NotFoundError

from turnout.elastic import state
from turnout.elastic.names import Names
from turnout.elastic.reader import StoredRecord, reaching
from turnout.elastic.views import write_alias

# Elasticsearch works best with bulk bodies of a few megabytes; larger ones only cost memory on both sides.
BULK_BYTES = 4_000_000
# Settings of every index that must lose nothing: a pipeline that an index template brings may drop what is written,
# and the server calls that a success.
NO_PIPELINES = {"default_pipeline": "_none", "final_pipeline": "_none"}


class BulkItem(NamedTuple):
    """One line pair of a bulk request.

    `version` makes it an external version (`index` and `delete`). `body` is the document, or for `update` the body of
    the update API (`script`, `upsert`, ...); None for `delete`.
    """

    op: Literal["index", "create", "update", "delete"]
    id: str
    body: dict[str, Any] | None = None
    version: int | None = None


class BulkOutcome(NamedTuple):
    """What happened to one item: the HTTP status, the result word (`created`, `updated`, `noop`, ...), the error."""

    id: str
    status: int
    result: str
    error_type: str = ""
    error: str = ""

    @property
    def ok(self) -> bool:
        """Whether the server did what was asked."""
        return self.status < 300


class Conflict(Exception):
    """A compare-and-set found something else than expected; read again and decide again."""


class Writer:
    """Write access to one cluster. All methods raise `Unavailable` when the server can't answer."""

    def __init__(self, client: Elasticsearch) -> None:
        self._client = client

    def create_index(
        self,
        index: str,
        *,
        mappings: dict[str, Any],
        settings: dict[str, Any],
        aliases: dict[str, Any] | None = None,
    ) -> bool:
        """Create an index; False if one of that name exists already."""
        with reaching(self._client):
            try:
                self._client.indices.create(index=index, mappings=mappings, settings=settings, aliases=aliases)
            except BadRequestError as error:
                if error.error == "resource_already_exists_exception":
                    return False
                raise
        return True

    def put_mapping(self, index: str, mappings: dict[str, Any]) -> None:
        """Change a mapping in place; the server refuses what it can't take (`BadRequestError`)."""
        with reaching(self._client):
            self._client.indices.put_mapping(index=index, body=mappings)

    def put_settings(self, index: str, settings: dict[str, Any]) -> None:
        """Change dynamic settings of an open index."""
        with reaching(self._client):
            self._client.indices.put_settings(index=index, settings=settings)

    def delete_index(self, index: str) -> None:
        """Delete an index; nothing happens if it is gone already."""
        with reaching(self._client):
            self._client.indices.delete(index=index, ignore_unavailable=True)

    def force_merge(self, index: str, *, segments: int = 1) -> None:
        """Merge the segments of a view that was just filled."""
        with reaching(self._client):
            self._client.options(request_timeout=3600).indices.forcemerge(index=index, max_num_segments=segments)

    def bulk(
        self, index: str, items: Iterable[BulkItem], *, refresh: bool = False, require_alias: bool = False
    ) -> Iterator[BulkOutcome]:
        """Send items in requests of bounded size; one outcome per item, in order.

        With `require_alias`, `index` must be an alias: items for a deleted one fail with 404 and create nothing.

        An item that fails doesn't stop the others: look at each outcome. A request that could not be sent raises
        `Unavailable`; what came before it is done, and sending all of it again is safe for versioned items.
        """
        for lines in _requests(items):
            with reaching(self._client):
                answer = self._client.bulk(
                    index=index, operations=lines, refresh=refresh, require_alias=require_alias or None
                )
            for entry in answer["items"]:
                yield _outcome(next(iter(entry.values())))

    def update_aliases(self, actions: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """One atomic `_aliases` call, never retried by the client: read the alias again after any error.

        Returns:
            The server's answer. `errors: true` in it means that some actions did nothing, though the status is 200.
        """
        once = self._client.options(max_retries=0)
        with reaching(self._client):
            return dict(once.indices.update_aliases(actions=list(actions)))

    def ensure_state_index(self, names: Names) -> None:
        """Create the state index, and the alias that it is written through, if they are not there."""
        alias = write_alias(names.state)
        created = self.create_index(
            names.state,
            mappings=state.STATE_MAPPING,
            settings={"number_of_shards": 1, "auto_expand_replicas": "0-1", **NO_PIPELINES},
            aliases={alias: {"is_hidden": True}},
        )
        with reaching(self._client):
            if created or self._client.indices.exists_alias(index=names.state, name=alias):
                return
        self.update_aliases([{"add": {"index": names.state, "alias": alias, "is_hidden": True}}])

    def put_state(
        self,
        names: Names,
        record: state.AnyRecord,
        *,
        expect: StoredRecord | None = None,
        create: bool = False,
        refresh: bool = True,
    ) -> None:
        """Store a record under its key.

        Args:
            expect: only if the stored record is still this one.
            create: only if there is none yet.
            refresh: make it visible to `Reader.states` at once; checkpoints, which are read by key, go without.

        Raises:
            Conflict: `expect` or `create` didn't hold.
        """
        try:
            self._put(names, record, expect=expect, create=create, refresh=refresh)
        except NotFoundError:
            self.ensure_state_index(names)
            self._put(names, record, expect=expect, create=create, refresh=refresh)

    def _put(
        self, names: Names, record: state.AnyRecord, *, expect: StoredRecord | None, create: bool, refresh: bool
    ) -> None:
        """Through the alias: a write to a name that is free would make an index that finds no record again."""
        with reaching(self._client):
            try:
                self._client.index(
                    index=write_alias(names.state),
                    require_alias=True,
                    pipeline="_none",
                    id=record.key,
                    document=state.encode(record),
                    refresh=refresh,
                    op_type="create" if create else None,
                    if_seq_no=expect.seq_no if expect else None,
                    if_primary_term=expect.primary_term if expect else None,
                )
            except ConflictError as error:
                raise Conflict(record.key) from error


def _requests(items: Iterable[BulkItem]) -> Iterator[list[Any]]:
    lines: list[Any] = []
    size = 0
    for item in items:
        pair = _lines(item)
        added = sum(map(len, pair))
        if lines and size + added > BULK_BYTES:
            yield lines
            lines, size = [], 0
        lines.extend(pair)
        size += added
    if lines:
        yield lines


def _lines(item: BulkItem) -> list[bytes]:
    """The item as the client passes it on untouched: bytes, serialized once."""
    action: dict[str, Any] = {"_id": item.id}
    if item.version is not None:
        action |= {"version": item.version, "version_type": "external"}
    head = orjson.dumps({item.op: action})
    return [head] if item.body is None else [head, orjson.dumps(item.body)]


def _outcome(entry: dict[str, Any]) -> BulkOutcome:
    error = entry.get("error", {})
    cause = error.get("caused_by", {})
    text = ": ".join(part for part in (error.get("reason", ""), cause.get("reason", "")) if part)
    return BulkOutcome(
        id=entry["_id"],
        status=entry["status"],
        result=entry.get("result", ""),
        error_type=error.get("type", ""),
        error=text,
    )
