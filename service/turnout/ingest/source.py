"""What every connector gives: documents, and a word about what could not be read. Used by connectors and the run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import msgspec


class SourceDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A document as its source has it.

    `source_id` is stable over runs: it is how the next run knows the document again. `place` says where it was found
    (a file, `file:line`), for messages only.
    """

    source_id: str
    title: str
    text: str
    fields: dict[str, Any] = {}
    place: str = ""


class Unreadable(msgspec.Struct, frozen=True, kw_only=True):
    """Something that should have been a document and isn't.

    `source_id` is the document that it would have been, if that is known: a document that can't be read today hasn't
    vanished, so the last good state of it stays.
    """

    place: str
    reason: str
    source_id: str | None = None


class Connector(Protocol):
    """One kind of source.

    `identity` names this source among all of its kind, the same in every run and on every machine; together with the
    connector's name it owns the documents. `read` goes on after what it can't read (`Unreadable`), and raises only
    when the source as a whole can't be read to its end.
    """

    @property
    def identity(self) -> str: ...

    def read(self) -> Iterator[SourceDocument | Unreadable]: ...
