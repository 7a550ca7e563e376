"""The connectors for JSONL and CSV, line by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from turnout.errors import BadInput, EnvironmentProblem
from turnout.ingest import SourceDocument, Unreadable
from turnout.ingest.connectors.csv_file import CsvFile
from turnout.ingest.connectors.jsonl_file import JsonlFile

LIMIT = 100


def jsonl(tmp_path: Path, data: bytes) -> list[SourceDocument | Unreadable]:
    path = tmp_path / "d.jsonl"
    path.write_bytes(data)
    return list(JsonlFile(path, identity="d", max_document_bytes=LIMIT).read())


def table(tmp_path: Path, data: bytes, **options: str) -> list[SourceDocument | Unreadable]:
    path = tmp_path / "d.csv"
    path.write_bytes(data)
    return list(CsvFile(path, identity="d", max_document_bytes=LIMIT, **options).read())


def test_json_lines_become_documents_with_every_other_key_as_a_field(tmp_path: Path) -> None:
    items = jsonl(
        tmp_path,
        b'\xef\xbb\xbf{"_id": "a", "title": "A", "text": "one", "kind": "x", "fields": {"n": 1}}\n\n'
        b'{"id": 7, "text": "two"}',
    )
    assert items == [
        SourceDocument(source_id="a", title="A", text="one", fields={"kind": "x", "n": 1}, place="d.jsonl:1"),
        SourceDocument(source_id="7", title="", text="two", fields={}, place="d.jsonl:3"),
    ]


@pytest.mark.parametrize(
    ("line", "expected", "source_id"),
    [
        (b"{", "not JSON", None),
        (b"[1]", "not a JSON object", None),
        (b"\xff\xfe", "not JSON", None),
        (b'{"id": "a", "text": "\\ud800"}', "not JSON", None),
        (b"[" * 550, "not JSON", None),
        (b'{"text": "no id"}', "needs one", None),
        (b'{"id": "", "text": "x"}', "needs one", None),
        (b'{"id": true, "text": "x"}', "needs one", None),
        (b'{"id": "a", "_id": "b", "text": "x"}', "needs one", None),
        (b'{"id": "a"}', '"text" must be', "a"),
        (b'{"id": "a", "text": 1}', '"text" must be', "a"),
        (b'{"id": "a", "text": "x", "title": []}', '"text" must be', "a"),
        (b'{"id": "a", "text": "x", "fields": 1}', "must be an object", "a"),
        (b'{"id": "a", "text": "x", "k": 1, "fields": {"k": 2}}', "there twice", "a"),
        (b'{"id": "a", "text": "' + b"x" * 6 * LIMIT + b'"}', "a line of more than 600 bytes", None),
    ],
)
def test_a_bad_json_line_is_a_dead_letter_with_its_place_and_the_rest_goes_on(
    tmp_path: Path, line: bytes, expected: str, source_id: str | None
) -> None:
    bad, good = jsonl(tmp_path, line + b'\n{"id": "z", "text": "good"}\n')
    assert isinstance(bad, Unreadable)
    assert (bad.place, bad.source_id) == ("d.jsonl:1", source_id)
    assert expected in bad.reason
    assert isinstance(good, SourceDocument)
    assert good.place == "d.jsonl:2"


def test_csv_rows_become_documents_with_other_columns_as_fields(tmp_path: Path) -> None:
    items = table(tmp_path, b'\xef\xbb\xbfid;title;text;kind\na;A;"two\nlines; ""quoted""";x\n\nb;;t;\n', delimiter=";")
    assert items == [
        SourceDocument(source_id="a", title="A", text='two\nlines; "quoted"', fields={"kind": "x"}, place="d.csv:2"),
        SourceDocument(source_id="b", title="", text="t", fields={}, place="d.csv:5"),
    ]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (b"a,x,extra", "3 columns"),
        (b"a", "1 columns"),
        (b"gr\xfcn,x", "not UTF-8"),
        (b",no id", "needs one"),
        (b'a,"x" y', "not CSV"),
        (b"a," + b"x" * (LIMIT + 1), "field larger than field limit"),
        (b"a," + b"x" * LIMIT * 3, "too long"),
    ],
)
def test_a_bad_csv_row_is_a_dead_letter_with_its_place_and_the_rest_goes_on(
    tmp_path: Path, row: bytes, expected: str
) -> None:
    bad, good = table(tmp_path, b"id,text\n" + row + b"\nz,good\n")
    assert isinstance(bad, Unreadable)
    assert bad.place == "d.csv:2"
    assert expected in bad.reason
    assert isinstance(good, SourceDocument)
    assert (good.source_id, good.place) == ("z", "d.csv:3")


def test_a_quote_that_is_never_closed_is_a_dead_letter(tmp_path: Path) -> None:
    good, bad = table(tmp_path, b'id,text\na,fine\nb,"open\n')
    assert isinstance(good, SourceDocument)
    assert isinstance(bad, Unreadable)
    assert bad.place == "d.csv:3"


@pytest.mark.parametrize("header", [b"", b"a,b", b"id,_id,text", b"id,text,x,x", b"id,text,fields", b'id,"te'])
def test_a_csv_header_that_cannot_be_used_is_refused(tmp_path: Path, header: bytes) -> None:
    with pytest.raises(BadInput, match=r"header|column"):
        table(tmp_path, header + b"\n1,2\n")


@pytest.mark.parametrize("kind", [JsonlFile, CsvFile])
def test_a_missing_file_is_an_error_and_not_an_empty_source(tmp_path: Path, kind: type[JsonlFile | CsvFile]) -> None:
    with pytest.raises(EnvironmentProblem, match="can't be read"):
        list(kind(tmp_path / "gone", identity="d", max_document_bytes=LIMIT).read())
