"""What to follow, how far it has come and how far it is behind. Made by the command line, apply and tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from turnout.elastic.names import Names
from turnout.release.artifacts import Release


@dataclass(frozen=True)
class Job:
    """One view to keep up to date; everything that a worker process needs to know (picklable).

    Args:
        url: Elasticsearch.
        api_key: a key with read and write privileges, if the server wants one.
        ca: PEM file with the authority that signed the server's certificate; None for the public ones.
        names: the collection's indexes.
        release: says how documents become passages and fields.
        view: the index to fill; made by `create_view`.
        models: folder with prepared models, by digest.
        processes: worker processes; 0 works in the calling process.
        reuse_from: a view with the same embedding fingerprint, whose vectors are taken where the text is the same.
        page_size: documents per page: one read, one embedding call, one bulk, one checkpoint.
        patience_s: how long to keep trying when Elasticsearch doesn't answer, in seconds, before giving up.
        embedding_key: for a hosted model.
        shards: only these shards of the documents index; None for all. Each pod of a backfill has one.
    """

    url: str
    api_key: str | None = field(repr=False)
    names: Names
    release: Release
    view: str
    models: Path
    processes: int
    reuse_from: str | None = None
    page_size: int = 500
    patience_s: float = 120.0
    ca: Path | None = None
    embedding_key: str | None = field(default=None, repr=False)
    shards: frozenset[int] | None = None

    def covers(self, shard: int) -> bool:
        """Whether that shard is part of this job."""
        return self.shards is None or shard in self.shards


@dataclass(frozen=True)
class Counts:
    """What was done with the documents of some pages. `live + deleted + placeholders + superseded == documents`."""

    documents: int = 0
    live: int = 0
    deleted: int = 0
    placeholders: int = 0
    superseded: int = 0
    """The view had the same or a newer state already."""
    passages: int = 0
    embedded: int = 0
    """Passages that the model was asked for (equal ones of a page once)."""
    reused: int = 0
    """Passages whose vector was in a view already."""

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))

    def __sub__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, name) - getattr(other, name) for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class Progress:
    """How far one catch-up has come. `total` is an upper bound: several operations may be of one document.

    `round` numbers the catch-ups of a follower; counts and seconds begin anew with each.
    """

    counts: Counts
    total: int
    seconds: float
    round: int = 0

    @property
    def eta_s(self) -> float | None:
        """Seconds that the rest will take at the pace so far; None before the first page."""
        if not self.counts.documents:
            return None
        return self.seconds / self.counts.documents * max(0, self.total - self.counts.documents)


@dataclass(frozen=True)
class Lag:
    """How many operations of the documents index are not in the view yet, per shard."""

    shards: dict[int, int]

    @property
    def total(self) -> int:
        """Operations behind, over all shards; 0 is caught up."""
        return sum(self.shards.values())


@dataclass(frozen=True)
class Task:
    """One shard's share of a catch-up: all operations in (after, upto]."""

    shard: int
    after: int
    upto: int
    epoch: int
    view_identity: str
