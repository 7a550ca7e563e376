"""The folder connector over friendly and hostile files."""

from __future__ import annotations

import io
import os
import time
from pathlib import Path

import pytest
from pypdf import PdfReader, PdfWriter

from turnout.errors import EnvironmentProblem
from turnout.ingest import SourceDocument, Unreadable
from turnout.ingest.connectors import formats
from turnout.ingest.connectors.folder import Folder


def pdf(text: str) -> bytes:
    """A PDF of one page, written by hand."""
    stream = f"BT /F1 12 Tf 20 100 Td ({text}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Contents 4 0 R"
        b" /Resources << /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
    ]
    out, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"trailer << /Size 5 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % len(out)
    return out + b"xref\n0 5\n0000000000 65535 f \n" + table + trailer


def encrypted(data: bytes) -> bytes:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(data)))
    writer.encrypt("secret", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def read(path: Path, **options: int) -> dict[str, SourceDocument | Unreadable]:
    connector = Folder(path, identity="docs", max_document_bytes=options.get("limit", 10_000))
    items = list(connector.read())
    assert [item for item in items if item.source_id is None] == []
    found = {str(item.source_id): item for item in items}
    assert len(found) == len(items)
    return found


def reason(item: SourceDocument | Unreadable) -> str:
    assert isinstance(item, Unreadable), item
    return item.reason


def test_all_formats_are_read_with_their_titles_in_a_stable_order(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "guide.md").write_text("```\n# not this\n```\n# The *guide*\n\nUse it.\n")
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfplain text")
    (tmp_path / "page.HTML").write_text(
        "<html><head><title>A  page</title><style>p{}</style><script>evil()</script></head>"
        "<body><h1>Head</h1><p>un<b>happy</b> p</p><p>next</p><!-- hidden --></body></html>"
    )
    (tmp_path / "paper.pdf").write_bytes(pdf("Hello from a page"))
    (tmp_path / "image.png").write_bytes(b"\x89PNG")
    (tmp_path / ".hidden.md").write_text("# no")
    found = read(tmp_path)
    assert list(found) == ["a.txt", "page.HTML", "paper.pdf", "b/guide.md"]
    assert {key: (item.title, item.text) for key, item in found.items() if isinstance(item, SourceDocument)} == {
        "a.txt": ("a", "plain text"),
        "page.HTML": ("A page", "Head\nunhappy p\nnext"),
        "paper.pdf": ("paper", "Hello from a page"),
        "b/guide.md": ("The *guide*", "```\n# not this\n```\n# The *guide*\n\nUse it.\n"),
    }
    assert found["b/guide.md"].fields == {"path": "b/guide.md", "format": "markdown"}


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("latin.txt", "gr\xfcn".encode("latin-1"), "not UTF-8: byte 2"),
        ("utf16.md", "hello".encode("utf-16"), "not UTF-8: byte 0"),
        ("binary.txt", b"a\0b", "NUL bytes"),
        ("empty.md", b" \n", "no text"),
        ("scripts.html", b"<script>only()</script>", "no text"),
        ("big.txt", b"x" * 10_001, "larger than 10000 bytes"),
        ("marked.html", b"<p>text</p><![odd>", "not HTML"),
        ("broken.pdf", b"%PDF-1.4 nothing here", "can't be parsed"),
        ("cut.pdf", pdf("half")[:150], "can't be parsed"),
        ("locked.pdf", encrypted(pdf("secret")), "encrypted"),
        ("not-a.pdf", b"just text", "can't be parsed"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_dead_letter_and_the_rest_goes_on(
    tmp_path: Path, name: str, data: bytes, expected: str
) -> None:
    (tmp_path / name).write_bytes(data)
    (tmp_path / "good.txt").write_text("good")
    found = read(tmp_path)
    assert expected in reason(found[name])
    assert isinstance(found["good.txt"], SourceDocument)


def test_html_with_thousands_of_open_tags_ends(tmp_path: Path) -> None:
    (tmp_path / "deep.html").write_text("<div><p>" * 30_000 + "bottom")
    (tmp_path / "open.html").write_text("<p>x</p>" + "<a " * 30_000)
    found = read(tmp_path, limit=1_000_000)
    assert "never closed" in reason(found["open.html"])
    assert isinstance(found["deep.html"], SourceDocument)
    assert found["deep.html"].text == "bottom"


def test_links_out_of_the_folder_and_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("secret")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "real.txt").write_text("real")
    (inside / "alias.txt").symlink_to("real.txt")
    (inside / "escape.txt").symlink_to("../outside/secret.txt")
    (inside / "dangling.txt").symlink_to("nowhere.txt")
    (inside / "loop.txt").symlink_to("loop.txt")
    (inside / "up").symlink_to("..", target_is_directory=True)
    found = read(inside)
    assert isinstance(found["real.txt"], SourceDocument)
    assert isinstance(found["alias.txt"], SourceDocument)
    assert "leads out" in reason(found["escape.txt"])
    assert "not followed" in reason(found["up"])
    assert reason(found["dangling.txt"])
    assert reason(found["loop.txt"])
    assert len(found) == 6


def test_a_pipe_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    assert "not a regular file" in reason(read(tmp_path)["pipe.txt"])


def test_a_name_that_is_not_utf8_is_a_dead_letter(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"gr\xfcn.txt")).write_text("text")
    (item,) = Folder(tmp_path, identity="docs", max_document_bytes=100).read()
    assert reason(item) == "the file's name is not UTF-8"


def test_a_missing_folder_is_an_error_and_not_an_empty_source(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match="no such folder"):
        list(Folder(tmp_path / "gone", identity="docs", max_document_bytes=100).read())


def test_a_heading_with_much_empty_space_is_read_in_linear_time(tmp_path: Path) -> None:
    (tmp_path / "wide.md").write_text("# a" + " " * 100_000 + "b ##\n")
    started = time.process_time()
    found = read(tmp_path, limit=1_000_000)["wide.md"]
    assert time.process_time() - started < 5
    assert isinstance(found, SourceDocument)
    assert (found.title[0], found.title[-1]) == ("a", "b")


def test_a_pdf_whose_pages_take_too_long_is_a_dead_letter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "MAX_PDF_CPU_S", 0.0)
    (tmp_path / "slow.pdf").write_bytes(pdf("hello"))
    assert "to read" in reason(read(tmp_path)["slow.pdf"])
