"""From a name and options, as pipeline.yaml has them, to a connector. Called by `turnout ingest`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from turnout.errors import BadInput
from turnout.ingest.connectors.csv_file import CsvFile
from turnout.ingest.connectors.folder import Folder
from turnout.ingest.connectors.jsonl_file import JsonlFile
from turnout.ingest.connectors.python_docs import PythonDocs
from turnout.ingest.source import Connector

# Connector -> option -> what it means; the same words are in `turnout ingest --help`.
_FILE_OPTIONS = {
    "path": "the file or folder, from the root of the repository unless absolute",
    "name": "who owns the documents, instead of the path; give it if the path may change",
}
OPTIONS: dict[str, dict[str, str]] = {
    "folder": _FILE_OPTIONS,
    "jsonl": _FILE_OPTIONS,
    "csv": {**_FILE_OPTIONS, "delimiter": "one character between columns, a comma by default"},
    "python-docs": {},
}


def make(name: str, options: Mapping[str, str], *, root: Path, max_document_bytes: int) -> Connector:
    """The connector `name` with its options.

    Args:
        root: where relative paths start.
        max_document_bytes: `limits.max_document_bytes` of the release.

    Raises:
        BadInput: no such connector, an option that it doesn't have, or one that it needs is missing.
    """
    if name not in OPTIONS:
        raise BadInput(f"there is no connector {name!r}", remedy=f"use one of {', '.join(OPTIONS)}")
    for option in options:
        if option not in OPTIONS[name]:
            known = ", ".join(OPTIONS[name]) or "none"
            raise BadInput(f"the connector {name} has no option {option!r}", remedy=f"its options are: {known}")
    if name == "python-docs":
        return PythonDocs()
    path, identity = _place(name, options, root)
    if name == "csv":
        delimiter = _delimiter(options.get("delimiter", ","))
        return CsvFile(path, identity=identity, max_document_bytes=max_document_bytes, delimiter=delimiter)
    kinds: dict[str, Callable[..., Connector]] = {"folder": Folder, "jsonl": JsonlFile}
    return kinds[name](path, identity=identity, max_document_bytes=max_document_bytes)


def _place(name: str, options: Mapping[str, str], root: Path) -> tuple[Path, str]:
    """The path, and the name of this source: the same wherever the repository is checked out."""
    if not options.get("path"):
        raise BadInput(f"the connector {name} needs the option `path`", remedy="add it: --option path=...")
    path = root / options["path"]
    absolute, base = path.resolve(), root.resolve()
    inside = absolute.relative_to(base) if absolute.is_relative_to(base) else absolute
    return path, options.get("name") or inside.as_posix()


def _delimiter(value: str) -> str:
    value = {"\\t": "\t", "tab": "\t"}.get(value, value)
    if len(value) != 1 or value in '"\r\n ':
        raise BadInput(f"{value!r} can't separate columns", remedy="give one character, or `tab`")
    return value
