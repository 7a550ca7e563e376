"""The check of a query set accepts what evaluation can read, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from support.artifact_files import QRELS, QUERIES, TEXTS
from turnout.errors import BadInput
from turnout.evaluation.query_set import parse_query_set
from turnout.release.judgments import read_judgments

QUERY_LINES = st.sampled_from(
    [
        *TEXTS[QUERIES].splitlines(),
        '{"_id": "q3", "text": "x", "metadata": {"a": 1}, "slice": "s"}\r',
        '{"_id": "q3", "text": "x", "extra": 1}',
        '{"_id": "", "text": "x"}',
        '{"_id": 3, "text": "x"}',
        '{"_id": "q4", "text": "  "}',
        '{"_id": "q5", "text": "\\ud800"}',
        "not json",
        "",
        "\u2028",
    ]
)
JUDGMENT_LINES = st.sampled_from(
    [
        "q1\td1\t1",
        "q1\td1\t2",
        "q2\td1\t0\r",
        "q3\td1\t1",
        "q1\td2\t-1",
        "q1\td3\t1.5",
        "q1\t\t1",
        "\td1\t1",
        "q1 d1 1",
        "",
        " ",
    ]
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    queries=st.lists(QUERY_LINES, max_size=4),
    header=st.sampled_from(["query-id\tcorpus-id\tscore", "query-id\tcorpus-id\tscore\r", "query\tdoc\tscore", ""]),
    judgments=st.lists(JUDGMENT_LINES, max_size=4),
)
@example(queries=TEXTS[QUERIES].splitlines(), header=TEXTS[QRELS].splitlines()[0], judgments=["q1\td1\t1"])
def test_both_readers_agree(queries: list[str], header: str, judgments: list[str]) -> None:
    files = "\n".join(queries).encode(), "\n".join([header, *judgments]).encode()
    read, findings = read_judgments("x", *files)
    assert (read is None) == bool(findings)
    if findings:
        with pytest.raises(BadInput):
            parse_query_set(*files)
    else:
        assert read is not None
        whole = parse_query_set(*files, evaluation=read.evaluation)
        assert len(whole.queries) == read.evaluation.queries.entries
        assert sum(map(len, whole.qrels.values())) == read.evaluation.qrels.entries
        assert len(whole.qrels) == read.judged


@pytest.mark.parametrize(("queries", "qrels"), [(b"\xff", b""), (b"{}", b"\xff\xfe"), (b"[" * 100_000, b"\t\t\t")])
def test_bytes_that_are_no_text_are_findings(queries: bytes, qrels: bytes) -> None:
    assert read_judgments("x", queries, qrels)[1]
