"""Bytes of vectors on disk and in memory, from the mapping alone. Used by the estimate.

Vectors only: text, postings and stored fields come on top and depend on the documents. Formulas per vector of d dims:
the raw vector is always kept on disk; quantised types add their codes; HNSW adds n*4*m for the graph; memory for fast
search holds codes (or the raw vector where there are none) and graph.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import msgspec

from turnout.plan.settings import flat_settings
from turnout.release.artifacts import Release

_ELEMENT_BITS = {"float": 32, "bfloat16": 16, "byte": 8, "bit": 1}
_CODE_BYTES: dict[str, Callable[[int], int]] = {
    "int8": lambda dims: dims + 16,
    "int4": lambda dims: math.ceil(dims / 2) + 16,
    "bbq": lambda dims: math.ceil(dims / 64) * 8 + 14,
}
_DEFAULT_M = 16
# What the server takes when index_options are left out: 9.x, float vectors.
_BBQ_BY_DEFAULT_FROM_DIMS = 384


class VectorSize(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes on all copies together, replicas included."""

    disk_bytes: int
    ram_bytes: int


def vector_size(release: Release, passages: int) -> VectorSize:
    """What `passages` vectors take in a view of `release`."""
    field = vector_field(release)
    dims = release.model.dims
    kind = index_type(field)
    raw = math.ceil(dims * _ELEMENT_BITS.get(str(field.get("element_type", "float")), 32) / 8)
    quantised = next((code for code in _CODE_BYTES if kind.startswith(code)), None)
    codes = _CODE_BYTES[quantised](dims) if quantised else 0
    graph = 4 * _m(field) if kind.endswith("hnsw") else 0
    copies = passages * (1 + replicas(release))
    return VectorSize(disk_bytes=copies * (raw + codes + graph), ram_bytes=copies * ((codes or raw) + graph))


def vector_field(release: Release) -> dict[str, Any]:
    """The mapping of the passages' vector; empty if the mapping lacks it (validate refuses that)."""
    index = release.pipeline.index
    field: Any = release.mapping.get("mappings") or {}
    for name in (index.passages, index.passage_vector):
        field = (field.get("properties") or {}).get(name) or {}
    return dict(field)


def index_type(field: dict[str, Any]) -> str:
    """The index_options type of a dense_vector, or the server's default; `none` without an index."""
    if field.get("index") is False:
        return "none"
    options = field.get("index_options") or {}
    default = "bbq_hnsw" if int(field.get("dims") or 0) >= _BBQ_BY_DEFAULT_FROM_DIMS else "int8_hnsw"
    return str(options.get("type", default))


def _m(field: dict[str, Any]) -> int:
    m = (field.get("index_options") or {}).get("m", _DEFAULT_M)
    return m if isinstance(m, int) else _DEFAULT_M


def replicas(release: Release) -> int:
    """Copies beside the primary; the server's default is 1."""
    value = flat_settings(release.mapping.get("settings") or {}).get("number_of_replicas", "1")
    return int(value) if str(value).isdigit() else 1
