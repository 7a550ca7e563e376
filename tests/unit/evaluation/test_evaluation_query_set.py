"""Query sets are read whole or refused with the place of the first bad line."""

from __future__ import annotations

import hashlib

import pytest

from turnout.errors import BadInput
from turnout.evaluation.query_set import parse_qrels, parse_queries, parse_query_set
from turnout.release.artifacts import Evaluation, FileDigest

QUERIES = b'{"_id": "q1", "text": "how to"}\n\n{"_id": "q2", "text": "b", "filters": {"kind": "x", "l": ["a", "b"]}}\n'
QRELS = b"query-id\tcorpus-id\tscore\nq1\ta b\t2\r\nq1\tc\t0\n"


def digest(data: bytes) -> FileDigest:
    return FileDigest(digest=f"sha256:{hashlib.sha256(data).hexdigest()}", entries=2)


def test_queries_and_grades_are_read_in_the_order_of_the_file() -> None:
    found = parse_query_set(QUERIES, QRELS)
    assert [query.id for query in found.queries] == ["q1", "q2"]
    assert found.queries[1].filters == {"kind": ("x",), "l": ("a", "b")}
    assert found.qrels == {"q1": {"a b": 2, "c": 0}}


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"{", "not a query"),
        (b'{"_id": "q3"}', "text"),
        (b'{"_id": "", "text": "x"}', "needs an _id"),
        (b'{"_id": "q3", "text": "  "}', "needs an _id and a text"),
        (b'{"_id": "q1", "text": "again"}', "twice"),
        (b'{"_id": "q3", "text": "x", "filter": {}}', "filter"),
        (b'{"_id": 3, "text": "x"}', "str"),
        (b'{"_id": "q3", "text": "\xff"}', "not a query"),
    ],
)
def test_a_bad_query_is_refused_with_its_line(line: bytes, problem: str) -> None:
    with pytest.raises(BadInput, match=problem) as caught:
        parse_queries(QUERIES + line + b"\n", where="e/queries.jsonl")
    assert caught.value.where == "e/queries.jsonl:4"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"q1\ta", "not a judgment"),
        (b"q1\tz\t1.5", "not a judgment"),
        (b"q1\t\t1", "not a judgment"),
        (b"q1 0 z 1", "not a judgment"),
        (b"q1\t\xff\t1", "not a judgment"),
        (b"q1\tc\t1", "judged twice"),
        (b"q9\tc\t1", "no query 'q9'"),
    ],
)
def test_a_bad_judgment_is_refused_with_its_line(line: bytes, problem: str) -> None:
    with pytest.raises(BadInput, match=problem) as caught:
        parse_qrels(QRELS + line + b"\n", where="qrels.tsv", known={"q1", "q2"})
    assert caught.value.where == "qrels.tsv:4"


@pytest.mark.parametrize("data", [b"", b"q1\ta\t1\n"])
def test_judgments_without_a_header_are_refused(data: bytes) -> None:
    with pytest.raises(BadInput, match="header"):
        parse_qrels(data)


def test_an_empty_query_set_is_refused() -> None:
    with pytest.raises(BadInput, match="empty"):
        parse_queries(b"\n")


def test_files_of_the_release_are_taken() -> None:
    evaluation = Evaluation(queries=digest(QUERIES), qrels=digest(QRELS))
    assert len(parse_query_set(QUERIES, QRELS, evaluation=evaluation).queries) == 2


@pytest.mark.parametrize(("queries", "qrels", "name"), [(b"\n", b"", "queries.jsonl"), (b"", b"\n", "qrels.tsv")])
def test_other_files_than_those_of_the_release_are_refused(queries: bytes, qrels: bytes, name: str) -> None:
    evaluation = Evaluation(queries=digest(QUERIES), qrels=digest(QRELS))
    with pytest.raises(BadInput, match="not the file of this release") as caught:
        parse_query_set(QUERIES + queries, QRELS + qrels, evaluation=evaluation, folder="e")
    assert caught.value.where == f"e/{name}"
