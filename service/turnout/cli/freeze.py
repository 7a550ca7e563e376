"""`turnout freeze`: stop or allow the automatic flips and retirements of a collection."""

from __future__ import annotations

import getpass
import json
import socket
from datetime import UTC, datetime

import click

from turnout.alias import freeze, frozen, unfreeze
from turnout.cli.guarding import confirming, guard
from turnout.cli.known import check_known
from turnout.cli.settings import from_environment
from turnout.elastic.state import Freeze


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("collection")
@click.option("--reason", help="Why; shown to whoever is stopped by it.")
@click.option("--off", is_flag=True, help="Allow flips and retirements again.")
@confirming
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(collection: str, reason: str | None, off: bool, confirmed: str | None, form: str) -> None:
    """Stop every automatic flip and retirement of COLLECTION, or allow them again.

    \b
    turnout freeze python-docs --reason "incident 12: stale answers"
    turnout freeze python-docs --off
    turnout freeze python-docs --reason "incident 12: stale answers" --environment production
    """
    if not off and not (reason or "").strip():
        raise click.UsageError('say why: --reason "..."')
    settings = from_environment()
    check_known(settings, collection)
    names = settings.names(collection)
    guard(settings, names, confirmed)
    switch = unfreeze if off else freeze
    at = datetime.now(UTC).isoformat(timespec="microseconds")
    before = frozen(settings.reader(), names)
    record = switch(settings.writer(), names, reason=reason or "", by=_who(), at=at)
    if form == "json":
        click.echo(json.dumps({"collection": collection, "frozen": record.frozen, "by": record.by, "at": record.at}))
    else:
        click.echo(_sentence(record, before))


def _sentence(record: Freeze, before: Freeze | None) -> str:
    if record.frozen:
        return (
            f"{record.collection} is frozen: nothing flips or retires until `turnout freeze {record.collection} --off`"
        )
    was = f" (frozen by {before.by} since {before.at}: {before.reason})" if before else ", and was not frozen"
    return f"{record.collection} may flip and retire again{was}"


def _who() -> str:
    """user@host, as far as this machine knows."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "unknown"
    return f"{user}@{socket.gethostname()}"
