"""`turnout follow`: keep a view up to date with its collection's documents."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec
import orjson

from turnout.cli.artifacts import chosen, decode_release, read_input
from turnout.cli.guarding import confirming, guard
from turnout.cli.serving_metrics import metrics_options
from turnout.cli.settings import Settings, from_environment
from turnout.cli.terminating import stopped_by_signals
from turnout.errors import BadInput, Refused
from turnout.release.artifacts import Release
from turnout.release.fingerprint import decode

if TYPE_CHECKING:
    from turnout.embedding.hosted import Billed
    from turnout.follow import Follower, Job, Lag


@click.command(epilog="Exit codes: 0 ok, 1 refused or the view is gone, 2 bad input, 3 environment.")
@click.argument("collection", required=False)
@click.option(
    "--release",
    "release_path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Follow for this release.json, in place of COLLECTION's; nothing else of the artifacts is read.",
)
@click.option("--view", "index", metavar="INDEX", help="The view to follow. Default: the newest of the release.")
@click.option("--processes", type=click.IntRange(min=0), help="Worker processes; 0 is none. Default: one per core.")
@click.option("--once", is_flag=True, help="Catch up and end, instead of following on.")
@click.option("--interval", default=1.0, show_default=True, metavar="SECONDS", help="Rest when there is nothing to do.")
@metrics_options
@confirming
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(  # noqa: PLR0913  (one for each option)
    collection: str | None,
    *,
    release_path: Path | None,
    index: str | None,
    processes: int | None,
    once: bool,
    interval: float,
    metrics_port: int | None,
    metrics_host: str,
    confirmed: str | None,
    output: str,
) -> None:
    """Follow the documents of COLLECTION into a view, from its checkpoint on.

    It may be stopped, killed and started at any time, also twice at once: nothing is missed, nothing comes back.
    SIGTERM and Ctrl-C end it after the page that it is at. Without --once it waits while Elasticsearch is away; with
    --release also at the start, because nobody may be there to start it again. It ends when the view is gone.

    \b
    turnout follow python-docs                 the view of pipelines/python-docs/release.json, until stopped
    turnout follow python-docs --once          catch up and end
    turnout follow python-docs --view INDEX    another view, for example the one to go back to
    turnout follow python-docs --once --format json | jq .lag
    turnout follow --release /release/release.json --view INDEX --metrics-port 8082 --metrics-host 0.0.0.0
    """
    if (collection is None) == (release_path is None):
        raise click.UsageError("name either COLLECTION or --release")
    from turnout.cli.following import Listener, patiently

    settings = from_environment()
    given = None if release_path is None else decode_release(read_input(release_path), str(release_path))
    with stopped_by_signals() as stop:
        waiting = stop if given and not once else None
        found = patiently(lambda: _found(settings, given or collection or "", index, confirmed), waiting)
        if found is None:
            return
        job = _job(settings, *found, processes=processes)
        listening = Listener(job, metrics_host=metrics_host, metrics_port=metrics_port)
        with listening as listener, _entered(job, waiting, listener.billed) as follower:
            if follower is not None and once:
                listener.lag(follower.catch_up(listener.progress, stop=stop))
            elif follower is not None:
                follower.run(stop, interval_s=interval, progress=listener.progress, on_lag=listener.lag)
    _print(job, listener.summary(), listener.last_lag, output)


def _job(settings: Settings, release: Release, view: str, *, processes: int | None) -> Job:
    from turnout.follow import Job

    return Job(
        url=settings.url,
        api_key=settings.write_key,
        ca=settings.ca,
        embedding_key=settings.embedding_key,
        names=settings.names(release.collection),
        release=release,
        view=view,
        models=settings.models,
        processes=(os.cpu_count() or 1) if processes is None else processes,
    )


@contextmanager
def _entered(job: Job, waiting: threading.Event | None, billed: Billed) -> Iterator[Follower | None]:
    """A follower at work; None if it was stopped before it could start. See `patiently` for `waiting`."""
    from turnout.cli.following import patiently
    from turnout.follow import Follower

    follower = patiently(lambda: Follower(job, billed=billed).__enter__(), waiting)
    try:
        yield follower
    finally:
        if follower is not None:
            follower.__exit__(None, None, None)


def _found(settings: Settings, given: Release | str, index: str | None, confirmed: str | None) -> tuple[Release, str]:
    """The release and the view to follow, if they may be followed from here: of a given release, of release.json, or
    for a named view the release that it was built for. What is wrong with release.json is told before any server is
    asked.
    """
    collection = given if isinstance(given, str) else given.collection
    if index is None:
        release = _release_file(settings.root, collection) if isinstance(given, str) else given
        guard(settings, settings.names(collection), confirmed)
        return release, _newest_view(settings, release)
    guard(settings, settings.names(collection), confirmed)
    if isinstance(given, str):
        return _release_of(settings, collection, index), index
    return given, index  # whether the view is there and serves it is looked at by the follower


def _newest_view(settings: Settings, release: Release) -> str:
    """The newest view that serves a release."""
    views = settings.reader().views(settings.names(release.collection))
    serving = [view for view in views if release.fingerprints.index in view.meta.index_fingerprints]
    if not serving:
        raise Refused(
            f"no view serves release {release.id}",
            where=release.collection,
            remedy=f"run `turnout apply {release.collection}`",
        )
    return serving[-1].index


def _release_of(settings: Settings, collection: str, index: str) -> Release:
    """The release that a view was built for; release.json's if there is no record of it."""
    from turnout.elastic.state import ReleaseRecord
    from turnout.follow import find_view

    reader, names = settings.reader(), settings.names(collection)
    view = find_view(reader, names, index)
    for record in reversed(reader.states(names, ReleaseRecord)):
        if record.release_id == view.meta.built_for:
            return msgspec.convert(record.release, Release)
    return _release_file(settings.root, collection)


def _release_file(root: Path, collection: str) -> Release:
    path = root / "pipelines" / collection / "release.json"
    remedy = f"run `turnout lock {collection}` in the repository's root, or set TURNOUT_ROOT"
    try:
        return decode(path.read_bytes())
    except OSError as error:
        chosen(root, (collection,))  # a misspelt name has no release either; it gets the remedy that helps
        raise BadInput("the collection's release can't be read", where=str(path), remedy=remedy) from error
    except msgspec.DecodeError as error:  # ValidationError is one, too
        raise BadInput(f"not a release: {error}", where=str(path), remedy=remedy) from error


def _print(job: Job, counts: dict[str, int], lag: Lag | None, output: str) -> None:
    behind = None if lag is None else lag.total
    if output == "json":
        summary = {"view": job.view, "release": job.release.id, "lag": behind, **counts}
        click.echo(orjson.dumps(summary, option=orjson.OPT_INDENT_2).decode())
        return
    shown = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count) or "nothing to do"
    rest = "" if behind is None else f"; {behind:,} operations behind"
    click.echo(f"{job.view}: {shown}{rest}")
