"""Check the query set and its judgments, and take their digests into the release. Called by `checking`.

The format is that of `turnout.evaluation.query_set`, which reads the same files to judge with them and stops at the
first bad line; here all bad lines are findings. A test holds the two together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import msgspec

from turnout.release.artifacts import Evaluation, FileDigest
from turnout.release.findings import Finding, printable, shown

QUERIES = "queries.jsonl"
QRELS = "qrels.tsv"
_HEADER = ["query-id", "corpus-id", "score"]


class Judgments(msgspec.Struct, frozen=True):
    """What a valid query set says about itself."""

    file: str
    """The queries."""
    evaluation: Evaluation
    judged: int
    """Queries with at least one judgment."""
    filters: tuple[tuple[str, int], ...]
    """Names of fields that queries filter by, each with its line."""


class _Query(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str = msgspec.field(name="_id")
    text: str
    filters: dict[str, str | list[str]] = {}
    slice: str = ""
    metadata: Any = None  # public query sets carry it


def read_judgments(folder: str, queries: bytes, qrels: bytes) -> tuple[Judgments | None, list[Finding]]:
    """The query set of two files' content, or what is wrong with it."""
    findings: list[Finding] = []
    queries_file, qrels_file = f"{folder}/{QUERIES}", f"{folder}/{QRELS}"
    known = _queries(queries_file, queries, findings)
    broken = bool(findings)
    pairs = _judgments(qrels_file, qrels, findings)
    if not broken:
        findings.extend(_unknown(qrels_file, pairs, set(known)))
    if findings:
        return None, findings
    evaluation = Evaluation(queries=_digest(queries, len(known)), qrels=_digest(qrels, len(pairs)))
    filters = tuple((name, line) for line, query in known.values() for name in query.filters)
    return Judgments(queries_file, evaluation, len({query for query, _ in pairs}), filters), []


def _digest(data: bytes, entries: int) -> FileDigest:
    return FileDigest(digest=f"sha256:{hashlib.sha256(data).hexdigest()}", entries=entries)


def _lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(data.split(b"\n"), 1):
        if line.strip():
            yield number, line.rstrip(b"\r")


def _queries(file: str, data: bytes, findings: list[Finding]) -> dict[str, tuple[int, _Query]]:
    known: dict[str, tuple[int, _Query]] = {}
    for number, line in _lines(data):
        try:
            query = msgspec.json.decode(line, type=_Query)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            remedy = 'write {"_id": "q1", "text": "..."} on one line'
            findings.append(
                Finding(file, number, 1, "", "bad-query", f"not a query: {printable(str(error))[:200]}", remedy)
            )
            continue
        if not query.id or not query.text.strip():
            problem = "a query needs an _id and a text"
            findings.append(Finding(file, number, 1, "", "bad-query", problem, "fill them in"))
        elif query.id in known:
            problem = f"the query {shown(query.id)} is already on line {known[query.id][0]}"
            findings.append(Finding(file, number, 1, "/_id", "duplicate-query", problem, "give it its own _id"))
        else:
            known[query.id] = (number, query)
    if not known and not findings:
        findings.append(Finding(file, 1, 1, "", "empty-file", "the query set is empty", "write at least one query"))
    return known


def _judgments(file: str, data: bytes, findings: list[Finding]) -> dict[tuple[str, str], int]:
    """(query, document) -> line."""
    pairs: dict[tuple[str, str], int] = {}
    lines = _lines(data)
    number, header = next(lines, (1, b""))
    if header.decode(errors="replace").split("\t") != _HEADER:
        remedy = "write " + "<tab>".join(_HEADER)
        findings.append(Finding(file, number, 1, "", "bad-judgment", "the first line is not the header", remedy))
    for number, line in lines:
        try:
            query, document, grade = line.decode().split("\t")
            int(grade)
        except ValueError:
            query = document = ""
        if not query or not document:
            remedy = "write query id, document id and a whole number, with tabs between"
            findings.append(Finding(file, number, 1, "", "bad-judgment", "not a judgment", remedy))
        elif (query, document) in pairs:
            problem = f"the pair {shown(query)}, {shown(document)} is already on line {pairs[query, document]}"
            findings.append(Finding(file, number, 1, "", "duplicate-judgment", problem, "keep one line"))
        else:
            pairs[query, document] = number
    return pairs


def _unknown(file: str, pairs: dict[tuple[str, str], int], known: set[str]) -> Iterator[Finding]:
    for (query, _), number in pairs.items():
        if query not in known:
            problem = f"no query {shown(query)} in {QUERIES}"
            yield Finding(file, number, 1, "", "unknown-query", problem, "add the query or drop the line")
