"""`turnout adopt`: take a live index that turnout didn't make into Git, and record it as the first release."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import msgspec

from turnout.cli.guarding import confirming, guard
from turnout.cli.settings import Settings, from_environment

if TYPE_CHECKING:
    from turnout.adopt import Draft


@click.command("adopt", short_help="Write the files for a live index that turnout didn't make.")
@click.argument("name", metavar="ALIAS")
@click.option("--collection", metavar="NAME", help="What to call the collection.  [default: the alias]")
@click.option(
    "--record", "recording", is_flag=True, help="Later, with all answers locked: record it as the live release."
)
@confirming
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(name: str, collection: str | None, recording: bool, confirmed: str | None, form: str) -> int:
    """Write schemas/ and pipelines/ for the live index behind ALIAS (or of that name), with questions for what an
    index can't tell. `turnout validate` points at each question until it is answered.

    With --record, when the files are answered and locked, the index becomes the live view of the first release, so that
    the next plan moves nothing. That writes `_meta.turnout` into its mapping and a record; no document is touched.

    \b
    turnout adopt products
    turnout adopt products_v2 --collection products
    turnout validate products && turnout lock products
    turnout adopt products --record
    turnout plan products --live
    """
    settings = from_environment()
    chosen = collection or name.removeprefix(settings.prefix)
    if recording:
        guard(settings, settings.names(chosen), confirmed)
        return _record(settings, name, chosen, form)
    from turnout.adopt import draft, look, write

    made = draft(chosen, look(settings.reader(), name))
    write(settings.root, made)
    if form == "json":
        click.echo(msgspec.json.format(msgspec.json.encode(_shown(made)), indent=2).decode())
    else:
        _print(made)
    return 0


def _record(settings: Settings, name: str, collection: str, form: str) -> int:
    from datetime import UTC, datetime

    from turnout.adopt import look, record
    from turnout.cli.artifacts import load_release

    release = load_release(settings, collection)
    reader, names = settings.reader(), settings.names(collection)
    live = look(reader, name)
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    is_new = record(reader, settings.writer(), names, release, live, now=now)
    if form == "json":
        shown = {"collection": collection, "index": live.index, "release": release.id, "recorded": is_new}
        click.echo(msgspec.json.format(msgspec.json.encode(shown), indent=2).decode())
        return 0
    what = "is recorded as the live release" if is_new else "was recorded already"
    click.echo(f"{collection}: {release.id}, served by {live.index}, {what}; no document was touched")
    click.echo(f"    next: turnout plan {collection} --live")
    return 0


def _shown(made: Draft) -> dict[str, object]:
    return {
        "collection": made.collection,
        "index": made.index,
        "files": list(made.files),
        "questions": [{"file": each.file, "pointer": each.pointer, "question": each.ask} for each in made.questions],
        "notes": made.notes,
    }


def _print(made: Draft) -> None:
    from turnout.release.findings import printable

    for file in made.files:
        click.echo(f"wrote {file}")
    for note in made.notes:
        click.echo(f"note: {printable(note)}")
    click.secho(f"{len(made.questions)} questions that {printable(made.index)} can't answer:", bold=True)
    file = ""
    for question in made.questions:
        if question.file != file:
            file = question.file
            click.echo(f"  {file}")
        click.echo(f"    {printable(question.pointer)}: {printable(question.ask)}")
    click.echo(f"next: answer them in the files, then turnout validate {made.collection}")
