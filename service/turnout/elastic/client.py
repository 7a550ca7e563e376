"""Make an Elasticsearch client. Called by entry points only; everything else gets a Reader or a Writer."""

from __future__ import annotations

import ssl
from importlib.util import find_spec
from pathlib import Path

from elastic_transport import AiohttpHttpNode, HttpxAsyncHttpNode, NodeConfig, Urllib3HttpNode
from elastic_transport.client_utils import DEFAULT, DefaultType
from elasticsearch import AsyncElasticsearch, Elasticsearch
from elasticsearch.serializer import OrjsonSerializer
from urllib3 import HTTPSConnectionPool

from turnout.elastic.trust import context_for


class _Node(Urllib3HttpNode):
    """Trusts what its context trusts. The vendor's node would add the public authorities to it."""

    def __init__(self, config: NodeConfig) -> None:
        super().__init__(config)
        if isinstance(self.pool, HTTPSConnectionPool):
            self.pool.ca_certs = None


def connect(url: str, *, api_key: str | None = None, ca: Path | None = None, timeout_s: float = 60.0) -> Elasticsearch:
    """A client for `url` with the fast serializer; asks nothing of the server yet.

    Its retries wait between tries: an index that was made a moment ago answers 503 until its shards are there.

    Raises:
        EnvironmentProblem: `ca` is of no use, see `trust.context_for`.
    """
    return Elasticsearch(
        url,
        api_key=api_key,
        request_timeout=timeout_s,
        serializer=OrjsonSerializer(),
        retry_backoff_base=0.1,
        retry_backoff_cap=1.0,
        node_class=_Node,
        ssl_context=_context(url, ca),
    )


def connect_async(
    url: str, *, api_key: str | None = None, ca: Path | None = None, timeout_s: float = 10.0
) -> AsyncElasticsearch:
    """The same for the service, which waits on many searches at once.

    Over aiohttp, which takes less CPU per request, or over httpx where only that is installed.

    Raises:
        EnvironmentProblem: `ca` is of no use, see `trust.context_for`.
    """
    return AsyncElasticsearch(
        url,
        api_key=api_key,
        request_timeout=timeout_s,
        serializer=OrjsonSerializer(),
        node_class=AiohttpHttpNode if find_spec("aiohttp") else HttpxAsyncHttpNode,
        ssl_context=_context(url, ca),
    )


def _context(url: str, ca: Path | None) -> ssl.SSLContext | DefaultType:
    context = context_for(url, ca)
    return DEFAULT if context is None else context
