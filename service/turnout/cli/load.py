"""What a collection has to embed, as far as this machine can tell: declared, measured on a given cluster, or read from
the source. Used by the cost step of `check`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from turnout import observed
from turnout.cli.settings import Settings
from turnout.cost import Workload, declared
from turnout.cost.measure import measured, query_rate
from turnout.errors import EnvironmentProblem, TurnoutError
from turnout.ingest import SourceDocument, Unreadable
from turnout.ingest.connectors.registry import make
from turnout.observed.sample import CHARS_PER_TOKEN
from turnout.plan.policy import costs
from turnout.release.artifacts import Release
from turnout.release.endpoint import without_credentials

MOST_LENGTHS = 5_000
"""Documents of a source whose length is looked at, at most."""
_KEPT_CHARS = 64 << 20


class Source:
    """The documents of a release's source, from the start at each call; a small source is read once and kept."""

    def __init__(self, root: Path, release: Release) -> None:
        self.release = release
        self._root = root
        self._kept: list[SourceDocument | Unreadable] | None = None

    def __call__(self) -> Iterator[SourceDocument | Unreadable]:
        """Raises: BadInput, EnvironmentProblem: the source as a whole can't be read."""
        if self._kept is not None:
            yield from self._kept
            return
        read, chars = [], 0
        for document in self._open():
            if chars <= _KEPT_CHARS:
                chars += len(document.text) if isinstance(document, SourceDocument) else 0
                read.append(document)
            yield document
        if chars <= _KEPT_CHARS:
            self._kept = read

    def load(self) -> Workload:
        """Documents, if all could be looked at, and their estimated tokens.

        Raises:
            BadInput, EnvironmentProblem: the source as a whole can't be read.
        """
        texts = (document.text for document in self() if isinstance(document, SourceDocument))
        lengths = [math.ceil(len(text) / CHARS_PER_TOKEN) for text in islice(texts, MOST_LENGTHS + 1)]
        looked = tuple(lengths[:MOST_LENGTHS])
        is_all = len(lengths) == len(looked)
        return Workload(
            documents=len(looked) if is_all else None,
            sample_tokens=looked,
            sources={
                "documents": "counted in the source" if is_all else f"unknown: the source has over {len(looked):,}",
                "sample_tokens": f"{'all' if is_all else 'the first'} {len(looked):,} documents of the source, "
                f"{CHARS_PER_TOKEN} characters a token",
            },
        )

    def _open(self) -> Iterator[SourceDocument | Unreadable]:
        pipeline = self.release.pipeline
        limit = pipeline.limits.max_document_bytes
        return make(
            pipeline.source.connector, pipeline.source.options, root=self._root, max_document_bytes=limit
        ).read()


def serving(metrics_urls: Sequence[str]) -> Workload:
    """The rate of queries as running services show it.

    Raises:
        EnvironmentProblem: one of them doesn't tell.
    """
    rate, said = query_rate(metrics_urls)
    if rate is None:
        remedy = "name the /metrics of services that have run for a while, or declare `expected` in pipeline.yaml"
        raise EnvironmentProblem(
            f"the rate of queries is {said}", where=", ".join(map(without_credentials, metrics_urls)), remedy=remedy
        )
    return Workload(queries_per_hour=rate, sources={"queries_per_hour": said})


def workload(settings: Settings, head: Release, source: Source, *, embeds: bool, given: bool) -> Workload:
    """The load of the head: measured where a cluster was `given` that holds the collection, else as declared.

    Args:
        embeds: the change computes vectors anew. Only then, or if embedding costs money, is the source read.

    Raises:
        Unavailable: the cluster doesn't answer.
    """
    found = declared(head)
    if given:
        reader, names = settings.reader(), settings.names(head.collection)
        seen = observed.observe(reader, names)
        if seen.documents:
            load = measured(reader, names, documents=seen.documents, sample_tokens=seen.sample_tokens)
            return load.or_else(found)
    if not (embeds or costs(head)):
        return found
    try:
        return found.or_else(source.load())
    except TurnoutError:  # the rehearsal says so; here it is a length that isn't known
        return found
