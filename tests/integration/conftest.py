"""One real Elasticsearch for all tests, an index prefix of its own for each."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

import pytest
from elasticsearch import Elasticsearch

from turnout.elastic.client import connect
from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.writer import Writer


@pytest.fixture(scope="session")
def elastic_url() -> str:
    """The address of the shared server."""
    return os.environ["TURNOUT_ELASTICSEARCH_URL"]


@pytest.fixture(scope="session")
def client(elastic_url: str) -> Iterator[Elasticsearch]:
    """The vendor client, for arranging and looking behind turnout's back."""
    with connect(elastic_url) as client:
        yield client


@pytest.fixture
def prefix(client: Elasticsearch) -> Iterator[str]:
    """A prefix for every index of this test; what carries it is deleted at the end."""
    prefix = f"t{uuid.uuid4().hex[:10]}-"
    yield prefix
    indexes = list(client.indices.get(index=f"{prefix}*", expand_wildcards="all"))
    if indexes:
        client.indices.delete(index=indexes)


@pytest.fixture
def names(prefix: str) -> Names:
    """The index names of a collection called toys, as in `support.releases`."""
    return Names(collection="toys", prefix=prefix)


@pytest.fixture
def reader(client: Elasticsearch) -> Reader:
    """A reader on the shared server."""
    return Reader(client)


@pytest.fixture
def writer(client: Elasticsearch) -> Writer:
    """A writer on the shared server."""
    return Writer(client)
