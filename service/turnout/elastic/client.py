"""Make an Elasticsearch client. Called by entry points only; everything else gets a Reader or a Writer."""

from __future__ import annotations

from importlib.util import find_spec

from elastic_transport import AiohttpHttpNode, HttpxAsyncHttpNode
from elasticsearch import AsyncElasticsearch, Elasticsearch
from elasticsearch.serializer import OrjsonSerializer


def connect(url: str, *, api_key: str | None = None, timeout_s: float = 60.0) -> Elasticsearch:
    """A client for `url` with the fast serializer; asks nothing of the server yet.

    Its retries wait between tries: an index that was made a moment ago answers 503 until its shards are there.
    """
    return Elasticsearch(
        url,
        api_key=api_key,
        request_timeout=timeout_s,
        serializer=OrjsonSerializer(),
        retry_backoff_base=0.1,
        retry_backoff_cap=1.0,
    )


def connect_async(url: str, *, api_key: str | None = None, timeout_s: float = 10.0) -> AsyncElasticsearch:
    """The same for the service, which waits on many searches at once.

    Over aiohttp, which takes less CPU per request, or over httpx where only that is installed.
    """
    node = AiohttpHttpNode if find_spec("aiohttp") else HttpxAsyncHttpNode
    return AsyncElasticsearch(
        url, api_key=api_key, request_timeout=timeout_s, serializer=OrjsonSerializer(), node_class=node
    )
