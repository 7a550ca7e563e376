"""The connector `csv`: a header row with `id`, `text` and, if there is one, `title`; other columns are fields."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from turnout.errors import BadInput
from turnout.ingest.connectors.records import opening, to_document
from turnout.ingest.source import SourceDocument, Unreadable


class CsvFile:
    """The connector `csv`.

    Args:
        path: the file, UTF-8, quoted as RFC 4180 says.
        identity: see `Connector`.
        max_document_bytes: a column with more characters makes its row a dead letter.
        delimiter: one character between columns.
    """

    def __init__(self, path: Path, *, identity: str, max_document_bytes: int, delimiter: str = ",") -> None:
        self._path = path
        self._identity = identity
        self._max_chars = max_document_bytes
        self._delimiter = delimiter

    @property
    def identity(self) -> str:
        return self._identity

    def read(self) -> Iterator[SourceDocument | Unreadable]:
        """One item per row that isn't empty.

        Raises:
            BadInput: the header lacks a column or names one twice.
            EnvironmentProblem: the file can't be opened, or breaks off with an error.
        """
        with opening(self._path), self._path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            lines = _Lines(file, self._max_chars * 2)
            rows = csv.reader(lines, delimiter=self._delimiter, strict=True)
            header = self._header(rows)
            while True:
                csv.field_size_limit(self._max_chars)  # one for the whole process: others may have moved it
                first = rows.line_num + 1
                item = _next(rows, header, f"{self._path.name}:{first}")
                if item is None:
                    return
                if lines.cut:
                    lines.cut = False
                    yield Unreadable(place=f"{self._path.name}:{first}", reason="a line that is too long")
                elif not isinstance(item, _Blank):
                    yield item

    def _header(self, rows: Iterator[list[str]]) -> list[str]:
        where = f"{self._path.name}:1"
        try:
            header = [column.strip() for column in next(rows, [])]
        except csv.Error as error:
            raise BadInput(
                f"the header row can't be read: {error}", where=where, remedy="mend the first line"
            ) from error
        if "text" not in header or ("id" in header) == ("_id" in header):
            raise BadInput(
                "the header row needs the columns id (or _id) and text",
                where=where,
                remedy="name the columns in the first line, or check the option `delimiter`",
            )
        if "fields" in header:
            raise BadInput(
                "a column can't be called 'fields'", where=where, remedy="every other column is a field: use its name"
            )
        if twice := sorted({column for column in header if header.count(column) > 1}):
            raise BadInput(f"the header row names {twice[0]!r} twice", where=where, remedy="rename one of the columns")
        return header


class _Blank:
    """An empty line."""


class _Lines:
    """Lines of bounded length; what is beyond the bound is thrown away and `cut` says that it happened."""

    def __init__(self, file: TextIO, limit: int) -> None:
        self._file = file
        self._limit = limit
        self.cut = False

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._file.readline(self._limit)
        if not line:
            raise StopIteration
        if len(line) == self._limit and not line.endswith("\n"):
            self.cut = True
            rest = line
            while rest and not rest.endswith("\n"):
                rest = self._file.readline(self._limit)
            return "\n"
        return line


def _next(rows: Iterator[list[str]], header: list[str], place: str) -> SourceDocument | Unreadable | _Blank | None:
    try:
        row = next(rows)
    except StopIteration:
        return None
    except csv.Error as error:
        return Unreadable(place=place, reason=f"not CSV: {error}")
    if not row:
        return _Blank()
    if len(row) != len(header):
        return Unreadable(place=place, reason=f"{len(row)} columns, the header has {len(header)}")
    try:
        "".join(row).encode()
    except UnicodeEncodeError:
        return Unreadable(place=place, reason="not UTF-8")
    filled = {column: value for column, value in zip(header, row, strict=True) if value or column == "text"}
    return to_document(filled, place)
