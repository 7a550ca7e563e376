"""Answers of some shards only are HTTP 200, and still no answer."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from elasticsearch import Elasticsearch

from turnout.elastic.reader import Reader
from turnout.errors import Unavailable


def reader(answer: dict[str, Any]) -> Reader:
    """A reader on a server that gives this one answer to whatever it is asked."""

    def answered(*_: object, **__: object) -> dict[str, Any]:
        return answer

    client = SimpleNamespace(indices=SimpleNamespace(refresh=answered), count=answered, perform_request=answered)
    return Reader(cast(Elasticsearch, client))


def test_a_refresh_that_a_replica_missed_is_no_refresh() -> None:
    half = reader({"_shards": {"total": 2, "successful": 1, "failed": 1}})
    with pytest.raises(Unavailable, match="1 of 2 shard copies"):
        half.refresh("documents")
    reader({"_shards": {"total": 2, "successful": 1, "failed": 0}}).refresh("documents")  # a replica is unassigned


def test_a_count_of_some_shards_is_no_count() -> None:
    with pytest.raises(Unavailable):
        reader({"count": 0, "_shards": {"total": 8, "successful": 7, "failed": 1}}).count("view")


def test_a_document_on_a_shard_that_is_away_is_not_missing() -> None:
    here = {"_id": "a", "found": False}
    away = {"_id": "b", "error": {"type": "no_shard_available_action_exception", "reason": "-"}}
    gone = {"_id": "b", "error": {"type": "index_not_found_exception", "reason": "-"}}
    with pytest.raises(Unavailable, match="no_shard_available"):
        reader({"docs": [here, away]}).get_many("documents", ["a", "b"])
    assert reader({"docs": [here, gone]}).get_many("documents", ["a", "b"]) == {}
