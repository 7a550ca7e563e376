"""One real Elasticsearch for all tests, an index prefix of its own for each."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from turnout.elastic import node
from turnout.elastic.client import connect
from turnout.elastic.names import Names
from turnout.elastic.node import OwnNode
from turnout.elastic.reader import Reader
from turnout.elastic.writer import Writer


@pytest.fixture(scope="session")
def elastic_url() -> str:
    """The address of the shared server: the one that the environment names, else a local node that is left running."""
    return node.ensure(build_folder(), env=os.environ, port=0, tell=print).url


@pytest.fixture
def own_elastic() -> Iterator[OwnNode]:
    """A node of one's own to stop, kill and start again; takes about 10 s each time it starts."""
    with node.own_node(build_folder(), env=os.environ) as own:
        yield own


def build_folder() -> Path:
    """Where turnout keeps the server's distribution and data."""
    return Path(os.environ.get("TURNOUT_BUILD", Path(__file__).parents[2] / "build")).resolve()


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
