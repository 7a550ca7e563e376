"""The OpenAPI document: Litestar's from the types, narrowed to the limits of the release that is served."""

from __future__ import annotations

import copy
import re
from typing import Any

import msgspec
from litestar.datastructures import ResponseHeader
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin

from turnout import __version__
from turnout.release.artifacts import Release
from turnout.retrieval import problems
from turnout.retrieval.messages import MAX_VALUE_CHARS, MAX_VALUES, Problem, SearchRequest

_SEARCH, _PROBE = "/search", "/probe"
_REQUEST_BODY = {
    "required": True,
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/SearchRequest"}}},
}

SEARCH_HEADERS = [
    ResponseHeader(name="X-Turnout-Release", description="Id of the release.", documentation_only=True, required=True),
    ResponseHeader(name="X-Turnout-View", description="The physical index.", documentation_only=True, required=True),
    ResponseHeader(
        name="X-Turnout-Degraded", description="Why the answer is less than was asked for.", documentation_only=True
    ),
]


def problem_specs(**descriptions: str) -> dict[int, ResponseSpec]:
    """Documented error replies, from `status_400="..."`."""
    return {
        int(name.removeprefix("status_")): ResponseSpec(
            Problem, generate_examples=False, description=text, media_type=problems.MEDIA_TYPE
        )
        for name, text in descriptions.items()
    }


def spec(body: type, description: str) -> ResponseSpec:
    """A documented reply."""
    return ResponseSpec(body, generate_examples=False, description=description)


def config(release: Release) -> OpenAPIConfig:
    """The document at /schema/openapi.json, and nothing that renders it: those pages load from other hosts."""
    return OpenAPIConfig(
        title=f"turnout: {release.collection}",
        version=__version__,
        description="Search one collection through one release. Every reply names the release that gave it.",
        render_plugins=[_Narrowed(release)],
    )


class _Narrowed(JsonRenderPlugin):
    def __init__(self, release: Release) -> None:
        super().__init__(media_type=_JSON)
        self._release = release
        self._rendered: bytes | None = None

    def render(self, request: Any, openapi_schema: dict[str, Any]) -> bytes:
        if self._rendered is None:
            self._rendered = super().render(request, narrow(openapi_schema, self._release))
        return self._rendered


_JSON: Any = "application/json"


def narrow(document: dict[str, Any], release: Release) -> dict[str, Any]:
    """A copy of the document with this release's bounds on query, k and filters."""
    document = copy.deepcopy(document)
    limits, retrieval = release.pipeline.limits, release.pipeline.retrieval
    _, schemas = msgspec.json.schema_components([SearchRequest], ref_template="#/components/schemas/{name}")
    document["components"]["schemas"] |= schemas
    for path in (_SEARCH, _PROBE):
        document["paths"][path]["post"]["requestBody"] = _REQUEST_BODY
    body = schemas["SearchRequest"]["properties"]
    body["query"]["maxLength"] = limits.max_query_chars
    body["k"] = _count(limits.max_k, retrieval.k)
    body["filters"]["properties"] = dict.fromkeys(retrieval.filter_fields, body["filters"]["additionalProperties"])
    body["filters"]["additionalProperties"] = False
    for parameter in document["paths"][_SEARCH]["get"]["parameters"]:
        match parameter["name"]:
            case "q":
                parameter["schema"]["maxLength"] = limits.max_query_chars
            case "k":
                parameter["schema"] = _count(limits.max_k, retrieval.k)
            case "filter":
                _filter_pattern(parameter["schema"], retrieval.filter_fields)
    return document


def _count(maximum: int, default: int) -> dict[str, Any]:
    integer = {"type": "integer", "minimum": 1, "maximum": maximum}
    return {"anyOf": [integer, {"type": "null"}], "description": f"Most hits to return, {default} by default."}


def _filter_pattern(schema: dict[str, Any], fields: list[str]) -> None:
    for part in schema.get("anyOf", schema.get("oneOf", [schema])):
        if part.get("type") == "array":
            part["maxItems"] = MAX_VALUES if fields else 0
            names = "|".join(re.escape(field) for field in fields)
            part["items"]["pattern"] = rf"^({names}):[\s\S]{{0,{MAX_VALUE_CHARS}}}$"
