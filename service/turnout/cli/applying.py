"""What `apply` works with: a release, from the working tree or from a file, and the context of its collection."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from turnout.apply import Context, Event
from turnout.cli.artifacts import decode_release, load_policy, load_release, read_files, read_input
from turnout.cli.plan import permissions
from turnout.cli.settings import Settings
from turnout.evaluation import QuerySet, parse_query_set
from turnout.ingest.documents import utc_now
from turnout.release.artifacts import Policy, Release
from turnout.release.checking import artifact_file
from turnout.release.overridable import OVERRIDABLE

_FILES = ("queries.jsonl", "qrels.tsv")


@dataclass(frozen=True)
class Inputs:
    """A release and what it is planned and judged with.

    `overrides` are the rules that it may break. `alone`: it came without the other artifacts.
    """

    release: Release
    query_set: QuerySet | None
    policy: Policy
    overrides: frozenset[str]
    alone: bool = False


def from_artifacts(settings: Settings, collection: str) -> Inputs:
    """The release of the working tree.

    Raises:
        BadInput, Refused: see `load_release`, `load_policy` and `query_set`.
    """
    release = load_release(settings, collection)
    allowed = frozenset(permissions(settings, collection))
    return Inputs(release, query_set(settings, release), load_policy(settings), allowed)


def from_release(path: Path) -> Inputs:
    """The release of a file, with the query set in `evaluation/` beside it.

    Policy and overrides lie in the repository and were judged there; overrides also end by a day, and a cluster that is
    rebuilt a month later must be able to build what Git says. So whatever an override could permit is permitted.

    Raises:
        BadInput: not a release, or not the query set that it names.
    """
    release = decode_release(read_input(path), str(path))
    judged = None
    if release.evaluation is not None:
        folder = path.parent / "evaluation"
        queries, qrels = (read_input(folder / name) for name in _FILES)
        judged = parse_query_set(queries, qrels, evaluation=release.evaluation, folder=str(folder))
    return Inputs(release, judged, Policy(), OVERRIDABLE, alone=True)


def query_set(settings: Settings, release: Release) -> QuerySet | None:
    """The query set that belongs to a release, by its digests; None if it has none.

    Raises:
        BadInput: the files on disk are others, or can't be read.
    """
    if release.evaluation is None:
        return None
    files = read_files(settings.root, release.collection)
    folder = artifact_file(release.collection, "evaluation")
    queries, qrels = (files.get(f"{folder}/{name}", b"") for name in _FILES)
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
        ca=settings.ca,
        embedding_key=settings.embedding_key,
        models=settings.models,
        now=utc_now,
        listen=listen,
        processes=len(os.sched_getaffinity(0)) if processes is None else processes,
        query_set=judged,
    )
