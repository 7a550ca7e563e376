"""Can turnout's pipeline express this index? The passages, the fields that documents fill, and what stands against it.

Pure; called by `draft`.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from turnout.errors import Refused
from turnout.release.mapping import Field, Mapping

_CONTAINERS = ("object", "nested")
_BESIDE = (
    "make a collection of another name beside it (a mapping with a nested field of passages, `turnout ingest`, "
    "`turnout apply`) and let the applications move to its alias"
)


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of an index in the pipeline's words. `copied` are the fields that a copy fills."""

    passages: str
    passage_text: str
    passage_vector: str
    vector: dict[str, object]
    copied: tuple[str, ...]
    texts: tuple[str, ...]
    """Those of `copied`, and their multi-fields, that words are searched in."""


def read_shape(mapping: Mapping, index: str) -> Shape:
    """The shape of an index.

    Raises:
        Refused: the pipeline can't express it; the message names every reason.
    """
    vectors = {name: field for name, field in mapping.fields.items() if field.type == "dense_vector"}
    nested = [name for name in vectors if _is_passage_part(mapping, name)]
    reasons = [*_vectors(vectors, nested)]
    if reasons:
        raise _refused(index, reasons)
    passages, vector = nested[0].rsplit(".", 1)
    reasons = [*_passage_parts(mapping, passages, nested[0]), *_others(mapping, passages)]
    targets = _targets(mapping)
    copied = tuple(name for name, field in mapping.fields.items() if _is_filled(name, field, passages, targets))
    texts = tuple(name for name in _searched(mapping, passages))
    if not copied or not texts:
        reasons.append("no text field beside the passages: there is nothing that words are searched in")
    if reasons:
        raise _refused(index, reasons)
    text = next(name for name in mapping.fields if _is_child(name, passages) and mapping.fields[name].type == "text")
    return Shape(
        passages=passages,
        passage_text=text.rsplit(".", 1)[1],
        passage_vector=vector,
        vector=vectors[nested[0]].definition,
        copied=copied,
        texts=texts,
    )


def _refused(index: str, reasons: list[str]) -> Refused:
    return Refused(f"turnout's pipeline can't express this index: {'; '.join(reasons)}", where=index, remedy=_BESIDE)


def _is_passage_part(mapping: Mapping, name: str) -> bool:
    """Whether a field is the direct child of a nested field at the top."""
    parent = name.rpartition(".")[0]
    return "." not in parent and parent in mapping.fields and mapping.fields[parent].type == "nested"


def _is_child(name: str, parent: str) -> bool:
    return name.rpartition(".")[0] == parent


def _vectors(vectors: dict[str, Field], nested: list[str]) -> Iterator[str]:
    if not vectors:
        yield "it has no dense_vector field"
    for name, field in vectors.items():
        given = field.definition
        if name not in nested:
            yield f"the vectors of {name} are not in a nested field of passages"
        if not isinstance(given.get("dims"), int):
            yield f"{name} has no dims yet, for it holds no vector"
        if given.get("element_type", "float") != "float":
            yield f"{name} holds vectors of {given['element_type']}, and the pipeline writes float"
        if given.get("index", True) is not True:
            yield f"{name} is not indexed for nearest-neighbour search"
    if len(nested) > 1:
        yield f"it has several vectors: {', '.join(nested)}"


def _passage_parts(mapping: Mapping, passages: str, vector: str) -> Iterator[str]:
    parts = [name for name, field in mapping.fields.items() if name.startswith(f"{passages}.") and not field.parent]
    texts = [name for name in parts if mapping.fields[name].type == "text" and _is_child(name, passages)]
    if not texts:
        yield f"{passages} has no text field beside the vector"
    for name in parts:
        if name not in (vector, *texts[:1]):
            yield f"the pipeline fills a passage's text and vector only, not {name}"


def _others(mapping: Mapping, passages: str) -> Iterator[str]:
    for name, field in mapping.fields.items():
        if field.type == "nested" and name != passages:
            yield f"nothing in the pipeline fills the nested field {name}"


def _targets(mapping: Mapping) -> set[str]:
    """Fields that Elasticsearch fills from others."""
    found: set[str] = set()
    for field in mapping.fields.values():
        given = field.definition.get("copy_to", [])
        found.update([given] if isinstance(given, str) else given)
    return found


def _is_filled(name: str, field: Field, passages: str, targets: set[str]) -> bool:
    inside = name == passages or name.startswith(f"{passages}.")
    return not (inside or field.parent or field.type in (*_CONTAINERS, "alias") or name in targets)


def _searched(mapping: Mapping, passages: str) -> Iterator[str]:
    for name, field in mapping.fields.items():
        inside = name.startswith(f"{passages}.") or field.nested
        if field.type == "text" and not inside and not field.parent and field.definition.get("index", True) is True:
            yield name
