"""`turnout ledger`: keep a collection's deletes in a file outside Elasticsearch, for a restore."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
import orjson

from turnout.cli.serving_metrics import MetricsServer, metrics_options
from turnout.cli.settings import from_environment
from turnout.cli.terminating import stopped_by_signals

if TYPE_CHECKING:
    from turnout.ledger import LedgerFile, Synced

OnPass = Callable[["Synced", str], None]


@click.command(epilog="Exit codes: 0 ok, 1 refused, 2 bad input, 3 environment, 130 interrupted.")
@click.option("--collection", required=True, metavar="NAME", help="Whose deletes to keep.")
@click.option(
    "--file",
    "path",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="The ledger; made if it is missing. On a disk that isn't Elasticsearch's.",
)
@click.option("--follow/--once", default=True, show_default=True, help="Keep on until stopped, or catch up and end.")
@click.option(
    "--interval",
    type=click.FloatRange(min=0.05),
    default=5.0,
    show_default=True,
    metavar="SECONDS",
    help="Rest between two passes.",
)
@metrics_options
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(
    *,
    collection: str,
    path: Path,
    follow: bool,
    interval: float,
    metrics_port: int | None,
    metrics_host: str,
    output: str,
) -> None:
    """Keep the deletes of a collection in a file, so that `turnout restore` brings none of them back.

    Reads the tombstones of the documents index, whoever wrote them, and needs the reading credential only. The file
    holds ids and times, no text; it is only ever added to, and one process at a time may do so. It may be killed and
    started at any time. While Elasticsearch or the documents index is away it waits (--follow).

    \b
    turnout ledger --collection python-docs --file /var/lib/turnout/python-docs.ledger
    turnout ledger --collection python-docs --file python-docs.ledger --once --format json
    """
    from turnout.ledger import Keeper, LedgerFile

    settings = from_environment()
    names = settings.names(collection)
    with stopped_by_signals() as stop, LedgerFile(path, names.documents) as file:
        keeper = Keeper(settings.reader(), names, file)
        with _metrics(collection, file.deletes, metrics_host, metrics_port) as on_pass:
            if follow:
                keeper.run(stop, interval_s=interval, on_pass=on_pass)
            else:
                _once(keeper.sync, stop)
        _print(collection, file, output)


def _once(sync: Callable[[], Synced], stop: threading.Event) -> None:
    """Catch up; what came in meanwhile is for the next time."""
    if not stop.is_set():
        sync()


@contextmanager
def _metrics(collection: str, deletes: int, host: str, port: int | None) -> Iterator[OnPass | None]:
    """Serves the metrics of one ledger; gives what to tell each pass to."""
    if port is None:
        yield None
        return
    from prometheus_client import CollectorRegistry, Counter, Gauge

    registry = CollectorRegistry()
    synced_at = Gauge(
        "turnout_ledger_synced_timestamp_seconds",
        "Unix time up to which the ledger has every delete",
        ("collection",),
        registry=registry,
    )
    counted = Counter(
        "turnout_ledger_deletes_total", "Deletes in the ledger", ("collection",), registry=registry
    ).labels(collection=collection)
    counted.inc(deletes)

    def on_pass(found: Synced, at: str) -> None:
        counted.inc(found.deletes)
        synced_at.labels(collection=collection).set(datetime.fromisoformat(at).timestamp())

    with closing(MetricsServer(registry, host=host, port=port)):
        yield on_pass


def _print(collection: str, file: LedgerFile, output: str) -> None:
    shown = {"collection": collection, "synced_at": file.synced_at, "deletes": file.deletes, "ids": len(file.ids)}
    if output == "json":
        click.echo(orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode())
    else:
        click.echo(f"{collection}: {file.deletes:,} deletes kept, synced until {file.synced_at or 'never'}")
