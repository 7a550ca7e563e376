"""Answers to a search that can't be one are an outage, never a bug of the service and never the client's mistake."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from elastic_transport import ApiResponseMeta, HttpHeaders, NodeConfig
from elasticsearch import BadRequestError, NotFoundError

from turnout.elastic.async_reader import AsyncReader
from turnout.elastic.names import Names
from turnout.errors import BadInput, Unavailable

WHOLE = {"timed_out": False, "_shards": {"total": 1, "successful": 1, "failed": 0}, "hits": {"hits": []}}


class Client:
    """Answers every search with one body, or raises it."""

    def __init__(self, body: Any) -> None:
        self._body = body

    def options(self, **_: Any) -> Client:
        return self

    async def search(self, **_: Any) -> Any:
        if isinstance(self._body, Exception):
            raise self._body
        return SimpleNamespace(body=self._body)

    async def get(self, **_: Any) -> Any:
        raise NotFoundError("x", meta(404), self._body)


def search(body: Any) -> list[dict[str, Any]]:
    reader = AsyncReader(Client(body))  # type: ignore[arg-type]
    return asyncio.run(reader.search("toys.view", {}, timeout_s=1))


def meta(status: int) -> ApiResponseMeta:
    return ApiResponseMeta(status, "1.1", HttpHeaders(), 0.0, NodeConfig("http", "x", 1))


def refused(kind: str) -> BadRequestError:
    return BadRequestError(kind, meta(400), {"error": {"type": kind}})


def hits(*found: dict[str, Any]) -> dict[str, Any]:
    return WHOLE | {"hits": {"hits": list(found)}}


def test_the_hits_of_a_whole_answer_are_given() -> None:
    assert search(hits({"_id": "a", "_score": 1.5})) == [{"_id": "a", "_score": 1.5}]


@pytest.mark.parametrize(
    "body",
    [
        *("<html>", "", None, [], {}, {"hits": {"hits": []}}),
        WHOLE | {"_shards": {}},
        WHOLE | {"hits": None},
        WHOLE | {"timed_out": True},
        WHOLE | {"_shards": {"total": 2, "successful": 1, "failed": 0}},
        hits({"_score": 1.0}),
        hits({"_id": "a"}),
        hits({"_id": "a", "_score": None}),
    ],
)
def test_an_answer_that_is_not_a_whole_one_to_a_search_is_an_outage(body: Any) -> None:
    with pytest.raises(Unavailable):
        search(body)


def test_a_closed_index_is_an_outage_and_not_the_clients_mistake() -> None:
    with pytest.raises(Unavailable):
        search(refused("index_closed_exception"))
    with pytest.raises(BadInput):
        search(refused("search_phase_execution_exception"))


def quarantined(body: Any) -> object:
    reader = AsyncReader(Client(body))  # type: ignore[arg-type]
    return asyncio.run(reader.quarantined(Names(collection="toys"), "r-1"))


@pytest.mark.parametrize("body", [{"found": False}, {"error": {"type": "index_not_found_exception"}}])
def test_without_a_record_a_release_is_not_in_quarantine(body: Any) -> None:
    assert quarantined(body) is None


@pytest.mark.parametrize("body", ["<html>404</html>", {}, {"error": "no"}, {"error": {"type": "other"}}, None])
def test_a_404_that_is_not_elasticsearchs_says_nothing_about_a_quarantine(body: Any) -> None:
    with pytest.raises(Unavailable, match="not one about a record"):
        quarantined(body)
