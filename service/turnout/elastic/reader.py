"""Reading from Elasticsearch: the class that can't change anything.

Given to planning, verifying, judging and status with read-only credentials. Followers and apply have a Writer
beside it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote, urlencode

import msgspec
from elasticsearch import ApiError, BadRequestError, Elasticsearch, NotFoundError
from elasticsearch import ConnectionError as ClientConnectionError
from elasticsearch import ConnectionTimeout as ClientTimeout

from turnout.elastic import state
from turnout.elastic.names import Names
from turnout.elastic.state import Quarantine
from turnout.elastic.trust import Problem, problem_of
from turnout.elastic.views import View, describe_views
from turnout.errors import EnvironmentProblem, Unavailable

PAGE = 1000
_JSON = {"accept": "application/json", "content-type": "application/json"}

RecordT = TypeVar("RecordT", bound=state.Record)


class StoredRecord(NamedTuple):
    """A state record with the place in history that a compare-and-set names."""

    record: state.AnyRecord
    seq_no: int
    primary_term: int


class Shards(NamedTuple):
    """The shards of one index as they are now.

    `identity` changes when the index is recreated, restored from a snapshot (also over a closed index, which keeps its
    uuid) or when a shard lost operations: `_seq_no`s of two identities have nothing to do with each other.
    `checkpoints` are the global checkpoints per shard; -1 for an empty shard.
    """

    identity: str
    checkpoints: dict[int, int]


class SearchCount(NamedTuple):
    """Searches that the shards of an index have answered since they started, and those (scrolls, PITs) still open."""

    done: int
    open: int


class Hit(msgspec.Struct, frozen=True):
    """One stored document. `seq_no` and `sort` are set where the call asked for them; `version` is the external one."""

    id: str
    source: dict[str, Any]
    seq_no: int = -1
    version: int = -1
    sort: tuple[Any, ...] = ()


@contextmanager
def reaching(client: Elasticsearch) -> Iterator[None]:
    """Turn "can't be reached" and "too busy" of the vendor client into `Unavailable`, "may not" into what it is."""
    try:
        yield
    except (ClientConnectionError, ClientTimeout) as error:
        url = _url(client)
        what, remedy = problem_of(error, scheme=url.partition(":")[0]) or Problem(
            error.message, "check the URL, or start a local one with `turnout elastic start`"
        )
        raise Unavailable(f"Elasticsearch can't be reached: {what}", where=url, remedy=remedy) from error
    except ApiError as error:
        if error.status_code in (429, 502, 503, 504):
            raise Unavailable(
                f"Elasticsearch is not able to answer now (HTTP {error.status_code})",
                where=_url(client),
                remedy="try again when the cluster is healthy",
            ) from error
        if error.status_code == 401 or (error.status_code == 403 and error.error != "cluster_block_exception"):
            raise EnvironmentProblem(
                f"the credential may not do this (HTTP {error.status_code})",
                where=_url(client),
                remedy="look at its privileges; service/README.md lists what reading and writing need",
            ) from error
        raise


def _shards(index: str, stats: dict[str, Any] | None, expected: int) -> Shards:
    """One index of `_stats?level=shards` as `Shards`; only whole answers count."""
    copies = {
        int(number): [copy for copy in group if "history_uuid" in copy.get("commit", {}).get("user_data", {})]
        for number, group in (stats["shards"] if stats else {}).items()
    }
    copies = {number: group for number, group in copies.items() if group}
    if stats is None or len(copies) < expected:
        raise Unavailable(
            f"only {len(copies)} of {expected} shards are up", where=index, remedy="look at the cluster's health"
        )
    histories = sorted(
        {(number, copy["commit"]["user_data"]["history_uuid"]) for number, group in copies.items() for copy in group}
    )
    digest = hashlib.sha256(repr(histories).encode()).hexdigest()[:16]
    checkpoints = {n: min(int(c["seq_no"]["global_checkpoint"]) for c in group) for n, group in sorted(copies.items())}
    return Shards(identity=f"{stats['uuid']}-{digest}", checkpoints=checkpoints)


def _require_whole(index: str, answer: Any) -> None:
    """An answer of some shards only has status 200, too."""
    shards = answer["_shards"]
    if shards["failed"]:
        raise Unavailable(
            f"{shards['failed']} of {shards['total']} shard copies didn't answer",
            where=index,
            remedy="try again when the cluster is healthy",
        )


def _require_told(index: str, docs: Sequence[dict[str, Any]]) -> None:
    """An error in place of a document says nothing about the document, unless the whole index is gone."""
    kinds = {doc["error"]["type"] for doc in docs if "error" in doc} - {"index_not_found_exception"}
    if kinds:
        raise Unavailable(
            f"some documents can't be looked up: {', '.join(sorted(kinds))}",
            where=index,
            remedy="try again when the cluster is healthy",
        )


def _url(client: Elasticsearch) -> str:
    return ", ".join(f"{node.scheme}://{node.host}:{node.port}" for node in client.transport.node_pool.all())


class Reader:
    """Read-only access to one cluster. All methods raise `Unavailable` when the server can't answer."""

    def __init__(self, client: Elasticsearch) -> None:
        self._client = client

    def server_version(self) -> str:
        """The server's version number, for example `9.4.3`."""
        with reaching(self._client):
            return str(self._client.info()["version"]["number"])

    def index_uuid(self, index: str) -> str | None:
        """The identity of this incarnation of an index; None if there is no such index."""
        found = self._describe(index)
        return found[index]["settings"]["index"]["uuid"] if index in found else None

    def describe(self, index: str) -> dict[str, Any] | None:
        """`aliases`, `mappings` and `settings` of one index as the server gives them; None if it doesn't exist."""
        return self._describe(index).get(index)

    def _describe(self, pattern: str) -> dict[str, Any]:
        with reaching(self._client):
            return dict(self._client.indices.get(index=pattern, ignore_unavailable=True, allow_no_indices=True))

    def indexes(self, pattern: str) -> dict[str, Any]:
        """Every index that matches, closed and hidden ones included, as `describe` gives one."""
        with reaching(self._client):
            return dict(
                self._client.indices.get(
                    index=pattern, ignore_unavailable=True, allow_no_indices=True, expand_wildcards="all"
                )
            )

    def views(self, names: Names) -> tuple[View, ...]:
        """All views of a collection, oldest first, found by their `_meta`."""
        return describe_views(names.collection, self._describe(names.views))

    def adopted(self, names: Names) -> View | None:
        """The index behind the alias, if it was adopted: only planning looks at it, no follower and no service."""
        views = describe_views(names.collection, self._describe(names.alias), adopted=True)
        return views[0] if len(views) == 1 else None

    def alias_targets(self, alias: str) -> frozenset[str]:
        """The indexes that an alias points at; empty if there is no such alias."""
        with reaching(self._client):
            try:
                return frozenset(self._client.indices.get_alias(name=alias))
            except NotFoundError:
                return frozenset()

    def global_checkpoints(self, index: str) -> dict[int, int]:
        """Per shard, the `_seq_no` up to which every in-sync copy has every operation; -1 for an empty shard."""
        with reaching(self._client):
            stats = self._client.indices.stats(index=index, level="shards", metric="docs")
        shards = stats["indices"][index]["shards"]
        return {
            int(number): min(int(copy["seq_no"]["global_checkpoint"]) for copy in copies)
            for number, copies in shards.items()
        }

    def shards(self, index: str) -> Shards | None:
        """Identity and global checkpoints of an index; None if it doesn't exist.

        Raises:
            Unavailable: closed, or a shard has no copy that is up, so that the identity can't be told.
        """
        with reaching(self._client):
            try:
                stats = self._client.indices.stats(index=index, level="shards", metric="docs")["indices"].get(index)
                expected = self._number_of_shards(index)
            except NotFoundError:
                return None
            except BadRequestError as error:
                if error.error == "index_closed_exception":
                    raise Unavailable("the index is closed", where=index, remedy="open it, or restore it") from error
                raise
        return _shards(index, stats, expected)

    def _number_of_shards(self, index: str) -> int:
        settings = self._client.indices.get_settings(index=index, name="index.number_of_shards")
        return int(settings[index]["settings"]["index"]["number_of_shards"])

    def search_count(self, index: str) -> SearchCount | None:
        """How much an index was searched; two equal answers mean that nobody searched in between. None if it's gone."""
        with reaching(self._client):
            try:
                stats = self._client.indices.stats(index=index, metric="search")
            except NotFoundError:
                return None
        found = stats["_all"]["total"]["search"]
        running = ("open_contexts", "query_current", "fetch_current", "scroll_current")
        return SearchCount(
            done=int(found["query_total"]) + int(found["scroll_total"]), open=sum(int(found[name]) for name in running)
        )

    def store_bytes(self, index: str) -> int | None:
        """What an index takes on disk, copies included; None if the server doesn't say."""
        with reaching(self._client):
            stats = self._client.indices.stats(index=index, metric="store")
        found = stats["_all"]["total"].get("store", {}).get("size_in_bytes")
        return None if found is None else int(found)

    def vector_bytes(self, index: str) -> int | None:
        """What the vectors of an index take of one copy (`_disk_usage`); reads the whole index to find out.

        None if the server doesn't say: the API is a technical preview.
        """
        # Not by the client's own method, which warns each time that the API is a preview.
        path = f"/{quote(index, safe='')}/_disk_usage?run_expensive_tasks=true&flush=true"
        with reaching(self._client):
            try:
                answer = self._client.perform_request("POST", path, headers=_JSON)
            except ApiError as error:
                if error.status_code in (429, 502, 503, 504):
                    raise
                return None
        found = answer.body.get(index, {}).get("all_fields", {}).get("knn_vectors_in_bytes")
        return None if found is None else int(found)

    def refresh(self, index: str) -> None:
        """Make all acknowledged operations of an index visible to searches, on every copy of every shard.

        Raises:
            Unavailable: also if one copy failed; the server calls that HTTP 200, and a search may ask that very copy.
        """
        with reaching(self._client):
            answer = self._client.indices.refresh(index=index)
        _require_whole(index, answer)

    def changes(
        self,
        index: str,
        shard: int,
        *,
        after: int,
        upto: int,
        size: int = PAGE,
        fields: Sequence[str] | None = None,
    ) -> Iterator[list[Hit]]:
        """Pages of the documents of one shard whose last operation is in (after, upto], by `_seq_no`.

        Gap-free only if `upto` is a global checkpoint that was read before the last refresh.

        Args:
            fields: the parts of the source to return; None for all of it.
        """
        while after < upto:
            with reaching(self._client):
                found = self._client.search(
                    index=index,
                    preference=f"_shards:{shard}",
                    size=size,
                    seq_no_primary_term=True,
                    query={"range": {"_seq_no": {"gt": after, "lte": upto}}},
                    sort=[{"_seq_no": "asc"}],
                    source_includes=list(fields) if fields is not None else None,
                    allow_partial_search_results=False,
                    track_total_hits=False,
                )
            hits = [Hit(id=hit["_id"], source=hit["_source"], seq_no=hit["_seq_no"]) for hit in found["hits"]["hits"]]
            if not hits:
                return
            yield hits
            after = hits[-1].seq_no

    def get_many(
        self,
        index: str,
        ids: Sequence[str],
        *,
        fields: Sequence[str] | None = None,
        vectors: bool = False,
        realtime: bool = True,
    ) -> dict[str, Hit]:
        """Documents by id, in real time (a write is seen before a refresh). Missing ids are left out.

        Args:
            fields: the parts of the source to return; None for all of it.
            vectors: also return dense vectors, which the server leaves out of the source by default. Of a write that
                no refresh has seen they come as they were sent (base64), else as numbers.
            realtime: False sees only what the last refresh made visible, and never makes the server refresh.
        """
        if not ids:
            return {}
        params: dict[str, Any] = {"_source_exclude_vectors": "false" if vectors else "true"}
        if not realtime:
            params["realtime"] = "false"
        if fields is not None:
            params["_source_includes"] = ",".join(fields)
        # The client's mget has no parameter for vectors; the server does.
        path = f"/{quote(index, safe='')}/_mget?{urlencode(params)}"
        with reaching(self._client):
            found = self._client.perform_request("POST", path, headers=_JSON, body={"ids": list(ids)})
        _require_told(index, found["docs"])
        return {
            doc["_id"]: Hit(
                id=doc["_id"], source=doc.get("_source", {}), seq_no=doc["_seq_no"], version=doc["_version"]
            )
            for doc in found["docs"]
            if doc.get("found")
        }

    def scan(
        self,
        index: str,
        *,
        sort: str,
        query: dict[str, Any] | None = None,
        fields: Sequence[str] | None = None,
        size: int = PAGE,
    ) -> Iterator[Hit]:
        """All matching documents of a point in time, in the order of the keyword or number field `sort`."""
        with reaching(self._client):
            pit = self._client.open_point_in_time(index=index, keep_alive="5m")["id"]
        try:
            after: list[Any] | None = None
            while True:
                with reaching(self._client):
                    found = self._client.search(
                        pit={"id": pit, "keep_alive": "5m"},
                        size=size,
                        query=query or {"match_all": {}},
                        sort=[{sort: "asc"}],
                        search_after=after,
                        track_total_hits=False,
                        source_includes=list(fields) if fields is not None else None,
                        seq_no_primary_term=True,
                        version=True,
                        allow_partial_search_results=False,
                    )
                hits = found["hits"]["hits"]
                for hit in hits:
                    yield Hit(
                        id=hit["_id"],
                        source=hit.get("_source", {}),
                        seq_no=hit["_seq_no"],
                        version=hit["_version"],
                        sort=tuple(hit["sort"]),
                    )
                if len(hits) < size:
                    return
                after = hits[-1]["sort"]
        finally:
            with reaching(self._client):
                self._client.close_point_in_time(id=pit)

    def search(self, index: str, body: dict[str, Any]) -> dict[str, Any]:
        """One search; partial answers are an error and never passed off as whole."""
        with reaching(self._client):
            return dict(self._client.search(index=index, body=body, allow_partial_search_results=False))

    def count(self, index: str, query: dict[str, Any] | None = None) -> int:
        """How many documents match; counts what the last refresh made visible."""
        with reaching(self._client):
            answer = self._client.count(index=index, query=query)
        _require_whole(index, answer)
        return int(answer["count"])

    def state(self, names: Names, key: str) -> state.AnyRecord | None:
        """One record by its key, in real time."""
        stored = self.state_versioned(names, key)
        return stored.record if stored else None

    def state_versioned(self, names: Names, key: str) -> StoredRecord | None:
        """One record with what a compare-and-set needs (`Writer.put_state(expect=...)`)."""
        with reaching(self._client):
            try:
                found = self._client.get(index=names.state, id=key)
            except NotFoundError:
                return None
        return StoredRecord(state.decode(found["_source"]), found["_seq_no"], found["_primary_term"])

    def quarantined(self, names: Names, release_id: str) -> Quarantine | None:
        """Why a release must not go anywhere; None if nothing speaks against it. In real time."""
        record = self.state(names, state.quarantine_key(names.collection, release_id))
        return record if isinstance(record, Quarantine) else None

    def environment(self, names: Names) -> str:
        """The environment that the indexes of this prefix belong to; empty if nothing says so. In real time."""
        record = self.state(names, state.ENVIRONMENT_KEY)
        return record.name if isinstance(record, state.Environment) else ""

    def states(self, names: Names, kind: type[RecordT]) -> tuple[RecordT, ...]:
        """All records of one kind of the collection, oldest first."""
        tag = kind.__struct_config__.tag
        query = {"bool": {"filter": [{"term": {"type": tag}}, {"term": {"collection": names.collection}}]}}
        with reaching(self._client):
            found = self._client.search(
                index=names.state, ignore_unavailable=True, size=10_000, query=query, allow_partial_search_results=False
            )
        records = [state.decode(hit["_source"]) for hit in found["hits"]["hits"]]
        return tuple(sorted((r for r in records if isinstance(r, kind)), key=lambda record: record.at))
