"""The list of documents for rehearsals: read back as written, every bad line named, judged documents in it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.artifact_files import QRELS, TEXTS, checked, locked
from turnout.errors import BadInput
from turnout.release.artifacts import FileDigest
from turnout.release.sample import can_be_listed, parse_sample, read_sample, write_sample

SAMPLE = "pipelines/toys/evaluation/sample.tsv"
HASH = "0123456789abcdef"
LISTED = {"d1": HASH, "d2": HASH, "d3": HASH}


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.dictionaries(st.text(min_size=1).filter(can_be_listed), st.from_regex(r"[0-9a-f]{16}", fullmatch=True)))
def test_what_is_written_is_read_back_in_the_order_of_ids(sample: dict[str, str]) -> None:
    read, findings = read_sample("x", write_sample(sample))
    assert list(read.items()) == sorted(sample.items())
    assert [finding.rule for finding in findings] == ([] if sample else ["empty-file"])


@pytest.mark.parametrize(
    ("lines", "rule"),
    [
        ([f"d1\t{HASH}", "d2"], "bad-sample"),
        ([f"d1\t{HASH}", f"d2\t{HASH.upper()}"], "bad-sample"),
        ([f"d1\t{HASH}", f"d2\t{HASH}0"], "bad-sample"),
        ([f" \t{HASH}"], "bad-sample"),
        (["d1\t\udcff"], "bad-sample"),
        ([f"d1\t{HASH}", f"d1\t{HASH}"], "duplicate-document"),
        ([f"d2\t{HASH}", f"d1\t{HASH}"], "unsorted-sample"),
        ([], "empty-file"),
    ],
)
def test_a_bad_line_is_a_finding_with_its_place(lines: list[str], rule: str) -> None:
    data = "\n".join(["document-id\tcontent-hash", *lines]).encode(errors="surrogateescape")
    _, findings = read_sample("x", data)
    assert [(finding.rule, finding.line) for finding in findings] == [(rule, 1 + len(lines))]
    with pytest.raises(BadInput):
        parse_sample(data)


def test_the_header_is_needed() -> None:
    assert read_sample("x", f"d1\t{HASH}\n".encode())[1][0].rule == "bad-sample"


def test_the_sample_belongs_to_the_release_by_digest() -> None:
    without = checked(locked(TEXTS)).release
    texts = locked(TEXTS | {SAMPLE: write_sample(LISTED).decode()})
    release = checked(texts).release
    assert without is not None
    assert release is not None
    assert without.evaluation is not None
    assert release.evaluation is not None
    assert not isinstance(without.evaluation.sample, FileDigest)
    assert isinstance(release.evaluation.sample, FileDigest)
    assert release.evaluation.sample.entries == len(LISTED)
    assert release.id != without.id
    assert release.fingerprints == without.fingerprints
    assert parse_sample(texts[SAMPLE].encode(), expected=release.evaluation.sample) == LISTED
    with pytest.raises(BadInput, match="not the file of this release"):
        parse_sample(write_sample({"d1": HASH}), expected=release.evaluation.sample)


def test_a_good_answer_that_is_not_in_the_sample_is_a_finding_once_and_a_bad_answer_is_none() -> None:
    qrels = TEXTS[QRELS] + "q2\td1\t1\n"
    found = checked(TEXTS | {QRELS: qrels, SAMPLE: write_sample({"d3": HASH}).decode()}).findings
    assert [(finding.rule, finding.line) for finding in found] == [("unsampled-judgment", 2)]


def test_a_sample_needs_judgments() -> None:
    texts = {file: text for file, text in TEXTS.items() if "/evaluation/" not in file}
    found = checked(texts | {SAMPLE: write_sample(LISTED).decode()}).findings
    assert {finding.rule for finding in found} >= {"missing-file"}
