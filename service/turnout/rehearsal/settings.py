"""What a rehearsal needs from outside, as one value, and what it tells while it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from turnout.apply import Event as ApplyEvent
from turnout.evaluation import QuerySet
from turnout.ingest import SourceDocument, Unreadable
from turnout.release.sample import Sample


@dataclass(frozen=True)
class Phase:
    """A phase of the rehearsal begins; `name` is its key in `Rehearsal.seconds`."""

    name: str


Event = Phase | ApplyEvent


@dataclass(frozen=True)
class Settings:
    """One collection's sources and queries, and the server to rehearse on.

    Args:
        url: Elasticsearch; the rehearsal makes and deletes indexes of its own there.
        prefix: put before every index name.
        models: folder with prepared models, by digest.
        documents: reads the source from its start, each time it is called.
        sample: the list of documents that the head names; None if it names none.
        query_set: the head's; None if it has none.
        processes: worker processes that fill a view; 0 fills it in this process.
        now: the time, ISO 8601 in UTC.
        listen: told what happens.
        reuse: keep what was built for the base, and use it if it is there already.
        api_key: for Elasticsearch, with read and write privileges.
        ca: PEM file with the authority that signed the server's certificate; None for the public ones.
        embedding_key: for a hosted model.
    """

    url: str
    prefix: str
    models: Path
    documents: Callable[[], Iterable[SourceDocument | Unreadable]]
    sample: Sample | None
    query_set: QuerySet | None
    processes: int
    now: Callable[[], str]
    listen: Callable[[Event], None]
    reuse: bool = True
    api_key: str | None = field(default=None, repr=False)
    ca: Path | None = None
    embedding_key: str | None = field(default=None, repr=False)
