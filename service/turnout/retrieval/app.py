"""The HTTP face of a service: routes, headers, limits. No logic of searching lives here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Any

import msgspec
from litestar import Litestar, Request, Response, get, post, route
from litestar.di import NamedDependency, Provide
from litestar.params import HeaderParameter, QueryParameter, RawBody
from litestar.types import ASGIApp
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from turnout.errors import BadInput
from turnout.release.artifacts import RetrievalMode
from turnout.retrieval import openapi, problems
from turnout.retrieval.asked import as_query, parse_filters
from turnout.retrieval.measured import measured
from turnout.retrieval.messages import (
    TENANT_PATTERN,
    Health,
    Readiness,
    SearchReply,
    SearchRequest,
    ShadowTable,
    Version,
)
from turnout.retrieval.page import PAGE, PAGE_HEADERS
from turnout.retrieval.service import Service

MAX_BODY_BYTES = 256 * 1024

Serving = NamedDependency[Service]
_REQUEST = msgspec.json.Decoder(SearchRequest)

Tenant = Annotated[
    str,
    HeaderParameter(
        name="X-Tenant", pattern=TENANT_PATTERN, required=False, description="Whose documents. Default: `default`."
    ),
]
_SEARCH_PROBLEMS = openapi.problem_specs(
    status_400="The search can't be understood, or goes beyond the release's limits.",
    status_413="The body is too large.",
    status_503="Not ready, too many searches are waiting, or Elasticsearch is down. See Retry-After.",
)


def _one_tenant(request: Request[Any, Any, Any]) -> None:
    """A gateway that adds the tenant to what a client sent must not have the client's one believed."""
    if len(request.headers.getall("x-tenant", [])) > 1:
        raise BadInput("more than one tenant", where="header X-Tenant", remedy="send the header once")


@post(
    "/search",
    before_request=_one_tenant,
    status_code=200,
    operation_id="search",
    summary="Search, asked in JSON",
    responses=_SEARCH_PROBLEMS,
    response_headers=openapi.SEARCH_HEADERS,
)
async def search_post(service: Serving, body: RawBody, tenant: Tenant = "default") -> Response[SearchReply]:
    """Search with everything that can be asked."""
    # Decoded here, because the framework's own decoding of `data` takes "3" for 3.
    return await _search(service, _REQUEST.decode(body), tenant)


@get(
    "/search",
    before_request=_one_tenant,
    operation_id="searchByUrl",
    summary="Search, asked in the URL",
    responses={status: spec for status, spec in _SEARCH_PROBLEMS.items() if status != 413},
    response_headers=openapi.SEARCH_HEADERS,
)
async def search_get(
    service: Serving,
    request: Request[Any, Any, Any],
    q: Annotated[str, QueryParameter(name="q", min_length=1, pattern=r"\S", description="The words or the question.")],
    mode: Annotated[RetrievalMode | None, QueryParameter(name="mode", required=False)] = None,
    k: Annotated[int | None, QueryParameter(name="k", ge=1, required=False)] = None,
    passages: Annotated[bool, QueryParameter(name="passages", required=False)] = False,
    filter_: Annotated[
        list[str] | None,
        QueryParameter(
            name="filter", required=False, description="`field:value`; values of one field are alternatives."
        ),
    ] = None,
    tenant: Tenant = "default",
) -> Response[SearchReply]:
    """The same for links and for typing by hand."""
    unknown = sorted(set(request.query_params) - {"q", "mode", "k", "passages", "filter"})
    if unknown:
        raise BadInput(f"no parameter {unknown[0]!r}", where="query", remedy="leave it out")
    asked = {"query": q, "mode": mode, "k": k, "passages": passages, "filters": parse_filters(filter_ or ())}
    return await _search(service, msgspec.convert(asked, SearchRequest), tenant)


@route("/search", http_method=["OPTIONS"], include_in_schema=False, status_code=204, sync_to_thread=False)
def search_options() -> Response[None]:
    """All methods in one Allow header; the framework's own answer names those of one handler only."""
    return Response(None, status_code=204, headers={"Allow": "GET, OPTIONS, POST"})


@post(
    "/probe",
    before_request=_one_tenant,
    status_code=200,
    operation_id="probe",
    summary="The same search, asked by turnout itself",
    responses=_SEARCH_PROBLEMS,
    response_headers=openapi.SEARCH_HEADERS,
)
async def probe(service: Serving, body: RawBody, tenant: Tenant = "default") -> Response[SearchReply]:
    """Search as `POST /search` does, within the same limits and half of the places at most, but apart from what users
    ask: for whoever measures a release by asking it. It doesn't count among degraded, empty or shed searches, nor in
    what a canary is judged by.
    """
    return _reply(await service.search(as_query(service.release, _REQUEST.decode(body), tenant), by_user=False))


async def _search(service: Service, asked: SearchRequest, tenant: str) -> Response[SearchReply]:
    found = await service.search(as_query(service.release, asked, tenant))
    service.shadow.offer(asked, tenant, found)
    return _reply(found)


def _reply(found: SearchReply) -> Response[SearchReply]:
    headers = {"X-Turnout-Release": found.release, "X-Turnout-View": found.view}
    if found.degraded:
        headers["X-Turnout-Degraded"] = found.degraded
    return Response(found, headers=headers)


@get("/healthz", operation_id="healthz", summary="Is the process alive?", sync_to_thread=False)
def healthz() -> Health:
    """For a liveness probe: true even while nothing can be served."""
    return Health()


@get(
    "/readyz",
    operation_id="readyz",
    summary="May searches be sent here?",
    sync_to_thread=False,
    responses={503: openapi.spec(Readiness, "Not ready; `reason` and `detail` say why.")},
)
def readyz(service: Serving) -> Response[Readiness]:
    """For a readiness probe, and for whoever wants to know why it fails."""
    readiness = service.pinning.readiness
    return Response(readiness, status_code=200 if readiness.ready else 503)


@get("/version", operation_id="version", summary="What is served?", sync_to_thread=False)
def version(service: Serving) -> Version:
    """Release, fingerprints, view and the version of the code."""
    return service.version()


@get("/shadow", operation_id="shadow", summary="Which searches does the other release answer differently?")
async def shadow(service: Serving) -> ShadowTable:
    """For people who look at a canary. Of this pod only, and without texts and ids unless the service is told so."""
    return service.shadow.table()


@get("/metrics", include_in_schema=False, sync_to_thread=False)
def metrics(service: Serving) -> Response[bytes]:
    """For Prometheus."""
    return Response(generate_latest(service.metrics.registry), media_type=CONTENT_TYPE_LATEST)


@get("/", include_in_schema=False, sync_to_thread=False)
def page() -> Response[bytes]:
    """The search page."""
    return Response(PAGE, media_type="text/html; charset=utf-8", headers=PAGE_HEADERS)


def create_app(service: Service) -> ASGIApp:
    """The ASGI application; its lifespan runs the service."""

    @asynccontextmanager
    async def running(_: Litestar) -> AsyncIterator[None]:
        task = asyncio.create_task(service.run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await service.close()

    app = Litestar(
        route_handlers=[
            search_options,  # before the others, or the framework makes one of its own for the first of them
            search_post,
            search_get,
            probe,
            healthz,
            readyz,
            version,
            shadow,
            metrics,
            page,
        ],
        dependencies={"service": Provide(lambda: service, use_cache=True, sync_to_thread=False)},
        exception_handlers=problems.HANDLERS,
        openapi_config=openapi.config(service.release),
        lifespan=[running],
        request_max_body_size=MAX_BODY_BYTES,
        debug=False,
        logging_config=None,
    )
    return measured(app, service.metrics, {route.path for route in app.routes})
