"""What the service reads from Elasticsearch, without blocking: views, release records and searches.

The async twin of `Reader`, smaller. Called by `turnout.retrieval` only, with the reading credential.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from elasticsearch import ApiError, AsyncElasticsearch, NotFoundError, TransportError

from turnout.elastic import state
from turnout.elastic.names import Names
from turnout.elastic.trust import Problem, problem_of
from turnout.elastic.views import View, describe_views
from turnout.errors import BadInput, Unavailable

_MIN_TIMEOUT_S = 0.001


class Gone(Unavailable):
    """The index isn't there any more."""


class AsyncReader:
    """Read-only access to one cluster. All methods raise `Unavailable` when the server can't answer."""

    def __init__(self, client: AsyncElasticsearch) -> None:
        # One retry, for a kept connection that the server closed meanwhile; the caller's deadline allows no more.
        self._client = client.options(max_retries=1, retry_on_timeout=False)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def views(self, names: Names) -> tuple[View, ...]:
        """All views of a collection, oldest first, found by their `_meta`."""
        async with _reaching("views"):
            described = await self._client.indices.get(
                index=names.views, ignore_unavailable=True, allow_no_indices=True
            )
        return describe_views(names.collection, described.body)

    async def index_uuid(self, index: str) -> str | None:
        """The identity of this incarnation of an index; None if there is no such index."""
        async with _reaching(index):
            found = await self._client.indices.get_settings(index=index, name="index.uuid", ignore_unavailable=True)
        return str(found[index]["settings"]["index"]["uuid"]) if index in found else None

    async def release_records(self, names: Names) -> tuple[state.ReleaseRecord, ...]:
        """How far each release of the collection has come; none if nothing was remembered yet."""
        filters = [{"term": {"type": "release"}}, {"term": {"collection": names.collection}}]
        async with _reaching(names.state):
            found = await self._client.search(
                index=names.state,
                ignore_unavailable=True,
                size=10_000,
                query={"bool": {"filter": filters}},
                allow_partial_search_results=False,
            )
        records = (state.decode(hit["_source"]) for hit in found["hits"]["hits"])
        return tuple(record for record in records if isinstance(record, state.ReleaseRecord))

    async def quarantined(self, names: Names, release_id: str) -> state.Quarantine | None:
        """Why a release must not be served; None if nothing speaks against it. In real time."""
        async with _reaching(names.state):
            try:
                found = await self._client.get(index=names.state, id=state.quarantine_key(names.collection, release_id))
            except NotFoundError as error:
                # Only Elasticsearch itself can know that there is no such record; a proxy's 404 says nothing.
                if _says_missing(error.body):
                    return None
                raise Unavailable(
                    "the answer is not one about a record",
                    where=names.state,
                    remedy="look at what stands between here and Elasticsearch",
                ) from error
        record = state.decode(found["_source"])
        return record if isinstance(record, state.Quarantine) else None

    async def search(self, index: str, body: dict[str, Any], *, timeout_s: float) -> list[dict[str, Any]]:
        """The hits of one search that all shards answered in time.

        Args:
            timeout_s: told to the server too, so that it gives up when nobody waits any longer.

        Raises:
            Gone: the index isn't there.
            BadInput: the server can't make sense of the body.
            Unavailable: not reached, too late, or only a part of the shards answered.
        """
        timeout_s = max(timeout_s, _MIN_TIMEOUT_S)
        client = self._client.options(request_timeout=timeout_s)
        async with _reaching(index):
            answer = await client.search(
                index=index,
                body=body | {"timeout": f"{max(1, int(timeout_s * 1000))}ms"},
                allow_partial_search_results=False,
            )
        return _whole(answer.body, index)


def _says_missing(body: object) -> bool:
    """Whether a 404 is Elasticsearch's: no such document, or no such index yet."""
    if not isinstance(body, dict):
        return False
    problem = body.get("error")
    return body.get("found") is False or (
        isinstance(problem, dict) and problem.get("type") == "index_not_found_exception"
    )


class _Shards(msgspec.Struct):
    total: int
    successful: int
    failed: int


class _Hits(msgspec.Struct):
    hits: list[dict[str, Any]]


class _Found(msgspec.Struct):
    """What an answer to a search must have. A proxy in between may answer 200 with something else."""

    timed_out: bool
    shards: _Shards = msgspec.field(name="_shards")
    hits: _Hits


def _whole(answer: object, index: str) -> list[dict[str, Any]]:
    try:
        found = msgspec.convert(answer, _Found)
        if not all("_id" in hit and isinstance(hit["_score"], int | float) for hit in found.hits.hits):
            raise ValueError("a hit without an id or a score")
    except (msgspec.ValidationError, ValueError, KeyError) as error:
        what = "the answer is not one to a search"
        raise Unavailable(what, where=index, remedy="look at what stands between here and Elasticsearch") from error
    if found.timed_out or found.shards.failed or found.shards.successful < found.shards.total:
        raise Unavailable("only a part of the shards answered in time", where=index, remedy="try again")
    return found.hits.hits


@asynccontextmanager
async def _reaching(where: str) -> AsyncIterator[None]:
    """Say what an error of the vendor client means, without the text of the query that is in some of them."""
    try:
        yield
    except NotFoundError as error:
        raise Gone("no such index", where=where, remedy="wait until it is built") from error
    except ApiError as error:
        if error.status_code == 400 and error.error != "index_closed_exception":
            raise BadInput(
                f"Elasticsearch can't run this search ({error.error})",
                where=where,
                remedy="check the filter values, or ask with fewer words",
            ) from error
        raise Unavailable(
            f"Elasticsearch is not able to answer now (HTTP {error.status_code})",
            where=where,
            remedy="look at the cluster's health and at the privileges of the reading credential",
        ) from error
    except TransportError as error:
        problem = problem_of(error, scheme="https") or Problem(
            type(error).__name__, "check that it is up, and that its URL says https:// if it speaks TLS"
        )
        raise Unavailable(
            f"Elasticsearch can't be reached ({problem.what})", where=where, remedy=problem.remedy
        ) from error
