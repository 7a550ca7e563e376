"""Read a query set and its judgments, and say where a bad line is.

`queries.jsonl` holds one JSON object a line; `qrels.tsv` holds judgments in TREC words. Both belong to a release by
digest, so that a verdict names exactly the questions and answers that it was made from. Called by verify,
apply and the rehearsal.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import msgspec

from turnout.errors import BadInput
from turnout.release.artifacts import Evaluation, FileDigest

QUERIES_FILE = "queries.jsonl"
QRELS_FILE = "qrels.tsv"
QRELS_HEADER = ("query-id", "corpus-id", "score")

Qrels = dict[str, dict[str, int]]


class JudgedQuery(msgspec.Struct, frozen=True, kw_only=True):
    """One information need.

    `filters` maps a filter field to the values of which one must match. `slice` names a group of queries that is
    judged on its own as well.
    """

    id: str
    text: str
    filters: dict[str, tuple[str, ...]] = {}
    slice: str = ""


class QuerySet(msgspec.Struct, frozen=True, kw_only=True):
    """Queries in the order of the file, and per query id the grade of each judged document (plain source ids)."""

    queries: tuple[JudgedQuery, ...]
    qrels: Qrels


class _Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str = msgspec.field(name="_id")
    text: str
    filters: dict[str, str | list[str]] = {}
    slice: str = ""
    metadata: Any = None  # public query sets carry it; it means nothing here


def parse_query_set(
    queries: bytes, qrels: bytes, *, evaluation: Evaluation | None = None, folder: str = ""
) -> QuerySet:
    """The query set of two files' content.

    Args:
        evaluation: what the release says the files are; None to take them as they come.
        folder: where the files lie, for messages.

    Raises:
        BadInput: a line that can't be read (with its place), a judgment of an unknown query, or other files than
            those of the release.
    """
    queries_at, qrels_at = (f"{folder}/{name}" if folder else name for name in (QUERIES_FILE, QRELS_FILE))
    if evaluation is not None:
        _check_digest(queries, evaluation.queries, queries_at)
        _check_digest(qrels, evaluation.qrels, qrels_at)
    parsed = parse_queries(queries, where=queries_at)
    return QuerySet(queries=parsed, qrels=parse_qrels(qrels, where=qrels_at, known={query.id for query in parsed}))


def parse_queries(data: bytes, *, where: str = QUERIES_FILE) -> tuple[JudgedQuery, ...]:
    """The queries of `queries.jsonl`; raises `BadInput` with the line of the first one that can't be read."""
    found: dict[str, JudgedQuery] = {}
    for place, line in _lines(data, where):
        try:
            read = msgspec.json.decode(line, type=_Line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadInput(
                f"not a query: {error}", where=place, remedy='write {"_id": "q1", "text": "..."} on one line'
            ) from error
        if not read.id or not read.text.strip():
            raise BadInput("a query needs an _id and a text", where=place, remedy="fill them in")
        if read.id in found:
            raise BadInput(f"query {read.id!r} is there twice", where=place, remedy="give each query its own _id")
        found[read.id] = JudgedQuery(id=read.id, text=read.text, filters=_filters(read.filters), slice=read.slice)
    if not found:
        raise BadInput("the query set is empty", where=where, remedy="write at least one query")
    return tuple(found.values())


def parse_qrels(data: bytes, *, where: str = QRELS_FILE, known: set[str] | None = None) -> Qrels:
    """The judgments of `qrels.tsv`: query id -> source id -> grade.

    Args:
        known: the ids of the queries; a judgment of another one is refused.

    Raises:
        BadInput: no header, a line that is not three columns with a whole number, a pair judged twice.
    """
    qrels: Qrels = {}
    lines = _lines(data, where)
    place, header = next(lines, (where, b""))
    if tuple(header.decode(errors="replace").split("\t")) != QRELS_HEADER:
        raise BadInput("the first line is not the header", where=place, remedy="write " + "<tab>".join(QRELS_HEADER))
    for place, line in lines:
        query, document, grade = _judgment(line, place)
        if known is not None and query not in known:
            raise BadInput(f"no query {query!r} in {QUERIES_FILE}", where=place, remedy="add it or drop the line")
        grades = qrels.setdefault(query, {})
        if document in grades:
            raise BadInput(f"{document!r} is judged twice for query {query!r}", where=place, remedy="keep one line")
        grades[document] = grade
    return qrels


def _judgment(line: bytes, place: str) -> tuple[str, str, int]:
    try:
        query, document, grade = line.decode().split("\t")
        if not query or not document:
            raise ValueError("empty column")
        return query, document, int(grade)
    except ValueError as error:
        raise BadInput(
            "not a judgment", where=place, remedy="write query id, document id and a whole number, with tabs between"
        ) from error


def _filters(raw: dict[str, str | list[str]]) -> dict[str, tuple[str, ...]]:
    return {field: (values,) if isinstance(values, str) else tuple(values) for field, values in raw.items()}


def _lines(data: bytes, where: str) -> Iterator[tuple[str, bytes]]:
    """Lines that are not blank, each with its place."""
    for number, line in enumerate(data.split(b"\n"), 1):
        if line.strip():
            yield f"{where}:{number}", line.rstrip(b"\r")


def _check_digest(data: bytes, expected: FileDigest, where: str) -> None:
    actual = f"sha256:{hashlib.sha256(data).hexdigest()}"
    if actual != expected.digest:
        raise BadInput(
            f"not the file of this release ({actual}, the release has {expected.digest})",
            where=where,
            remedy="check out the commit of the release, or run `turnout lock` for a new release",
        )
