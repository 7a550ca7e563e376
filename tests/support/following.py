"""A small world to follow in: documents, a release with a real (tiny) model, a view, and parity of the two."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from support.fake_embedder import FakeEmbedder
from support.releases import make_release
from support.toy_model import make_toy_model
from turnout.elastic.client import connect
from turnout.elastic.documents import external_version
from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.state import Epoch
from turnout.elastic.views import View
from turnout.elastic.writer import Writer
from turnout.embedding import Embedder
from turnout.embedding.store import load
from turnout.follow import Follower, Job, create_view
from turnout.ingest import Documents
from turnout.release.artifacts import Release

NOW = "2026-01-01T00:00:00+00:00"


@dataclass(frozen=True)
class World:
    """One collection on a server. `embedder` is of the release's model, in this process."""

    url: str
    names: Names
    release: Release
    models: Path
    embedder: Embedder
    reader: Reader
    writer: Writer

    @property
    def documents(self) -> Documents:
        """The write API of the collection."""
        return Documents(self.reader, self.writer, self.names)

    def view(self, release: Release | None = None) -> View:
        """A new, empty view."""
        return create_view(self.reader, self.writer, self.names, release or self.release, self.embedder, now=NOW)

    def job(self, view: View, **changes: Any) -> Job:
        """A job for the view, in this process unless told otherwise."""
        job = Job(self.url, None, self.names, self.release, view.index, self.models, processes=0, patience_s=20.0)
        return replace(job, **changes)

    def follower(self, view: View, **changes: Any) -> Follower:
        """A follower; in this process it uses the world's embedder."""
        job = self.job(view, **changes)
        return Follower(job, embedder=None if job.processes else self.embedder)

    def catch_up(self, view: View, **changes: Any) -> None:
        """Follow until nothing is left."""
        with self.follower(view, **changes) as follower:
            while follower.catch_up().total:
                pass

    def sources(self) -> dict[str, tuple[int, str]]:
        """(version, state) by id that the view must show, read from the documents index behind turnout's back."""
        self.reader.refresh(self.names.documents)
        epoch = self.reader.state(self.names, f"epoch:{self.names.collection}")
        assert isinstance(epoch, Epoch)
        return {
            hit.id: (external_version(epoch.epoch, hit.seq_no), "deleted" if hit.source["deleted"] else "live")
            for hit in self.reader.scan(self.names.documents, sort="id", fields=["deleted"])
        }

    def stored(self, view: View) -> dict[str, tuple[int, str]]:
        """(version, state) by id that the view holds."""
        self.reader.refresh(view.index)
        hits = self.reader.scan(view.index, sort="turnout.id", fields=["turnout"])
        found = {}
        for hit in hits:
            assert hit.version == hit.source["turnout"]["version"]
            found[hit.id] = (hit.version, hit.source["turnout"]["state"])
        return found

    def body(self, view: View, source_id: str, tenant: str = "default") -> dict[str, Any]:
        """The stored view document, vectors included."""
        id_ = f"{tenant}:{source_id}"
        return self.reader.get_many(view.index, [id_], vectors=True)[id_].source


def make_world(url: str, names: Names, models: Path, *, shards: int = 2, **release: Any) -> World:
    """A world with an empty documents index of `shards` shards and a toy model in `models`."""
    model = make_toy_model(models)
    described = make_release(model=msgspec.to_builtins(model), **release)
    client = connect(url)
    reader, writer = Reader(client), Writer(client)
    world = World(url, names, described, models, load(described.model, models), reader, writer)
    create_documents(world, shards)
    return world


def create_documents(world: World, shards: int = 2) -> None:
    """The documents index as `Documents.ensure` makes it, with fewer shards: tests are small."""
    import turnout.ingest.documents as module

    number, module.DOCUMENT_SHARDS = module.DOCUMENT_SHARDS, shards
    try:
        world.documents.ensure()
    finally:
        module.DOCUMENT_SHARDS = number


__all__ = ["FakeEmbedder", "World", "create_documents", "make_world"]
