"""`turnout apply`: show the plan from what is live to the working tree, then walk it."""

from __future__ import annotations

import click


@click.command(short_help="Walk the plan: build, follow, verify, flip.")
@click.argument("collection")
@click.option(
    "--processes", type=click.IntRange(min=1), help="Worker processes that fill the view. Default: one for each core."
)
def command(collection: str, processes: int | None) -> None:
    """Bring the release in the working tree live.

    Prints the plan, then walks its very stages: make or change the view, fill it from the documents index, verify it
    against gates.yaml, and move the alias in one call. If anything fails the alias stays where it is (exit code 1).
    An apply that was interrupted is resumed by running it again.

    \b
    Examples:
      turnout apply python-docs
      turnout apply python-docs --processes 4
    """
    from rich.console import Console

    from turnout import observed
    from turnout.apply import apply
    from turnout.cli.applying import context, query_set
    from turnout.cli.artifacts import load_release
    from turnout.cli.plan import permissions
    from turnout.cli.progress import Teller
    from turnout.cli.settings import from_environment
    from turnout.plan import make_plan
    from turnout.plan.text import text

    settings = from_environment()
    head = load_release(settings, collection)
    reader, names = settings.reader(), settings.names(collection)
    live, seen = observed.live_release(reader, names), observed.observe(reader, names)
    plan = make_plan(live, head, seen, overrides=permissions(settings, collection))
    console = Console()
    for part in text(plan):
        console.print(part)
    if not plan.stages and not plan.refusals:
        return
    with Teller(console) as teller:
        judged = query_set(settings, head)
        apply(plan, head, context(settings, collection, teller, processes=processes, judged=judged))
    console.print(f"[green]release {head.id} is live[/]", highlight=False)
