"""Read a JSON file strictly: no duplicate keys, no numbers that aren't finite. Called by `checking` for mappings.

The standard parser gives the value; places are looked up by a second pass, which only a file with findings gets.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import orjson

from turnout.release.document import Document
from turnout.release.findings import Finding, Path, pointer, shown
from turnout.release.json_places import find_places

MAX_BYTES = 900 * 1024  # it goes into the release, which a ConfigMap of 1 MiB holds
_MAX_DEPTH = 60  # orjson writes 254 levels, Elasticsearch takes 20 levels of fields


class _Duplicate(Exception):
    pass


def read_json(file: str, data: bytes) -> tuple[Document | None, list[Finding]]:
    """The document in a JSON file, or the reasons why there is none."""

    def whole(rule: str, problem: str, remedy: str, line: int = 1, column: int = 1) -> tuple[None, list[Finding]]:
        return None, [Finding(file, line, column, "", rule, problem, remedy)]

    if len(data) > MAX_BYTES:
        return whole("file-too-large", f"{len(data)} bytes, more than {MAX_BYTES}", "make the mapping smaller")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return whole("not-utf8", "not UTF-8 text", "save the file as UTF-8", line)
    try:
        value = json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        return whole("json-syntax", f"not JSON: {error.msg}", "mend it", error.lineno, error.colno)
    except _Duplicate:
        return None, list(_duplicates(file, text))
    except RecursionError:
        return whole("too-deep", f"nested deeper than {_MAX_DEPTH}", "take levels out")
    except ValueError:
        return whole("not-finite", "a number with thousands of digits", "write a number that fits 64 bits")
    document = Document(file, value, lambda: find_places(text)[0])
    findings = [] if _writable(value) else list(_unwritable(document))
    return (None, findings) if findings else (document, [])


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise _Duplicate
    return result


def _writable(value: Any) -> bool:
    """Whether the value can be written down in canonical form; a quick answer for valid files.

    orjson writes null for NaN, so every number has to survive the way back.
    """
    try:
        return bool(orjson.loads(orjson.dumps(value)) == value) and _depth_below(value, _MAX_DEPTH)
    except (TypeError, ValueError, RecursionError):
        return False


def _depth_below(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return True
    return False


def _unwritable(document: Document) -> Iterator[Finding]:
    waiting: list[tuple[Path, Any]] = [((), document.value)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict | list):
            if len(path) >= _MAX_DEPTH:
                yield document.finding(path, "too-deep", f"nested deeper than {_MAX_DEPTH}", "take levels out")
                continue
            for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
                waiting.append(((*path, key), inner))
                if isinstance(key, str) and not _leaf_writable(key):
                    yield _not_canonical(document, (*path, key), key, at_key=True)
        elif isinstance(value, float) and not math.isfinite(value):
            yield document.finding(path, "not-finite", f"{value} is not a finite number", "write a number with an end")
        elif not _leaf_writable(value):
            yield _not_canonical(document, path, value)


def _not_canonical(document: Document, path: Path, value: Any, *, at_key: bool = False) -> Finding:
    problem, remedy = f"{shown(value)} can't be written down exactly", "write a 64-bit number or valid Unicode text"
    return document.finding(path, "not-canonical", problem, remedy, at_key=at_key)


def _leaf_writable(value: Any) -> bool:
    try:
        orjson.dumps(value)
    except TypeError:
        return False
    return True


def _duplicates(file: str, text: str) -> Iterator[Finding]:
    places, twice = find_places(text)
    for path, place in twice:
        problem = f"the key {shown(path[-1])} is already on line {places.keys[path].line}"
        yield Finding(file, place.line, place.column, pointer(path), "duplicate-key", problem, "keep one of them")
