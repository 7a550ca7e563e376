"""The connector `jsonl`: one JSON object per line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import orjson

from turnout.ingest.connectors.records import opening, to_document
from turnout.ingest.source import SourceDocument, Unreadable

# A character can take six bytes in JSON (\u0041): no document within the limit has a longer line, bar empty space.
_JSON_BYTES_PER_BYTE = 6
_BOM = b"\xef\xbb\xbf"


class JsonlFile:
    """The connector `jsonl`.

    Args:
        path: the file, UTF-8.
        identity: see `Connector`.
        max_document_bytes: bounds the length of a line that is looked at.
    """

    def __init__(self, path: Path, *, identity: str, max_document_bytes: int) -> None:
        self._path = path
        self._identity = identity
        self._max_line = max_document_bytes * _JSON_BYTES_PER_BYTE

    @property
    def identity(self) -> str:
        return self._identity

    def read(self) -> Iterator[SourceDocument | Unreadable]:
        """One item per line that isn't empty.

        Raises:
            EnvironmentProblem: the file can't be opened, or breaks off with an error.
        """
        with opening(self._path), self._path.open("rb") as file:
            for number, line in enumerate(_lines(file, self._max_line), start=1):
                place = f"{self._path.name}:{number}"
                if line is None:
                    yield Unreadable(place=place, reason=f"a line of more than {self._max_line} bytes")
                elif line := (line.removeprefix(_BOM) if number == 1 else line).strip():
                    yield _read(line, place)


def _read(line: bytes, place: str) -> SourceDocument | Unreadable:
    try:
        record = orjson.loads(line)
    except ValueError as error:
        return Unreadable(place=place, reason=f"not JSON: {error}")
    if not isinstance(record, dict):
        return Unreadable(place=place, reason="not a JSON object")
    return to_document(record, place)


def _lines(file: BinaryIO, limit: int) -> Iterator[bytes | None]:
    """Lines; None for one that is too long to be held in memory."""
    while line := file.readline(limit + 1):
        if len(line) <= limit:
            yield line
            continue
        while line and not line.endswith(b"\n"):
            line = file.readline(limit)
        yield None
