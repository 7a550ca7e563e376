"""The freeze switch: while it is on, nothing flips or retires by itself."""

from __future__ import annotations

from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.state import Freeze
from turnout.elastic.writer import Writer


def frozen(reader: Reader, names: Names) -> Freeze | None:
    """The freeze that is in force, or None."""
    record = reader.state(names, Freeze(collection=names.collection, at="", frozen=True, reason="", by="").key)
    return record if isinstance(record, Freeze) and record.frozen else None


def freeze(writer: Writer, names: Names, *, reason: str, by: str, at: str) -> Freeze:
    """Stop every automatic flip and retirement of the collection. `at` is ISO 8601 in UTC."""
    return _put(writer, names, Freeze(collection=names.collection, at=at, frozen=True, reason=reason, by=by))


def unfreeze(writer: Writer, names: Names, *, reason: str, by: str, at: str) -> Freeze:
    """Allow flips and retirements again."""
    return _put(writer, names, Freeze(collection=names.collection, at=at, frozen=False, reason=reason, by=by))


def _put(writer: Writer, names: Names, record: Freeze) -> Freeze:
    writer.ensure_state_index(names)
    writer.put_state(names, record)
    return record
