"""`turnout ingest`: read a source into the documents index of a collection."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from turnout.cli.artifacts import chosen, decode_release, read_files
from turnout.cli.guarding import confirming, guard
from turnout.cli.settings import Settings, from_environment
from turnout.cli.terminating import terminated_like_interrupted
from turnout.errors import BadInput
from turnout.release.artifacts import Release
from turnout.release.checking import artifact_file

if TYPE_CHECKING:
    from turnout.ingest.ingestion import RunSettings
    from turnout.ingest.journal import IngestReport
    from turnout.ingest.source import Connector

# Counts of the report with what they mean, in the order of the table.
_COUNTS = {
    "seen": "delivered by the source",
    "written": "new or changed",
    "unchanged": "as they were: nothing was written",
    "deleted": "vanished from the source, now tombstones",
    "kept": "vanished, but something unreadable could be they",
    "failed": "dead letters",
}


@click.command(epilog="Exit codes: 0 ok, 1 dead letters or a refusal, 2 bad input, 3 environment, 130 interrupted.")
@click.argument("collection")
@click.option("--connector", help="Read with this connector: folder, jsonl, csv or python-docs.")
@click.option("--option", "options", multiple=True, metavar="KEY=VALUE", help="An option of the connector; repeatable.")
@click.option("--tenant", default="default", show_default=True, help="Whose documents they are.")
@click.option("--allow-mass-delete", is_flag=True, help="Delete what vanished from the source, however much it is.")
@confirming
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(
    collection: str,
    *,
    connector: str | None,
    options: tuple[str, ...],
    tenant: str,
    allow_mass_delete: bool,
    confirmed: str | None,
    output: str,
) -> int:
    """Read a source into the documents of COLLECTION.

    The connector and its options come from the source section of the collection's release; the command line overrides
    them. Unchanged documents write nothing. Documents that the source no longer has become tombstones, except when
    more than 30 % (and more than 20) would go at once, or when something unreadable could be one of them: look at the
    source, then use --allow-mass-delete. What can't be read goes to the dead-letters index with its place and reason,
    the rest goes on.

    \b
    folder       path=DIR   .md .txt .html .pdf, at any depth
    jsonl, csv   path=FILE  id (or _id), title, text; other keys and columns are fields
    all three    name=NAME  who owns the documents, instead of the path
    csv          delimiter=CHARACTER
    python-docs             the standard library's documentation strings

    \b
    turnout ingest python-docs
    turnout ingest handbook --connector folder --option path=docs/handbook
    turnout ingest handbook --format json | jq .failed
    """
    settings = from_environment()
    release = _release(settings.root, collection)
    name, chosen_options = _source(release, connector, _pairs(options))
    from turnout.ingest.connectors.registry import make
    from turnout.ingest.ingestion import RunSettings, owner_of

    max_bytes = release.pipeline.limits.max_document_bytes
    source = make(name, chosen_options, root=settings.root, max_document_bytes=max_bytes)
    run_settings = RunSettings(
        owner=owner_of(name, source),
        max_document_bytes=max_bytes,
        tenant=tenant,
        allow_mass_delete=allow_mass_delete,
    )
    guard(settings, settings.names(collection), confirmed)
    report = _run(settings, collection, source, run_settings)
    if output == "json":
        click.echo(msgspec.json.format(msgspec.json.encode(report)).decode())
    else:
        _print(report, settings, collection)
    return 1 if report.failed else 0


def _run(settings: Settings, collection: str, source: Connector, run_settings: RunSettings) -> IngestReport:
    from turnout.ingest.documents import Documents, utc_now
    from turnout.ingest.ingestion import run

    documents = Documents(settings.reader(), settings.writer(), settings.names(collection))
    # A scheduler's SIGTERM leaves the same entry in the ingest log as Ctrl-C.
    with terminated_like_interrupted(), _progress(run_settings.owner) as progress:
        return run(source, documents, run_settings, now=utc_now, progress=progress)


def _release(root: Path, collection: str) -> Release:
    path = artifact_file(collection, "release.json")
    data = read_files(root, collection).get(path)
    if data is None:
        chosen(root, (collection,))  # a misspelt name has no release either; it gets the remedy that helps
        remedy = f"run `turnout lock {collection}` in the repository's root, or set TURNOUT_ROOT"
        raise BadInput("the collection has no release", where=path, remedy=remedy)
    return decode_release(data, path)


def _pairs(options: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for option in options:
        key, equals, value = option.partition("=")
        if not equals or not key:
            raise BadInput(f"{option!r} is not KEY=VALUE", where="--option", remedy="write --option path=documents")
        pairs[key] = value
    return pairs


def _source(release: Release, connector: str | None, options: dict[str, str]) -> tuple[str, dict[str, str]]:
    """The release's source with the command line over it; another connector begins without the release's options."""
    source = release.pipeline.source
    if connector is None or connector == source.connector:
        return source.connector, {**source.options, **options}
    return connector, options


@contextmanager
def _progress(owner: str) -> Iterator[Callable[[IngestReport], None]]:
    """Live counts on stderr, where it is a terminal."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(owner, total=None)

        def show(report: IngestReport) -> None:
            counts = ", ".join(f"{getattr(report, name)} {name}" for name in ("seen", "written", "failed"))
            progress.update(task, description=f"{owner}: {counts}")

        yield show


def _print(report: IngestReport, settings: Settings, collection: str) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(f"{collection} from {report.owner}"), title_justify="left")
    table.add_column("documents")
    table.add_column("count", justify="right")
    table.add_column("meaning")
    for name, meaning in _COUNTS.items():
        table.add_row(name, str(getattr(report, name)), meaning)
    Console().print(table)
    if report.failed:
        index = settings.names(collection).dead_letters
        click.secho(f"{report.failed} could not be read; places and reasons are in the index {index}", fg="yellow")
    if report.kept:
        click.secho(f"{report.kept} vanished documents were kept: mend what is unreadable, or --allow-mass-delete")
