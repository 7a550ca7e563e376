"""`turnout restore`: bring a collection's documents back from a snapshot, without what was deleted since."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from turnout.cli.guarding import confirming, guard
from turnout.cli.settings import Settings, from_environment
from turnout.cli.terminating import terminated_like_interrupted
from turnout.errors import BadInput

if TYPE_CHECKING:
    from turnout.restore import Choice, Plan, Report

_PLAIN_EVERY_S = 5.0


@click.command(epilog="Exit codes: 0 ok, 1 refused, 2 bad input, 3 environment, 130 interrupted.")
@click.option("--collection", required=True, metavar="NAME", help="Whose documents to restore.")
@click.option("--repository", required=True, metavar="NAME", help="Elasticsearch's snapshot repository.")
@click.option("--snapshot", required=True, metavar="NAME", help="The snapshot.")
@click.option(
    "--ledger",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file of `turnout ledger`. Without it, --accept-gap is needed.",
)
@click.option("--replace", is_flag=True, help="The documents index exists and shall go.")
@click.option("--accept-gap", is_flag=True, help="Restore although the ledger may lack deletes: those come back.")
@click.option("--dry-run", is_flag=True, help="Check, say what would be done, change nothing.")
@click.option("--yes", is_flag=True, help="Don't ask.")
@confirming
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(  # noqa: PLR0913  (one for each option)
    *,
    collection: str,
    repository: str,
    snapshot: str,
    ledger: Path | None,
    replace: bool,
    accept_gap: bool,
    dry_run: bool,
    yes: bool,
    confirmed: str | None,
    output: str,
) -> None:
    """Bring the documents of a collection back from a snapshot.

    They are restored under another name first, the deletes in the ledger that are newer than the snapshot are replayed
    there, the counts are proven, and only then they take the place of the documents index: nobody ever sees a document
    that was deleted. Followers notice by themselves and bring every view to the restored state; their vectors are
    used again. Views that are gone, too, are built again by `turnout apply` or the controller.

    What was written after the snapshot is lost: ingest the sources again. It may be interrupted or killed at any time;
    the same command goes on where it was.

    \b
    turnout restore --collection python-docs --repository backup --snapshot nightly-2026.11.21 \\
        --ledger /var/lib/turnout/python-docs.ledger --dry-run
    turnout restore --collection python-docs --repository backup --snapshot nightly-2026.11.21 \\
        --ledger /var/lib/turnout/python-docs.ledger --environment production --yes --format json
    """
    from turnout.restore import Choice

    settings = from_environment()
    choice = Choice(repository=repository, snapshot=snapshot, ledger=ledger, replace=replace, accept_gap=accept_gap)
    plan = _plan(settings, collection, choice)
    _show(plan)
    if dry_run:
        return
    guard(settings, settings.names(collection), confirmed)
    _agree(yes)
    report = _run(settings, plan)
    if output == "json":
        click.echo(msgspec.json.format(msgspec.json.encode(report)).decode())
    else:
        _print(report)


def _plan(settings: Settings, collection: str, choice: Choice) -> Plan:
    from turnout.restore import look

    return look(settings.reader(), settings.snapshots()[0], settings.names(collection), choice)


def _run(settings: Settings, plan: Plan) -> Report:
    from turnout.ingest.documents import utc_now
    from turnout.restore import Restoration

    snapshots, bringer = settings.snapshots()
    with terminated_like_interrupted(), _progress() as tell:
        return Restoration(plan, settings.reader(), settings.writer(), snapshots, bringer, now=utc_now, tell=tell).run()


def _show(plan: Plan) -> None:
    """The plan, on stderr: stdout is for the report."""
    snapshot, documents = plan.snapshot, plan.names.documents
    lines = [
        f"snapshot   {snapshot.repository}/{snapshot.name}, taken {snapshot.started_at},"
        f" {snapshot.indexes[documents]:,} bytes of {documents}",
        f"ledger     {plan.choice.ledger or 'none'}, {len(plan.ledger.ids()):,} documents,"
        f" synced until {plan.ledger.synced_at or 'never'}",
        f"lost       what was written after {snapshot.started_at}; deletes after the last sync come back",
    ]
    if plan.gap:
        lines.append(f"accepted   {plan.gap}")
    if plan.replaces:
        lines.append(f"replaces   {documents} takes no more writes from the start on, and is deleted at the end")
    if plan.finishing or plan.resumes:
        lines.append("goes on    an earlier run has restored the snapshot already")
    click.echo("\n".join(lines), err=True)


def _agree(yes: bool) -> None:
    """Ask a person.

    Raises:
        BadInput: nobody is there to be asked.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise BadInput("nobody can be asked whether to restore", where="--yes", remedy="look at the plan and add --yes")
    click.confirm("Restore?", abort=True, err=True)


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """Phases on stderr: live on a terminal, a line now and then elsewhere."""
    from rich.console import Console
    from rich.status import Status

    console = Console(stderr=True)
    status = Status("", console=console)
    shown, told_at = "", 0.0

    def tell(phase: str, done: int, of: int) -> None:
        nonlocal shown, told_at
        text = f"{phase}: {done:,} of {of:,}{' bytes' if phase in ('restore', 'clone') else ''}" if of else phase
        if console.is_terminal:
            status.update(text)
        elif phase != shown or time.monotonic() - told_at >= _PLAIN_EVERY_S:
            console.print(text, highlight=False)
            shown, told_at = phase, time.monotonic()

    if console.is_terminal:
        status.start()
    try:
        yield tell
    finally:
        status.stop()


def _print(report: Report) -> None:
    seconds = sum(report.seconds.values())
    click.echo(f"{report.restored:,} documents restored from {report.repository}/{report.snapshot}")
    click.echo(
        f"{report.replayed:,} of them deleted again by the ledger, synced until {report.ledger_synced_at or '-'}"
    )
    if report.superseded:
        click.echo(f"{len(report.superseded):,} of these had been written again since: their sources have them")
    click.echo(f"{report.live:,} live now, in {seconds:.1f} s")
    lost = "" if report.lost_operations is None else f" ({report.lost_operations:,} operations are known of)"
    click.echo(f"lost: what was written after {report.lost_since}{lost}. Ingest every source again.")
    if report.gap:
        click.secho(f"deletes may have come back: {report.gap}", fg="yellow")
