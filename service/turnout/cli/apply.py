"""`turnout apply`: show the plan from what is live to the working tree, then walk it."""

from __future__ import annotations

from typing import IO

import click


@click.command(short_help="Walk the plan: build, follow, verify, flip.")
@click.argument("collection")
@click.option(
    "--processes",
    type=click.IntRange(min=0),
    help="Worker processes that fill the view; 0 for none but this one. Default: one for each core.",
)
@click.option(
    "--events",
    type=click.File("w", encoding="utf-8", lazy=False),
    metavar="FILE",
    help="Write every event to FILE, one JSON line each, as it happens.",
)
def command(collection: str, processes: int | None, events: IO[str] | None) -> None:
    """Bring the release in the working tree live.

    Prints the plan, then walks its very stages: make or change the view, fill it from the documents index, verify it
    against gates.yaml, and move the alias in one call. If anything fails the alias stays where it is (exit code 1).
    An apply that was interrupted is resumed by running it again.

    With --events, a line has `at` and `event`: `started` (stage, number, of), `ended` (stage, seconds), `progress`
    (documents, embedded, reused, total, seconds, eta_s ...) or `check` (name, verdict, reason, evidence, seconds).
    Stages: create-view, change-mapping, backfill, catch-up, verify, flip, keep-following.

    \b
    Examples:
      turnout apply python-docs
      turnout apply python-docs --processes 4
      turnout apply python-docs --events build/apply.jsonl
    """
    from rich.console import Console

    from turnout import observed
    from turnout.apply import apply
    from turnout.cli.applying import context, query_set
    from turnout.cli.artifacts import load_policy, load_release
    from turnout.cli.plan import permissions
    from turnout.cli.progress import Teller, as_json_lines
    from turnout.cli.settings import from_environment
    from turnout.plan import make_plan
    from turnout.plan.text import text

    settings = from_environment()
    head = load_release(settings, collection)
    reader, names = settings.reader(), settings.names(collection)
    live, seen = observed.live_release(reader, names), observed.observe(reader, names)
    allowed, policy = permissions(settings, collection), load_policy(settings)
    plan = make_plan(live, head, seen, overrides=allowed, policy=policy)
    console = Console(soft_wrap=True)  # a name is never broken in the middle
    for part in text(plan):
        console.print(part)
    if not plan.stages and not plan.refusals:
        console.print(f"release {head.id} is live already; nothing to do", highlight=False)
        return
    with Teller(console) as teller:
        judged = query_set(settings, head)
        listen = as_json_lines(events, teller) if events else teller
        apply(plan, head, context(settings, collection, listen, processes=processes, judged=judged))
    console.print(f"[green]release {head.id} is live[/]", highlight=False)
