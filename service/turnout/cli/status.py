"""`turnout status`: releases, views, lag, parity and the alias of a collection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from turnout.cli.known import check_known
from turnout.cli.settings import from_environment
from turnout.cli.status_judgment import judgment_lines
from turnout.release.findings import printable
from turnout.status import Status, look

if TYPE_CHECKING:
    from turnout.elastic.state import Quarantine, RolloutRecord

GOOD, BAD = "green", "red"
COLOURS = {
    "live": "green",
    "ready": "cyan",
    "failed": "red",
    "quarantined": "red",
    "building": "yellow",
    "verifying": "yellow",
}


@click.command(short_help="Show releases, views, lag, parity and the alias.")
@click.argument("collection")
@click.option("--parity", is_flag=True, help="Compare every view with documents now; reads all ids.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(collection: str, parity: bool, form: str) -> int:
    """Show what is live, what is being built and what is kept for going back.

    On Kubernetes also the rollout as the controller saw it when it last changed, how a canary is judged, what waits for
    what, and the releases in quarantine.

    Exit code 1 if something is wrong: an alias that was moved by hand, a view that is not equal to documents, a problem
    that the controller reports.

    \b
    Examples:
      turnout status python-docs
      turnout status python-docs --parity
      turnout status python-docs --format json
    """
    import msgspec

    settings = from_environment()
    check_known(settings, collection)
    status = look(settings.reader(), settings.names(collection), compare=parity)
    if form == "json":
        click.echo(msgspec.json.format(msgspec.json.encode(status)))
    else:
        _show(status, Console(soft_wrap=True))
    return 1 if status.problems else 0


def _show(status: Status, console: Console) -> None:
    console.print(Text(status.collection, style="bold"))
    if status.environment:
        console.print(_text(f"  environment {status.environment}", style="bold"))
    console.print(Text(f"  documents  {status.documents:,}"))
    console.print(Text(f"  alias      {status.alias} -> {', '.join(status.alias_targets) or 'nothing'}"))
    console.print(Text(f"  live       {status.live_release or 'no release'}"))
    if status.frozen:
        console.print(Text(f"  frozen     {status.frozen}", style="yellow"))
    if status.rollout:
        _show_rollout(status.rollout, console)
    _print_whole(_views(status), console)
    _print_whole(_releases(status), console)
    for release in status.releases:
        if release.reason:
            console.print(_text(f"{release.release_id}: {release.reason}", style="dim"))
    for condemned in status.quarantined:
        _show_quarantine(condemned, console)
    for problem in status.problems:
        console.print(_text(f"problem: {problem}", style=BAD))


def _show_rollout(rollout: RolloutRecord, console: Console) -> None:
    message = f": {rollout.message}" if rollout.message else ""
    console.print(_text(f"  rollout    {rollout.rollout} is {rollout.phase}{message} (since {_time(rollout.at)})"))
    console.print(_text(f"  stable     {rollout.stable or 'no release'}"))
    if rollout.canary:
        canary = f"{rollout.canary} is {rollout.canary_state}, weight {rollout.weight} %"
        console.print(_text(f"  canary     {canary}", style=COLOURS.get(rollout.canary_state, "")))
    if rollout.judgment:
        for line, colour in judgment_lines(rollout.judgment):
            console.print(_text(line, style=colour))
    for waits in rollout.waits:
        console.print(_text(f"  waits      {waits}"))


def _show_quarantine(record: Quarantine, console: Console) -> None:
    since = f"in quarantine since {_time(record.at)} by {record.by}"
    console.print(_text(f"{record.release_id}: {since}: {record.reason}", style="yellow"))
    console.print(_text(f"  revert     {record.proposal or 'not proposed yet'}"))


def _text(shown: str, style: str = "") -> Text:
    """What other programs say of themselves must not steer the terminal."""
    return Text(printable(shown), style=style)


def _time(at: str) -> str:
    return at[:19].replace("T", " ")


def _print_whole(table: Table, console: Console) -> None:
    """As wide as it needs to be, whatever the terminal says: a name that is cut in two can't be copied."""
    needed = Measurement.get(console, console.options.update(max_width=1000), table).maximum
    Console(width=max(needed, console.width), file=console.file).print(table)


def _views(status: Status) -> Table:
    table = Table(title="Views", title_justify="left", box=None, padding=(0, 2, 0, 0))
    for column in ("index", "documents", "behind", "parity", "alias"):
        table.add_column(column, justify="right" if column in ("documents", "behind") else "left")
    for view in status.views:
        behind = "-" if view.behind is None else f"{view.behind:,}"
        alias = Text("live", style=GOOD) if view.is_live else Text("")
        table.add_row(Text(view.index), f"{view.live_documents:,}", behind, _verdict(view.parity), alias)
    return table


def _releases(status: Status) -> Table:
    table = Table(title="Releases", title_justify="left", box=None, padding=(0, 2, 0, 0))
    for column in ("release", "state", "since", "checks"):
        table.add_column(column)
    for release in status.releases:
        checks = Text(" ").join(
            Text(name, style=GOOD if verdict == "pass" else BAD) for name, verdict in release.checks.items()
        )
        state = Text(release.state, style=COLOURS.get(release.state, ""))
        table.add_row(release.release_id, state, _time(release.at), checks)
    return table


def _verdict(parity: str | None) -> Text:
    if parity is None:
        return Text("-")
    return Text(parity, style=GOOD if parity == "pass" else BAD)
