"""`turnout follow`: keep a view up to date with its collection's documents."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec
import orjson

from turnout.cli.artifacts import chosen
from turnout.cli.settings import Settings, from_environment
from turnout.errors import BadInput, Refused
from turnout.release.artifacts import Release
from turnout.release.fingerprint import decode

if TYPE_CHECKING:
    from turnout.elastic.reader import Reader
    from turnout.elastic.views import View
    from turnout.follow import Job, Lag


@click.command(epilog="Exit codes: 0 ok, 1 refused, 2 bad input, 3 environment.")
@click.argument("collection")
@click.option("--view", "index", metavar="INDEX", help="The view to follow. Default: the newest of the release.")
@click.option("--processes", type=click.IntRange(min=0), help="Worker processes; 0 is none. Default: one per core.")
@click.option("--once", is_flag=True, help="Catch up and end, instead of following on.")
@click.option("--interval", default=1.0, show_default=True, metavar="SECONDS", help="Rest when there is nothing to do.")
@click.option("--metrics-port", type=click.IntRange(1, 65535), help="Serve Prometheus metrics on this port.")
@click.option(
    "--metrics-host", default="127.0.0.1", show_default=True, help="Address of the metrics; 0.0.0.0 in a pod."
)
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(
    collection: str,
    *,
    index: str | None,
    processes: int | None,
    once: bool,
    interval: float,
    metrics_port: int | None,
    metrics_host: str,
    output: str,
) -> None:
    """Follow the documents of COLLECTION into a view, from its checkpoint on.

    It may be stopped, killed and started at any time, also twice at once: nothing is missed, nothing comes back.
    SIGTERM and Ctrl-C end it after the page that it is at.

    \b
    turnout follow python-docs                 the view of pipelines/python-docs/release.json, until stopped
    turnout follow python-docs --once          catch up and end
    turnout follow python-docs --view INDEX    another view, for example the one to go back to
    turnout follow python-docs --once --format json | jq .lag
    """
    from turnout.cli.following import Listener
    from turnout.follow import Follower, Job

    settings = from_environment()
    release, view = _release_and_view(settings, collection, index)
    job = Job(
        url=settings.url,
        api_key=settings.write_key,
        embedding_key=settings.embedding_key,
        names=settings.names(collection),
        release=release,
        view=view,
        models=settings.models,
        processes=(os.cpu_count() or 1) if processes is None else processes,
    )
    listening = Listener(job, metrics_host=metrics_host, metrics_port=metrics_port)
    with _stopped_by_signals() as stop, listening as listener, Follower(job) as follower:
        if once:
            listener.lag(follower.catch_up(listener.progress, stop=stop))
        else:
            follower.run(stop, interval_s=interval, progress=listener.progress, on_lag=listener.lag)
    _print(job, listener.summary(), listener.last_lag, output)


def _release_and_view(settings: Settings, collection: str, index: str | None) -> tuple[Release, str]:
    """The release and the view to follow: by release.json, or for an older view by the release it was built for."""
    from turnout.follow import find_view

    reader, names = settings.reader(), settings.names(collection)
    if index is None:
        release = _release_file(settings.root, collection)
        serving = [v for v in reader.views(names) if release.fingerprints.index in v.meta.index_fingerprints]
        if not serving:
            raise Refused(
                f"no view serves release {release.id}", where=collection, remedy=f"run `turnout apply {collection}`"
            )
        return release, serving[-1].index
    view = find_view(reader, names, index)
    return _release_of(settings, reader, view, collection), index


def _release_of(settings: Settings, reader: Reader, view: View, collection: str) -> Release:
    from turnout.elastic.state import ReleaseRecord

    for record in reversed(reader.states(settings.names(collection), ReleaseRecord)):
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


@contextmanager
def _stopped_by_signals() -> Iterator[threading.Event]:
    """An event that SIGTERM and the first Ctrl-C set; a second Ctrl-C interrupts at once."""
    stop = threading.Event()

    def on_signal(number: int, _frame: object) -> None:
        if stop.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _print(job: Job, counts: dict[str, int], lag: Lag | None, output: str) -> None:
    behind = None if lag is None else lag.total
    if output == "json":
        summary = {"view": job.view, "release": job.release.id, "lag": behind, **counts}
        click.echo(orjson.dumps(summary, option=orjson.OPT_INDENT_2).decode())
        return
    shown = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count) or "nothing to do"
    rest = "" if behind is None else f"; {behind:,} operations behind"
    click.echo(f"{job.view}: {shown}{rest}")
