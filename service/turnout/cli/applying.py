"""What `apply` and `revert` share: the context of a collection, made from settings."""

from __future__ import annotations

import os
from collections.abc import Callable

from turnout.apply import Context, Event
from turnout.cli.artifacts import read_files
from turnout.cli.settings import Settings
from turnout.evaluation import QuerySet, parse_query_set
from turnout.ingest.documents import utc_now
from turnout.release.artifacts import Release
from turnout.release.checking import artifact_file


def query_set(settings: Settings, release: Release) -> QuerySet | None:
    """The query set that belongs to a release, by its digests; None if it has none.

    Raises:
        BadInput: the files on disk are others, or can't be read.
    """
    if release.evaluation is None:
        return None
    files = read_files(settings.root, release.collection)
    folder = artifact_file(release.collection, "evaluation")
    queries, qrels = (files.get(f"{folder}/{name}", b"") for name in ("queries.jsonl", "qrels.tsv"))
    return parse_query_set(queries, qrels, evaluation=release.evaluation, folder=folder)


def context(
    settings: Settings,
    collection: str,
    listen: Callable[[Event], None],
    *,
    processes: int | None = None,
    judged: QuerySet | None = None,
) -> Context:
    """One collection on the cluster of the settings. `processes` None is one for each core, 0 none but this one."""
    return Context(
        reader=settings.reader(),
        writer=settings.writer(),
        names=settings.names(collection),
        url=settings.url,
        api_key=settings.write_key,
        embedding_key=settings.embedding_key,
        models=settings.models,
        now=utc_now,
        listen=listen,
        processes=len(os.sched_getaffinity(0)) if processes is None else processes,
        query_set=judged,
    )
