"""Make an Elasticsearch client. Called by entry points only; everything else gets a Reader or a Writer."""

from __future__ import annotations

from elasticsearch import AsyncElasticsearch, Elasticsearch
from elasticsearch.serializer import OrjsonSerializer


def connect(url: str, *, api_key: str | None = None, timeout_s: float = 60.0) -> Elasticsearch:
    """A client for `url` with the fast serializer; asks nothing of the server yet."""
    return Elasticsearch(url, api_key=api_key, request_timeout=timeout_s, serializer=OrjsonSerializer())


def connect_async(url: str, *, api_key: str | None = None, timeout_s: float = 10.0) -> AsyncElasticsearch:
    """The same for the service, which waits on many searches at once."""
    return AsyncElasticsearch(url, api_key=api_key, request_timeout=timeout_s, serializer=OrjsonSerializer())
