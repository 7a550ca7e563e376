"""`turnout apply`: show the plan from what is live to a release, then walk it, or a part of it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from turnout.cli.guarding import confirming, guard

if TYPE_CHECKING:
    from turnout.apply import Until

UNTIL = ("filled", "ready", "live")


@click.command(short_help="Walk the plan: build, follow, verify, flip.")
@click.argument("collection", required=False)
@click.option(
    "--release",
    "release_path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Apply this release.json, in place of the working tree's COLLECTION; nothing else of the artifacts is read.",
)
@click.option(
    "--until",
    type=click.Choice(UNTIL),
    default="live",
    show_default=True,
    help="End when the view is filled, when the release is verified, or when it is live.",
)
@click.option(
    "--shard",
    type=click.IntRange(min=0),
    metavar="N",
    help="With --until filled: fill this shard's part only. Shard 0 makes the view, the others wait for it.",
)
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
@click.option(
    "--metrics-port",
    envvar="TURNOUT_METRICS_PORT",  # the controller can't name an option to an image that may be older than it
    show_envvar=True,
    type=click.IntRange(1, 65535),
    help="With --shard: serve Prometheus metrics on this port.",
)
@click.option(
    "--metrics-host",
    envvar="TURNOUT_METRICS_HOST",
    show_envvar=True,
    default="127.0.0.1",
    show_default=True,
    help="Address of the metrics; 0.0.0.0 in a pod.",
)
@confirming
def command(  # noqa: PLR0913  (one for each option)
    collection: str | None,
    *,
    release_path: Path | None,
    until: Until,
    shard: int | None,
    processes: int | None,
    events: IO[str] | None,
    metrics_port: int | None,
    metrics_host: str,
    confirmed: str | None,
) -> None:
    """Bring the release in the working tree live.

    Prints the plan, then walks its very stages: make or change the view, fill it from the documents index, verify it
    against gates.yaml, and move the alias in one call. If anything fails the alias stays where it is (exit code 1).
    An apply that was interrupted is resumed by running it again. A release in quarantine is refused.

    With --release, the query set is read from evaluation/ beside FILE. Policy, budgets and overrides are judged where
    the whole repository is (`turnout check`): here they refuse nothing, and what would be refused is printed as a note.
    A freeze, or an alias on several indexes, refuses only an apply that moves the alias. If Elasticsearch is away it
    is tried again for about a minute, then it ends with exit code 3; started again it goes on where it was.

    With --events, a line has `at` and `event`: `started` (stage, number, of), `ended` (stage, seconds), `waiting`
    (what, seconds), `progress` (documents, embedded, reused, total, seconds, eta_s ...) or `check` (name, verdict,
    reason, evidence, seconds). Stages: create-view, change-mapping, backfill, catch-up, verify, flip, keep-following.

    \b
    Examples:
      turnout apply python-docs
      turnout apply python-docs --processes 4
      turnout apply python-docs --events build/apply.jsonl
      turnout apply --release /release/release.json --until filled --shard 3
      turnout apply --release /release/release.json --until filled --shard 3 --metrics-port 8082
      turnout apply --release /release/release.json --until ready
    """
    if (collection is None) == (release_path is None):
        raise click.UsageError("name either COLLECTION or --release")
    if shard is not None and until != "filled":
        raise click.UsageError("--shard goes with --until filled")
    if metrics_port is not None and shard is None:
        raise click.UsageError("--metrics-port goes with --shard")
    from turnout.cli.applying import from_artifacts, from_release
    from turnout.cli.settings import from_environment
    from turnout.cli.terminating import terminated_like_interrupted
    from turnout.cli.view_metrics import ViewMetrics
    from turnout.cli.walking import Applying

    settings = from_environment()
    # Without a handler a process that is the first of its container isn't ended by SIGTERM at all.
    with terminated_like_interrupted():
        inputs = from_release(release_path) if release_path else from_artifacts(settings, collection or "")
        allowed = partial(guard, settings, settings.names(inputs.release.collection), confirmed)
        applying = Applying(settings, inputs, until=until, processes=processes, events=events)
        if metrics_port is None:
            applying.run(shard, allowed)
            return
        with ViewMetrics(inputs.release, host=metrics_host, port=metrics_port) as metrics:
            replace(applying, metrics=metrics).run(shard, allowed)
