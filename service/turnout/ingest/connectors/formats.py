"""Text and title of a file by its format. Used by the folder connector, which has bounded the size already."""

from __future__ import annotations

import io
import logging
import re
import time
from collections.abc import Callable
from typing import NamedTuple

from bs4 import BeautifulSoup
from bs4.element import CData, PageElement, PreformattedString, Tag
from bs4.exceptions import ParserRejectedMarkup
from pypdf import PdfReader

# A PDF of bounded size can still unfold to any number of pages.
MAX_PDF_PAGES = 5_000
MAX_PDF_CHARS = 20_000_000
# All of them may draw the same few kilobytes, which are then parsed anew for each: hours of work in a small file.
MAX_PDF_CPU_S = 60.0
# Each costs html.parser another look at the rest of the file: 10,000 take it ten seconds.
MAX_OPEN_TAGS = 100

_DROPPED = ("script", "style", "template", "noscript", "iframe", "object", "svg", "title")
_BLOCKS = (
    *("address", "article", "aside", "blockquote", "dd", "div", "dl", "dt", "figcaption", "footer", "form", "h1", "h2"),
    *("h3", "h4", "h5", "h6", "header", "hr", "br", "li", "main", "nav", "ol", "p", "pre", "section", "table", "td"),
    *("th", "tr", "ul"),
)
_TOP_HEADING = ("# ", "#\t")
_FENCE = re.compile(r"\s{0,3}(```|~~~)")

# Its warnings about odd files name no file and can't be acted on; what it can't read becomes a dead letter.
logging.getLogger("pypdf").setLevel(logging.CRITICAL)


class UnreadableFile(Exception):
    """This file can't become a document; the message says why."""


class Read(NamedTuple):
    """What a file says."""

    title: str
    text: str
    format: str


def read_text(data: bytes, stem: str) -> Read:
    """A plain text; its title is the file's name."""
    return Read(stem, _not_empty(_decode(data)), "text")


def read_markdown(data: bytes, stem: str) -> Read:
    """Markdown as it is written; its title is the first top heading."""
    text = _not_empty(_decode(data))
    return Read(_first_heading(text) or stem, text, "markdown")


def read_html(data: bytes, stem: str) -> Read:
    """The text that a reader of the page would see."""
    markup = _decode(data)
    if markup.count("<", markup.rfind(">") + 1) > MAX_OPEN_TAGS:
        raise UnreadableFile("HTML that ends in tags that are never closed")
    try:
        soup = BeautifulSoup(markup, "html.parser")
    except (ValueError, AssertionError, RecursionError, ParserRejectedMarkup) as error:
        raise UnreadableFile(f"not HTML: {error}") from error
    heading = soup.find("title") or soup.find("h1")
    title = " ".join(heading.get_text().split()) if heading else ""
    lines = (" ".join(line.split()) for line in _visible(soup).splitlines())
    return Read(title or stem, _not_empty("\n".join(line for line in lines if line)), "html")


def read_pdf(data: bytes, stem: str) -> Read:
    """The text layer of a PDF; a scan has none."""
    try:
        pdf = PdfReader(io.BytesIO(data), strict=False)
        if pdf.is_encrypted:
            raise UnreadableFile("an encrypted PDF")
        text = _pages(pdf)
        title = pdf.metadata.title if pdf.metadata else None
    except UnreadableFile:
        raise
    except Exception as error:  # a hostile PDF can raise anything from inside the parser
        raise UnreadableFile(f"a PDF that can't be parsed: {type(error).__name__}: {error}") from error
    return Read(_storable(title or "").strip() or stem, _not_empty(text), "pdf")


FORMATS: dict[str, Callable[[bytes, str], Read]] = {
    ".md": read_markdown,
    ".markdown": read_markdown,
    ".txt": read_text,
    ".html": read_html,
    ".htm": read_html,
    ".pdf": read_pdf,
}


def _visible(root: Tag) -> str:
    """What a browser would show, with blocks on lines of their own; linear in time however deep the tags go."""
    parts: list[str] = []
    stack: list[PageElement | str] = [root]
    while stack:
        node = stack.pop()
        match node:
            case Tag(name=name) if name in _DROPPED:
                continue
            case Tag(name=name):
                edge = "\n" if name in _BLOCKS else ""
                parts.append(edge)
                stack.append(edge)
                stack.extend(reversed(node.contents))
            case PreformattedString() if not isinstance(node, CData):
                continue  # comments, doctypes and the like
            case str():
                parts.append(node)
    return "".join(parts)


def _pages(pdf: PdfReader) -> str:
    pages: list[str] = []
    chars = 0
    started = time.thread_time()
    for number, page in enumerate(pdf.pages):
        pages.append(_storable(page.extract_text()))
        chars += len(pages[-1])
        if number >= MAX_PDF_PAGES or chars > MAX_PDF_CHARS:
            raise UnreadableFile(f"a PDF of more than {MAX_PDF_PAGES} pages or {MAX_PDF_CHARS} characters")
        if time.thread_time() - started > MAX_PDF_CPU_S:
            raise UnreadableFile(f"a PDF that takes more than {MAX_PDF_CPU_S:.0f} s to read")
    return "\n".join(pages)


def _decode(data: bytes) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableFile(f"not UTF-8: byte {error.start} is 0x{data[error.start]:02x}") from error
    if "\0" in text:
        raise UnreadableFile("a binary file: it holds NUL bytes")
    return text


def _not_empty(text: str) -> str:
    if not text.strip():
        raise UnreadableFile("no text in it")
    return text


def _storable(text: str) -> str:
    """Without the lone surrogates that broken font tables give."""
    return text.encode("utf-8", "replace").decode()


def _first_heading(text: str) -> str:
    fence = ""
    for line in text.splitlines():
        mark = _FENCE.match(line)
        if mark and fence in ("", mark[1]):
            fence = "" if fence else mark[1]
        elif not fence and line[:2] in _TOP_HEADING and (heading := _without_closing_marks(line[2:].strip())):
            return heading
    return ""


def _without_closing_marks(heading: str) -> str:
    """Not a pattern: on a line with much empty space that takes cubic time."""
    return heading.rstrip("#").rstrip() or heading
