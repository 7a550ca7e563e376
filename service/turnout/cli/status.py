"""`turnout status`: releases, views, lag, parity and the alias of a collection."""

from __future__ import annotations

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from turnout.cli.settings import from_environment
from turnout.status import Status, look

GOOD, BAD = "green", "red"
COLOURS = {"live": "green", "ready": "cyan", "failed": "red", "building": "yellow", "verifying": "yellow"}


@click.command(short_help="Show releases, views, lag, parity and the alias.")
@click.argument("collection")
@click.option("--parity", is_flag=True, help="Compare every view with documents now; reads all ids.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(collection: str, parity: bool, form: str) -> int:
    """Show what is live, what is being built and what is kept for going back.

    Exit code 1 if something is wrong: an alias that was moved by hand, a view that is not equal to documents.

    \b
    Examples:
      turnout status python-docs
      turnout status python-docs --parity
      turnout status python-docs --format json
    """
    import msgspec

    settings = from_environment()
    status = look(settings.reader(), settings.names(collection), compare=parity)
    if form == "json":
        click.echo(msgspec.json.format(msgspec.json.encode(status)))
    else:
        _show(status, Console())
    return 1 if status.problems else 0


def _show(status: Status, console: Console) -> None:
    console.print(Text(status.collection, style="bold"))
    console.print(f"  documents  {status.documents:,}", highlight=False)
    console.print(f"  alias      {status.alias} -> {', '.join(status.alias_targets) or 'nothing'}", highlight=False)
    console.print(f"  live       {status.live_release or 'no release'}", highlight=False)
    if status.frozen:
        console.print(Text(f"  frozen     {status.frozen}", style="yellow"))
    console.print(_views(status))
    console.print(_releases(status))
    for problem in status.problems:
        console.print(Text(f"problem: {problem}", style=BAD))


def _views(status: Status) -> Table:
    table = Table(title="Views", title_justify="left")
    for column in ("index", "documents", "behind", "parity", "alias"):
        table.add_column(column, justify="right" if column in ("documents", "behind") else "left", overflow="fold")
    for view in status.views:
        behind = "-" if view.behind is None else f"{view.behind:,}"
        alias = Text("live", style=GOOD) if view.is_live else Text("")
        table.add_row(Text(view.index), f"{view.live_documents:,}", behind, _verdict(view.parity), alias)
    return table


def _releases(status: Status) -> Table:
    table = Table(title="Releases", title_justify="left")
    for column in ("release", "state", "since", "checks", "reason"):
        table.add_column(column, overflow="fold")
    for release in status.releases:
        checks = Text(" ").join(
            Text(name, style=GOOD if verdict == "pass" else BAD) for name, verdict in release.checks.items()
        )
        state = Text(release.state, style=COLOURS.get(release.state, ""))
        table.add_row(release.release_id, state, release.at[:19].replace("T", " "), checks, Text(release.reason))
    return table


def _verdict(parity: str | None) -> Text:
    if parity is None:
        return Text("-")
    return Text(parity, style=GOOD if parity == "pass" else BAD)
