"""Check the list of documents that a rehearsal is made with (`evaluation/sample.tsv`), and read it.

The list holds ids and hashes and no text: a document's id in its source, and the first 16 hex digits of the SHA-256 of
its title, text and fields. Called by `judgments` for findings, and by whoever starts a rehearsal for the list.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping

from turnout.errors import BadInput
from turnout.release.artifacts import FileDigest
from turnout.release.findings import Finding, shown

SAMPLE = "sample.tsv"
HASH_DIGITS = 16
Sample = Mapping[str, str]
"""Id of a document in its source -> hash of its content, in the order of ids."""

_HEADER = ("document-id", "content-hash")
_HASH = re.compile(r"[0-9a-f]{16}")
# What a line of tab-separated values in UTF-8 can't hold.
_UNLISTABLE = re.compile(r"[\t\r\n\ud800-\udfff]")


def can_be_listed(source_id: str) -> bool:
    """Whether an id fits into a line of the file."""
    return bool(source_id.strip()) and _UNLISTABLE.search(source_id) is None


def write_sample(sample: Sample) -> bytes:
    """The file's content: the header, then a line for each document, by id."""
    lines = ["\t".join(_HEADER), *(f"{source_id}\t{sample[source_id]}" for source_id in sorted(sample))]
    return ("\n".join(lines) + "\n").encode()


def parse_sample(data: bytes, *, expected: FileDigest | None = None, where: str = SAMPLE) -> Sample:
    """The list in a file's content.

    Args:
        expected: what the release says the file is; None to take it as it comes.

    Raises:
        BadInput: another file than the release's, or a line that can't be read (with its place).
    """
    if expected is not None and digest_of(data, 0).digest != expected.digest:
        remedy = "check out the commit of the release, or run `turnout lock` for a new release"
        raise BadInput("not the file of this release", where=where, remedy=remedy)
    sample, findings = read_sample(where, data)
    if findings:
        first = findings[0]
        raise BadInput(first.problem, where=first.place, remedy=first.remedy)
    return sample


def read_sample(file: str, data: bytes) -> tuple[dict[str, str], list[Finding]]:
    """The list, and everything that is wrong with the file."""
    sample: dict[str, str] = {}
    findings: list[Finding] = []
    places: dict[str, int] = {}
    lines = _lines(data)
    number, header = next(lines, (1, b""))
    if tuple(header.decode(errors="replace").split("\t")) != _HEADER:
        remedy = "write " + "<tab>".join(_HEADER)
        findings.append(Finding(file, number, 1, "", "bad-sample", "the first line is not the header", remedy))
    last = ""
    for number, line in lines:
        listed = _listed(line)
        if listed is None:
            remedy = "write document id and 16 hex digits with a tab between, or draw the sample anew"
            findings.append(Finding(file, number, 1, "", "bad-sample", "not a document with its hash", remedy))
        elif listed[0] in sample:
            problem = f"the document {shown(listed[0])} is already on line {places[listed[0]]}"
            findings.append(Finding(file, number, 1, "", "duplicate-document", problem, "keep one line"))
        else:
            if listed[0] < last:
                problem = f"the document {shown(listed[0])} comes after {shown(last)}"
                findings.append(Finding(file, number, 1, "", "unsorted-sample", problem, "sort the lines by id"))
            places[listed[0]], sample[listed[0]], last = number, listed[1], listed[0]
    if not sample and not findings:
        problem, remedy = "the sample lists no document", "draw one with `turnout lock COLLECTION --sample 0`"
        findings.append(Finding(file, 1, 1, "", "empty-file", problem, remedy))
    return sample, findings


def digest_of(data: bytes, entries: int) -> FileDigest:
    """A file as the release names it."""
    return FileDigest(digest=f"sha256:{hashlib.sha256(data).hexdigest()}", entries=entries)


def _lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(data.split(b"\n"), 1):
        if line.strip():
            yield number, line.rstrip(b"\r")


def _listed(line: bytes) -> tuple[str, str] | None:
    try:
        source_id, digits = line.decode().split("\t")
    except ValueError:
        return None
    return (source_id, digits) if can_be_listed(source_id) and _HASH.fullmatch(digits) else None
