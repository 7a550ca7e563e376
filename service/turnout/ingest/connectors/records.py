"""What the connectors for JSONL and CSV share: one record to one document, and reading lines of bounded length."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from turnout.errors import EnvironmentProblem
from turnout.ingest.source import SourceDocument, Unreadable

_OWN = frozenset({"id", "_id", "title", "text", "fields"})


@contextmanager
def opening(path: Path) -> Iterator[None]:
    """Turn an error of the file itself into one that names it; a source that breaks off is not read to its end."""
    try:
        yield
    except OSError as error:
        raise EnvironmentProblem(
            f"the file can't be read: {error.strerror}", where=str(path), remedy="check the option `path`"
        ) from error


def to_document(record: dict[str, Any], place: str) -> SourceDocument | Unreadable:
    """A document of `id` or `_id`, `title`, `text`; all other keys and what is in `fields` are its fields."""
    source_id = _id(record)
    if source_id is None:
        return Unreadable(place=place, reason='needs one "id" (or "_id"): a non-empty string or a whole number')
    title, text = record.get("title"), record.get("text")
    title = "" if title is None else title
    if not isinstance(title, str) or not isinstance(text, str):
        return Unreadable(
            place=place, reason='"text" must be a string, and "title" if there is one', source_id=source_id
        )
    nested = record.get("fields", {})
    if not isinstance(nested, dict):
        return Unreadable(place=place, reason='"fields" must be an object', source_id=source_id)
    beside = {key: value for key, value in record.items() if key not in _OWN}
    if twice := sorted(beside.keys() & nested.keys()):
        return Unreadable(place=place, reason=f'{twice[0]!r} is there twice, in "fields" too', source_id=source_id)
    return SourceDocument(source_id=source_id, title=title, text=text, fields=beside | nested, place=place)


def _id(record: dict[str, Any]) -> str | None:
    given = [record[key] for key in ("id", "_id") if record.get(key) is not None]
    if len(given) != 1 or isinstance(given[0], bool) or not isinstance(given[0], str | int):
        return None
    return str(given[0]) or None
