"""A release with its judgments has to fit into what Kubernetes can mount."""

from __future__ import annotations

from turnout.release.size import MAX_CONFIG_MAP_BYTES, too_large

FOLDER = "pipelines/toys"
QUERIES, QRELS, SAMPLE = (f"{FOLDER}/evaluation/{name}" for name in ("queries.jsonl", "qrels.tsv", "sample.tsv"))


def test_what_fits_to_the_byte_is_fine() -> None:
    files = {QUERIES: b"x" * 100, QRELS: b"x" * (MAX_CONFIG_MAP_BYTES - 1100)}
    assert list(too_large(FOLDER, b"x" * 1000, files)) == []


def test_one_byte_more_is_refused_at_the_file_that_holds_most() -> None:
    files = {QUERIES: b"x" * 101, QRELS: b"x" * (MAX_CONFIG_MAP_BYTES - 1100)}
    [finding] = too_large(FOLDER, b"x" * 1000, files)
    assert (finding.rule, finding.file) == ("release-too-large", QRELS)
    assert str(MAX_CONFIG_MAP_BYTES + 1) in finding.problem


def test_the_sample_counts_for_nothing_because_pods_never_see_it() -> None:
    assert list(too_large(FOLDER, b"{}", {SAMPLE: b"x" * 2 * MAX_CONFIG_MAP_BYTES})) == []


def test_a_release_that_is_too_large_by_itself_is_said_so_once() -> None:
    [finding] = too_large(FOLDER, b"x" * (MAX_CONFIG_MAP_BYTES + 1), {QRELS: b"x" * MAX_CONFIG_MAP_BYTES})
    assert (finding.file, finding.remedy) == (f"{FOLDER}/release.json", "make the mapping smaller")
