"""The files of an adopted index, with what is open in them. Pure; called by the `adopt` verb.

The checker that `turnout validate` runs has the last word here too: it must find the open questions and nothing else,
and nothing at all once they are answered.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from turnout.adopt import artifacts
from turnout.adopt.live import LiveIndex, release_mapping
from turnout.adopt.questions import Question
from turnout.adopt.shape import Shape, read_shape
from turnout.adopt.yaml_text import questions, render
from turnout.errors import Refused
from turnout.passages import CODE_VERSIONS
from turnout.release.checking import LOCK_RULES, artifact_file, check, mapping_file
from turnout.release.findings import Finding
from turnout.release.json_reader import read_json
from turnout.release.mapping import Mapping, read_mapping
from turnout.release.yaml_reader import read_yaml

# Overrides are the only thing that a day decides, and a draft has none.
_ANY_DAY = "2026-01-01"
_REMEDY = "change that on the index where it can be changed, or make a collection of another name beside it"


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """Files by their path from the root, the questions in them, and what else is worth knowing."""

    collection: str
    index: str
    files: dict[str, str]
    questions: tuple[Question, ...]
    notes: tuple[str, ...]


def draft(collection: str, live: LiveIndex) -> Draft:
    """The files for `live` as the collection's.

    Raises:
        Refused: turnout's artifacts can't express the index, with every reason; or the collection's name is no name.
    """
    body = release_mapping(live)
    file = mapping_file(collection)
    text = json.dumps(body, indent=2, ensure_ascii=False) + "\n"
    asked = _mapping_questions(file, text, live.index)
    shape = read_shape(_mapping(file, _answered(file, text, asked), live.index), live.index)
    contents = {"model": artifacts.model(shape), "pipeline": artifacts.pipeline(shape), "gates": artifacts.gates()}
    files = {file: text}
    for kind, content in contents.items():
        path = artifact_file(collection, f"{kind}.yaml")
        files[path] = render(_head(kind, live), content)
        asked += questions(path, content)
    made = Draft(
        collection=collection,
        index=live.index,
        files=files,
        questions=tuple(asked),
        notes=tuple(_notes(live, shape)),
    )
    _prove(made)
    return made


def _head(kind: str, live: LiveIndex) -> str:
    head = f"Adopted from the index {live.index}."
    if kind == "gates":
        return head
    return f"{head} Where it says QUESTION, the index can't tell: write the answer there.\nSee pipelines/README.md."


def _mapping_questions(file: str, text: str, index: str) -> list[Question]:
    """`dynamic` can be changed on a live index; whatever else the checker has against a mapping can't be helped."""
    document, found = read_json(file, text.encode())
    if document is not None:
        found = read_mapping(document)[1]
    other = [finding for finding in found if finding.rule != "dynamic-mapping"]
    if other:
        raise _inexpressible(index, other)
    return [_dynamic(file, finding, index) for finding in found]


def _dynamic(file: str, finding: Finding, index: str) -> Question:
    parts = tuple(part.replace("~1", "/").replace("~0", "~") for part in finding.pointer.split("/")[1:])
    path = parts if parts[-1] == "dynamic" else (*parts, "dynamic")
    ask = (
        f'may unknown fields change this mapping no longer? Write "dynamic": "strict" (or false), and say the same '
        f"to {index} with the put-mapping API: it takes it in place"
    )
    return Question(file=file, pointer=finding.pointer, ask=ask, path=path, stand_in="strict")


def _mapping(file: str, data: bytes, index: str) -> Mapping:
    document, found = read_json(file, data)
    mapping, more = read_mapping(document) if document is not None else (None, found)
    if mapping is None:
        raise _inexpressible(index, more)
    return mapping


def answered(made: Draft) -> dict[str, bytes]:
    """The files with stand-ins for the answers."""
    return {
        file: _answered(file, text, [question for question in made.questions if question.file == file])
        for file, text in made.files.items()
    }


def _answered(file: str, text: str, asked: list[Question]) -> bytes:
    """JSON is YAML too, so one way of writing does for both."""
    document, found = (read_json if file.endswith(".json") else read_yaml)(file, text.encode())
    if document is None:
        raise _inexpressible(file, found)
    value = document.value
    for question in asked:
        inner: Any = value
        for part in question.path[:-1]:
            inner = inner[part]
        inner[question.path[-1]] = question.stand_in
    return json.dumps(value).encode()


def _prove(made: Draft) -> None:
    texts = {file: text.encode() for file, text in made.files.items()}
    open_places = {(question.file, question.pointer) for question in made.questions}
    found = check(made.collection, texts, today=_ANY_DAY, code=CODE_VERSIONS).findings
    other = [finding for finding in found if (finding.file, finding.pointer) not in open_places]
    other += check(made.collection, answered(made), today=_ANY_DAY, code=CODE_VERSIONS).findings
    other = [finding for finding in other if finding.rule not in LOCK_RULES]
    if other:
        raise _inexpressible(made.index, other)
    unseen = open_places - {(finding.file, finding.pointer) for finding in found}
    if unseen:
        raise AssertionError(f"validation doesn't see the open questions {sorted(unseen)}")


def _inexpressible(where: str, found: list[Finding]) -> Refused:
    reasons = "; ".join(dict.fromkeys(f"{finding.pointer}: {finding.problem}" for finding in found[:5]))
    return Refused(f"turnout's files can't express this index: {reasons}", where=where, remedy=_REMEDY)


def _notes(live: LiveIndex, shape: Shape) -> Iterator[str]:
    yield f"{live.index} holds {live.documents} documents; vectors of {shape.vector['dims']} in {shape.passages}"
    for name in ("default_pipeline", "final_pipeline"):
        if name in live.settings:
            yield (
                f"{live.index} sends writes through the ingest pipeline {live.settings[name]} ({name}); "
                "so would every view made from this mapping: drop it, unless followers' writes need it"
            )
