"""`turnout revert`: move the alias back at once, and bring the artifacts of that release back into Git."""

from __future__ import annotations

from pathlib import Path

import click

from turnout.cli.guarding import confirming, guard


@click.command(short_help="Go back to the release that was live before.")
@click.argument("collection")
@click.option("--to", "target", metavar="RELEASE", help="The release to go back to. Default: the one live before.")
@click.option(
    "--commit/--no-commit", default=True, show_default=True, help="Commit the artifacts of that release to Git."
)
@confirming
def command(collection: str, target: str | None, *, commit: bool, confirmed: str | None) -> None:
    """Go back to a former release.

    Its view was followed all the while, so nothing is built: it is caught up, compared with documents, and the alias
    moves in one call. Then the collection's artifacts are committed as they were in that release, because a rollback
    that doesn't end in Git would be healed away.

    \b
    Examples:
      turnout revert python-docs
      turnout revert python-docs --to r-0123456789abcdef --no-commit
    """
    from rich.console import Console

    from turnout.apply import revert
    from turnout.cli.applying import context
    from turnout.cli.known import check_known
    from turnout.cli.progress import Teller
    from turnout.cli.settings import from_environment

    settings = from_environment()
    check_known(settings, collection)
    guard(settings, settings.names(collection), confirmed)
    console = Console(soft_wrap=True)
    with Teller(console) as teller:
        flipped = revert(context(settings, collection, teller, processes=1), to=target)
    console.print(f"[green]release {flipped.to_release} is live[/] on {flipped.to_view}", highlight=False)
    if commit:
        console.print(_commit(settings.root, collection, flipped.to_release), highlight=False, markup=False)


def _commit(root: Path, collection: str, release_id: str) -> str:
    """Bring the release's artifacts back in a commit of their own; what to tell the user."""
    from turnout.git import commit_files, find_release

    commit = find_release(root, collection, release_id)
    if commit is None:
        return f"Git's history knows no {release_id}: bring its artifacts back by hand, or it will be planned away"
    paths = [f"schemas/{collection}", f"pipelines/{collection}"]
    made = commit_files(root, commit, paths, f"Revert {collection} to {release_id}")
    return (
        f"committed {made[:12]}: {', '.join(paths)} as in {commit[:12]}" if made else "the artifacts are those already"
    )
