"""The names of a collection's indexes. Used by everything that opens one; nothing parses them back."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Names:
    """Index names of one collection.

    Args:
        collection: the collection, as the folder in `pipelines/` is called.
        prefix: put before every name; tests and rehearsals use it to share a server.
    """

    collection: str
    prefix: str = ""

    @property
    def alias(self) -> str:
        """What applications that search Elasticsearch directly read."""
        return f"{self.prefix}{self.collection}"

    @property
    def documents(self) -> str:
        """The source of truth: the latest state of every source document."""
        return f"{self.prefix}{self.collection}.documents"

    @property
    def views(self) -> str:
        """A pattern that matches every view of the collection."""
        return f"{self.prefix}{self.collection}.view.*"

    def view(self, index_fingerprint: str, attempt: int) -> str:
        """The name of a new view; `attempt` counts from 1, for views that were built again."""
        return f"{self.prefix}{self.collection}.view.{index_fingerprint}.{attempt}"

    @property
    def ingest_log(self) -> str:
        """One document per ingestion run."""
        return f"{self.prefix}{self.collection}.ingest-log"

    @property
    def dead_letters(self) -> str:
        """What could not be read, with the reason."""
        return f"{self.prefix}{self.collection}.dead-letters"

    @property
    def state(self) -> str:
        """What turnout remembers, of all collections of this prefix."""
        return f"{self.prefix}turnout.state"
