"""What bench_backfill.py measures in: one documents index on a real server, and the ways to fill an index from it."""

from __future__ import annotations

import json
import os
import random
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from elasticsearch import Elasticsearch

from turnout.elastic.client import connect
from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.writer import Writer
from turnout.embedding.store import load
from turnout.follow import Counts, Follower, Job, create_view, finish_filling
from turnout.ingest import Documents, SourceDocument
from turnout.ingest.connectors.python_docs import PythonDocs
from turnout.passages import chunk, clean
from turnout.release import fingerprint
from turnout.release.artifacts import Release, Runtime

COLLECTION = "python-docs"
NAIVE = Path(__file__).with_name("naive_backfill.py")


class Fill(NamedTuple):
    """One filled index: wall seconds, and what the follower counted (None for the naive way)."""

    seconds: float
    index: str
    counts: Counts | None = None


@dataclass
class World:
    """A collection of its own prefix on `url`; everything in it goes when `world` ends."""

    url: str
    models: Path
    folder: Path
    processes: int
    names: Names
    client: Elasticsearch
    sources: list[SourceDocument] = field(default_factory=list)

    @property
    def reader(self) -> Reader:
        return Reader(self.client)

    @property
    def writer(self) -> Writer:
        return Writer(self.client)

    @property
    def documents(self) -> Documents:
        return Documents(self.reader, self.writer, self.names)

    def ingest(self, wanted: int | None) -> None:
        """Store the corpus, or a seeded sample of it."""
        found = [entry for entry in PythonDocs().read() if isinstance(entry, SourceDocument)]
        self.sources = random.Random(0).sample(found, wanted) if wanted and wanted < len(found) else found
        self.documents.ensure()
        self.documents.upsert_many(self.sources, owner="bench")

    def fill(self, release: Release, *, reuse_from: str | None = None) -> Fill:
        """Fill a new view. The clock takes in starting the workers, each loading and attesting its model."""
        with self.filling(release, reuse_from=reuse_from) as (_, fill):
            return fill

    @contextmanager
    def filling(self, release: Release, *, reuse_from: str | None = None) -> Iterator[tuple[Follower, Fill]]:
        """The same, with the follower still open, as it is while a view is live."""
        embedder = load(release.model, self.models)
        start = time.perf_counter()
        view = create_view(self.reader, self.writer, self.names, release, embedder, now="2026-01-01T00:00:00Z")
        job = Job(
            self.url,
            None,
            self.names,
            release,
            view.index,
            self.models,
            processes=self.processes,
            reuse_from=reuse_from,
        )
        with Follower(job) as follower:
            counts = self.catch_up(follower)
            finish_filling(self.writer, view, release)
            self.reader.refresh(view.index)
            seconds = time.perf_counter() - start
            embedder.close()
            yield follower, Fill(seconds, view.index, counts)

    def catch_up(self, follower: Follower) -> Counts:
        """Follow until nothing is left, and say what was done."""
        seen = [Counts()]
        while follower.catch_up(lambda progress: seen.__setitem__(-1, progress.counts)).total:
            seen.append(Counts())
        return sum(seen, Counts())

    def follow_only(self, release: Release, index: str) -> Counts:
        """Follow a view that exists under another release; what a change that moves nothing must do."""
        job = Job(self.url, None, self.names, release, index, self.models, processes=0)
        with Follower(job) as follower:
            return self.catch_up(follower)

    def prepare_naive(self, release: Release) -> None:
        """Write what the naive way reads: documents cut into the same passages, and the same mapping."""
        embedder = load(release.model, self.models)
        with (self.folder / "documents.jsonl").open("w") as file:
            for source in self.sources:
                text = clean(source.text, release.pipeline.clean)
                passages = chunk(text, release.pipeline.chunk, embedder.token_spans(text))
                fields = {"title": source.title, "body": source.text, **source.fields}
                file.write(json.dumps({"id": source.source_id, "fields": fields, "passages": passages}) + "\n")
        embedder.close()
        (self.folder / "mapping.json").write_text(json.dumps(release.mapping))

    def fill_naively(self, python: Path, model: Path, number: int) -> Fill:
        """Fill an index the way a tutorial does, in a process of its own."""
        index = f"{self.names.prefix}naive-{number}"
        run = subprocess.run(
            [python, NAIVE, self.url, index, model, self.folder],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"},
        )
        return Fill(json.loads(run.stdout.splitlines()[-1])["seconds"], index)

    def touch(self, share: float) -> int:
        """Change the text of a share of the documents; returns how many."""
        changed = self.sources[:: round(1 / share)]
        self.documents.upsert_many(
            [msgspec.structs.replace(source, text=f"{source.text}\n\nChanged.") for source in changed], owner="bench"
        )
        return len(changed)

    def vectors(self, index: str) -> dict[tuple[str, int], np.ndarray]:
        """The vectors of an index by (source id, number of the passage)."""
        ids = [source.source_id for source in self.sources]
        tenant = "" if "naive" in index else "default:"
        found: dict[tuple[str, int], np.ndarray] = {}
        for start in range(0, len(ids), 200):
            wanted = [tenant + id_ for id_ in ids[start : start + 200]]
            for id_, hit in self.reader.get_many(index, wanted, fields=["passages"], vectors=True).items():
                for number, passage in enumerate(_listed(hit.source["passages"])):
                    found[id_.removeprefix(tenant), number] = np.array(passage["vector"])
        return found

    def drop(self, index: str) -> None:
        self.writer.delete_index(index)


@contextmanager
def world(url: str, models: Path, folder: Path, *, processes: int) -> Iterator[World]:
    """A World with a prefix of its own."""
    prefix = f"bench{os.getpid()}-"
    with connect(url) as client:
        try:
            yield World(url, models, folder, processes, Names(collection=COLLECTION, prefix=prefix), client)
        finally:
            made = list(client.indices.get(index=f"{prefix}*", expand_wildcards="all"))
            if made:
                client.indices.delete(index=made)


def with_runtime(release: Release, runtime: Runtime) -> Release:
    """The release with its model in another runtime."""
    return changed(release, model=msgspec.structs.replace(release.model, runtime=runtime))


def changed(release: Release, **parts: Any) -> Release:
    """The release with some parts replaced, and the fingerprints that follow."""
    given: dict[str, Any] = {name: getattr(release, name) for name in ("mapping", "model", "pipeline", "gates", "code")}
    return fingerprint.build(release.collection, **given | parts, evaluation=None)


def least_cosine(left: dict[Any, np.ndarray], right: dict[Any, np.ndarray]) -> float:
    """The least cosine over the passages, which must be the same on both sides."""
    if left.keys() != right.keys():
        raise ValueError(f"{len(left.keys() ^ right.keys())} passages are on one side only")
    a, b = np.stack([left[key] for key in left]), np.stack([right[key] for key in left])
    return float(((a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)).min())


def _listed(value: list[Any] | dict[str, Any]) -> Sequence[Any]:
    return [value] if isinstance(value, dict) else value
