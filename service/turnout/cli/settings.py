"""Settings from the environment, read once by an entry point and handed down as values."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from turnout.elastic.names import Names

if TYPE_CHECKING:  # `validate` and `lock` need no server, and its client takes longer to import than they run
    from elasticsearch import Elasticsearch

    from turnout.elastic.reader import Reader
    from turnout.elastic.snapshots import SnapshotReader, SnapshotWriter
    from turnout.elastic.writer import Writer

DEFAULT_URL = "http://127.0.0.1:9210"
TIMEOUT_S = 60.0
"""Of one request to Elasticsearch, where nobody asks for another."""


@dataclass(frozen=True)
class Settings:
    """Everything that turnout takes from its environment. No secret has a default."""

    root: Path
    """Folder that holds `schemas/` and `pipelines/`. TURNOUT_ROOT, else the current folder."""
    url: str
    """Elasticsearch. TURNOUT_ELASTICSEARCH_URL, else the address of the local node (`turnout elastic start`)."""
    prefix: str
    """Put before every index name. TURNOUT_INDEX_PREFIX, else nothing."""
    models: Path
    """Folder with prepared models, by digest. TURNOUT_MODELS, else build/models under the root."""
    build: Path
    """Folder for what turnout itself makes. TURNOUT_BUILD, else build under the root."""
    read_key: str | None = field(default=None, repr=False)
    """API key with read privileges. TURNOUT_ELASTICSEARCH_READ_API_KEY."""
    write_key: str | None = field(default=None, repr=False)
    """API key with write privileges; the service never gets it. TURNOUT_ELASTICSEARCH_WRITE_API_KEY."""
    ca: Path | None = None
    """PEM file with the authority that signed Elasticsearch's certificate; then no other is trusted.
    TURNOUT_ELASTICSEARCH_CA, else those of the system and the public ones."""
    embedding_key: str | None = field(default=None, repr=False)
    """API key of a hosted model's provider. TURNOUT_EMBEDDING_API_KEY."""
    environment: str = ""
    """The environment that this process is a part of. TURNOUT_ENVIRONMENT; empty on a laptop and in CI."""

    def names(self, collection: str) -> Names:
        """The index names of a collection."""
        return Names(collection=collection, prefix=self.prefix)

    def reader(self, *, timeout_s: float = TIMEOUT_S) -> Reader:
        """A reader with the reading credential."""
        from turnout.elastic.reader import Reader

        return Reader(self._connect(self.read_key, timeout_s))

    def writer(self, *, timeout_s: float = TIMEOUT_S) -> Writer:
        """A writer with the writing credential."""
        # Here and not above: the service reads its settings too and never loads what can write.
        from turnout.elastic.writer import Writer

        return Writer(self._connect(self.write_key, timeout_s))

    def snapshots(self) -> tuple[SnapshotReader, SnapshotWriter]:
        """Access to snapshots with the writing credential, which must be one that may restore."""
        from turnout.elastic.snapshots import SnapshotReader, SnapshotWriter

        client = self._connect(self.write_key, TIMEOUT_S)
        return SnapshotReader(client), SnapshotWriter(client)

    def _connect(self, key: str | None, timeout_s: float) -> Elasticsearch:
        from turnout.elastic.client import connect

        return connect(self.url, api_key=key, ca=self.ca, timeout_s=timeout_s)


def from_environment() -> Settings:
    """The settings of this process."""
    env = os.environ
    root = Path(env.get("TURNOUT_ROOT", ".")).resolve()
    build = Path(env.get("TURNOUT_BUILD", root / "build")).resolve()
    return Settings(
        root=root,
        url=env.get("TURNOUT_ELASTICSEARCH_URL", DEFAULT_URL),
        prefix=env.get("TURNOUT_INDEX_PREFIX", ""),
        models=Path(env.get("TURNOUT_MODELS", build / "models")).resolve(),
        build=build,
        read_key=env.get("TURNOUT_ELASTICSEARCH_READ_API_KEY"),
        write_key=env.get("TURNOUT_ELASTICSEARCH_WRITE_API_KEY"),
        ca=Path(ca).resolve() if (ca := env.get("TURNOUT_ELASTICSEARCH_CA", "").strip()) else None,
        embedding_key=env.get("TURNOUT_EMBEDDING_API_KEY", "").strip() or None,
        environment=env.get("TURNOUT_ENVIRONMENT", "").strip(),
    )
