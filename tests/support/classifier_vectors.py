"""The classifier's cases about dense_vector: every transition of index_options and every parameter of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

_GRAPH = {"m": 16, "ef_construction": 100}
# Type -> what it is written with here.
OPTIONS: dict[str, dict[str, Any]] = {
    "flat": {},
    "int8_flat": {},
    "int4_flat": {},
    "bbq_flat": {},
    "hnsw": _GRAPH,
    "int8_hnsw": _GRAPH,
    "int4_hnsw": _GRAPH,
    "bbq_hnsw": _GRAPH,
}
# (dims, element type) -> index_options that such a field can have: bbq needs 64 dims, quantising needs floats.
ALLOWED: dict[tuple[int, str], tuple[str, ...]] = {
    (8, "float"): tuple(kind for kind in OPTIONS if not kind.startswith("bbq")),
    (64, "float"): tuple(OPTIONS),
    (384, "float"): tuple(OPTIONS),
    (64, "byte"): ("flat", "hnsw"),
    (64, "bit"): ("flat", "hnsw"),
}
_PARAMETERS: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("dims", (64, 128)),
    ("element_type", ("float", "byte")),
    ("similarity", ("cosine", "dot_product", "l2_norm", "max_inner_product")),
    ("index", (True, False)),
    ("meta", ({"unit": "a"}, {"unit": "b"})),
)
_QUANTISED = tuple(kind for kind in OPTIONS if kind not in ("flat", "hnsw"))

Case = tuple[str, Any, Any]


def vector(options: dict[str, Any] | None, dims: int = 64, **more: Any) -> dict[str, Any]:
    """A vector field; without options the server chooses them."""
    chosen = {} if options is None else {"index_options": options}
    return {"type": "dense_vector", "dims": dims, **more, **chosen}


def options(kind: str, **more: Any) -> dict[str, Any]:
    """index_options of this type."""
    return {"type": kind, **OPTIONS[kind], **more}


def vector_cases() -> Iterator[Case]:
    """What changes, the field before, the field after."""
    yield from _transitions()
    yield from _graphs()
    yield from _quantisers()
    yield from _left_out()
    yield from _parameters()


def _transitions() -> Iterator[Case]:
    for (dims, element), kinds in ALLOWED.items():
        for old, new in itertools.permutations(kinds, 2):
            what = f"index_options {old} → {new} ({element}, {dims} dims)"
            more = {"element_type": element, **({"similarity": "l2_norm"} if element == "bit" else {})}
            yield what, vector(options(old), dims, **more), vector(options(new), dims, **more)


def _graphs() -> Iterator[Case]:
    graphs = [kind for kind in OPTIONS if kind.endswith("hnsw")]
    for old, new in itertools.product(graphs, graphs):
        for name, value in (("m", 8), ("m", 32), ("ef_construction", 50), ("ef_construction", 200)):
            what = f"index_options {old} → {new}, {name} {_GRAPH[name]} → {value}"
            yield what, vector(options(old)), vector(options(new, **{name: value}))
    for kind in graphs:
        bare = {"type": kind}
        yield f"index_options {kind}, m and ef_construction left out", vector(options(kind)), vector(bare)
        yield f"index_options {kind}, m and ef_construction written out", vector(bare), vector(options(kind))
        yield f"index_options {kind}, m 32 → left out", vector(options(kind, m=32)), vector(bare)
        yield f"index_options {kind}, m 8 → left out", vector(options(kind, m=8)), vector(bare)
    for old in ("flat", "int8_flat", "int4_flat"):
        yield f"index_options {old} → hnsw, m 8", vector(options(old)), vector(options("hnsw", m=8))


def _quantisers() -> Iterator[Case]:
    changes: list[tuple[str, str, tuple[Any, ...]]] = []
    for kind in _QUANTISED:
        changes.append((kind, "rescore_vector", ({"oversample": 2.0}, {"oversample": 3.0}, {"oversample": 0})))
        if kind.startswith("int"):
            changes.append((kind, "confidence_interval", (0.95, 1.0)))
    changes.append(("bbq_hnsw", "on_disk_rescore", (True, False)))
    for kind, name, values in changes:
        choices = [options(kind), *(options(kind, **{name: value}) for value in values)]
        for before, after in itertools.permutations(choices, 2):
            what = f"index_options {kind}, {name}: {before.get(name, '-')} → {after.get(name, '-')}"
            yield what, vector(before), vector(after)


def _left_out() -> Iterator[Case]:
    for dims, kind in itertools.product((64, 384), OPTIONS):
        written, bare = vector(options(kind), dims), vector(None, dims)
        yield f"index_options {kind} → left out ({dims} dims)", written, bare
        yield f"index_options left out → {kind} ({dims} dims)", bare, written
    yield "index_options left out, meta added", vector(None), vector(None, meta={"unit": "a"})


def _parameters() -> Iterator[Case]:
    for name, values in _PARAMETERS:
        choices = [_definition(name, value) for value in values]
        if name != "dims":
            choices.append(_definition(name, None))
        for before, after in itertools.permutations(choices, 2):
            yield f"{name}: {before.get(name, '-')} → {after.get(name, '-')}", before, after


def _definition(name: str, value: Any) -> dict[str, Any]:
    made = vector(None if value is False else options("hnsw"))
    return made if value is None else {**made, name: value}
