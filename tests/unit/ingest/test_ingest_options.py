"""Connectors by name and options, as pipeline.yaml and the command line give them."""

from __future__ import annotations

from pathlib import Path

import pytest

from turnout.errors import BadInput
from turnout.ingest.connectors.registry import make
from turnout.ingest.ingestion import owner_of


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("ftp", {}, "no connector 'ftp'"),
        ("folder", {"path": "x", "glob": "*"}, "no option 'glob'"),
        ("python-docs", {"path": "x"}, "no option 'path'"),
        ("jsonl", {}, "needs the option `path`"),
        ("csv", {"path": "x", "delimiter": "ab"}, "can't separate"),
    ],
)
def test_what_is_wrong_with_the_options_is_said(name: str, options: dict[str, str], expected: str) -> None:
    with pytest.raises(BadInput, match=expected):
        make(name, options, root=Path(), max_document_bytes=10)


@pytest.mark.parametrize(
    ("options", "identity"),
    [
        ({"path": "docs/a.jsonl"}, "docs/a.jsonl"),
        ({"path": "./docs/../docs/a.jsonl"}, "docs/a.jsonl"),
        ({"path": "docs/a.jsonl", "name": "faq"}, "faq"),
    ],
)
def test_a_source_is_the_same_wherever_the_repository_is_checked_out(
    tmp_path: Path, options: dict[str, str], identity: str
) -> None:
    for root in (tmp_path / "one", tmp_path / "two"):
        connector = make("jsonl", options, root=root, max_document_bytes=10)
        assert owner_of("jsonl", connector) == f"jsonl:{identity}"
