"""`turnout retire`: delete the views that nobody needs any more. On one machine a person does it; in a cluster the
controller will."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from turnout.cli.artifacts import load_policy
from turnout.cli.guarding import confirming, guard
from turnout.cli.known import check_known
from turnout.cli.settings import from_environment
from turnout.errors import Refused
from turnout.release.policy import POLICY_FILE

if TYPE_CHECKING:
    from turnout.alias import Observed
    from turnout.release.artifacts import Policy

DRAIN_S = 60.0
DEFAULT_KEEP = 1


@click.command(short_help="Delete the views that nobody needs any more.")
@click.argument("collection")
@click.option(
    "--keep",
    type=click.IntRange(min=0),
    help="Releases kept for going back. [default: what pipelines/policy.yaml asks for, at least 1]",
)
@click.option(
    "--drain",
    type=click.FloatRange(min=0),
    default=DRAIN_S,
    show_default=True,
    metavar="SECONDS",
    help="A view goes only if nobody searched it for so long.",
)
@click.option("--dry-run", is_flag=True, help="Say what would go, delete nothing, wait for nothing.")
@confirming
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(collection: str, keep: int | None, drain: float, dry_run: bool, confirmed: str | None, form: str) -> int:
    """Delete the views of COLLECTION that are neither live, nor being built, nor kept for going back, nor searched.

    Says for every view whether it goes or stays, and why. What isn't known counts as a reason to stay. Exit code 1 if
    the collection is frozen: then nothing goes. It is refused to --keep fewer than `retention.releases` in
    pipelines/policy.yaml.

    \b
    Examples:
      turnout retire python-docs --dry-run
      turnout retire python-docs --keep 2
      turnout retire python-docs --drain 300 --format json
    """
    import orjson

    from turnout.alias import judge, retire
    from turnout.alias.retire import observe
    from turnout.ingest.documents import utc_now

    settings = from_environment()
    check_known(settings, collection)
    keep = _kept(load_policy(settings), keep)
    reader, names = settings.reader(), settings.names(collection)
    if not dry_run:
        guard(settings, names, confirmed)
    seen = observe(reader, names)
    kept = judge(seen, keep=keep)
    going = {index: _why(seen, index, keep) for index, reason in kept.items() if not reason}
    if going and not dry_run:
        if form == "text":
            click.echo(f"{_views(len(going))} may go; waiting {drain:g} s to see that nobody searches")
        done = retire(reader, settings.writer(), names, now=utc_now, keep=keep, drain_s=drain)
        kept, going = done.kept, {index: going.get(index, "") for index in done.retired}
    rows = [{"index": index, "goes": True, "reason": why} for index, why in going.items()]
    rows += [{"index": index, "goes": False, "reason": why} for index, why in kept.items() if index not in going]
    if form == "json":
        shown = {"collection": collection, "dry_run": dry_run, "frozen": seen.frozen, "views": rows}
        click.echo(orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode())
    else:
        for row in rows:
            click.echo(f"{_word(bool(row['goes']), dry_run)} {row['index']}: {row['reason']}")
        click.echo(
            f"{_views(len(going))} {'would go' if dry_run else 'deleted'}, {_views(len(rows) - len(going))} kept"
        )
    return 1 if seen.frozen else 0


def _kept(policy: Policy, keep: int | None) -> int:
    """How many former releases to keep.

    Raises:
        Refused: fewer than policy asks for.
    """
    least = policy.retention.releases
    if keep is None:
        return max(DEFAULT_KEEP, least)
    if keep < least:
        raise Refused(
            f"--keep {keep} leaves fewer releases to go back to than policy asks for ({least})",
            where=POLICY_FILE,
            remedy=f"say --keep {least} or more, or lower retention.releases in a review",
        )
    return keep


def _why(seen: Observed, index: str, keep: int) -> str:
    """Why a view may go: what became of the releases that it was for."""
    told = [
        f"release {record.release_id} is {record.state}"
        + (f" and not among the {keep} kept for going back" if record.state == "former" else "")
        for record in seen.releases
        if record.view == index
    ]
    return "; ".join(told) or "its release has a newer view"


def _word(goes: bool, dry_run: bool) -> str:
    if not goes:
        return "stays  "
    return "goes   " if dry_run else "deleted"


def _views(number: int) -> str:
    return f"{number} view" if number == 1 else f"{number} views"
