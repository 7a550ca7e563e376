"""Check the query set and its judgments, and take their digests into the release. Called by `checking`.

The format is that of `turnout.evaluation.query_set`, which reads the same files to judge with them and stops at the
first bad line; here all bad lines are findings. A test holds the two together. The list of documents that a rehearsal
is made with belongs to them: `sample` reads it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from turnout.release.artifacts import Evaluation
from turnout.release.findings import Finding, printable, shown
from turnout.release.sample import SAMPLE, digest_of, read_sample

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


class _Judged(NamedTuple):
    line: int
    grade: int


def read_judgments(
    folder: str, queries: bytes, qrels: bytes, sample: bytes | None = None
) -> tuple[Judgments | None, list[Finding]]:
    """The query set of two files' content, or what is wrong with it; `sample` is the list of documents, if any."""
    findings: list[Finding] = []
    queries_file, qrels_file = f"{folder}/{QUERIES}", f"{folder}/{QRELS}"
    known = _queries(queries_file, queries, findings)
    broken = bool(findings)
    pairs = _judgments(qrels_file, qrels, findings)
    if not broken:
        findings.extend(_unknown(qrels_file, pairs, set(known)))
    evaluation = Evaluation(queries=digest_of(queries, len(known)), qrels=digest_of(qrels, len(pairs)))
    if sample is not None:
        listed, problems = read_sample(f"{folder}/{SAMPLE}", sample)
        findings += problems or _unsampled(qrels_file, pairs, set(listed))
        evaluation = msgspec.structs.replace(evaluation, sample=digest_of(sample, len(listed)))
    if findings:
        return None, findings
    filters = tuple((name, line) for line, query in known.values() for name in query.filters)
    return Judgments(queries_file, evaluation, len({query for query, _ in pairs}), filters), []


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


def _judgments(file: str, data: bytes, findings: list[Finding]) -> dict[tuple[str, str], _Judged]:
    """(query, document) -> line and grade."""
    pairs: dict[tuple[str, str], _Judged] = {}
    lines = _lines(data)
    number, header = next(lines, (1, b""))
    if header.decode(errors="replace").split("\t") != _HEADER:
        remedy = "write " + "<tab>".join(_HEADER)
        findings.append(Finding(file, number, 1, "", "bad-judgment", "the first line is not the header", remedy))
    for number, line in lines:
        try:
            query, document, written = line.decode().split("\t")
            grade = int(written)
        except ValueError:
            query, document, grade = "", "", 0
        if not query or not document:
            remedy = "write query id, document id and a whole number, with tabs between"
            findings.append(Finding(file, number, 1, "", "bad-judgment", "not a judgment", remedy))
        elif (query, document) in pairs:
            problem = f"the pair {shown(query)}, {shown(document)} is already on line {pairs[query, document].line}"
            findings.append(Finding(file, number, 1, "", "duplicate-judgment", problem, "keep one line"))
        else:
            pairs[query, document] = _Judged(number, grade)
    return pairs


def _unknown(file: str, pairs: dict[tuple[str, str], _Judged], known: set[str]) -> Iterator[Finding]:
    for (query, _), judged in pairs.items():
        if query not in known:
            problem = f"no query {shown(query)} in {QUERIES}"
            yield Finding(file, judged.line, 1, "", "unknown-query", problem, "add the query or drop the line")


def _unsampled(file: str, pairs: dict[tuple[str, str], _Judged], sampled: set[str]) -> Iterator[Finding]:
    """A good answer that a rehearsal can't find would count against every release. Said once for each document."""
    said: set[str] = set()
    for (_, document), judged in pairs.items():
        if judged.grade > 0 and document not in sampled and document not in said:
            said.add(document)
            problem = f"{shown(document)} is a good answer here and not in {SAMPLE}"
            remedy = "draw the sample anew (`turnout lock COLLECTION --sample N`), or drop the line"
            yield Finding(file, judged.line, 1, "", "unsampled-judgment", problem, remedy)
