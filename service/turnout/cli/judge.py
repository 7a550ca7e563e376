"""`turnout judge`: the judgment of a canary of the past, made again from Prometheus, and its picture.

`judging.py` beside this file is another thing: the steps of `turnout check`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.text import Text

from turnout.cli.judge_input import (
    Options,
    canary_gates,
    check_hashes,
    check_plot,
    collection_of,
    read_secret,
    time_range,
)
from turnout.cli.settings import from_environment
from turnout.errors import EnvironmentProblem, Refused

if TYPE_CHECKING:
    from turnout.judge.replay import PastTrial
    from turnout.judge.replay_judged import Replay
    from turnout.prometheus.client import Prometheus
    from turnout.release.artifacts import CanaryGates

_FILE = click.Path(path_type=Path)
_TIMEOUT_S = 30.0  # nobody waits in a queue behind it, and a week is read at once
_MOST_BYTES = 256 << 20
URL, TOKEN_FILE = "TURNOUT_PROMETHEUS_URL", "TURNOUT_PROMETHEUS_TOKEN_FILE"


@click.command(short_help="Judge a past canary again from Prometheus, and draw it.")
@click.option("--rollout", required=True, metavar="NAME", help="The Rollout's name: search-COLLECTION.")
@click.option("--since", required=True, metavar="TIME", help="The first trial that began then or later is judged.")
@click.option("--until", metavar="TIME", help="Where to stop; by default the trial's end, or now.")
@click.option("--prometheus", "url", envvar=URL, default="http://127.0.0.1:9090", show_default=True, metavar="URL",
              help=f"Prometheus; else {URL}.")  # fmt: skip
@click.option("--token-file", envvar=TOKEN_FILE, type=_FILE, metavar="FILE",
              help=f"A file with a bearer token for it; else {TOKEN_FILE}.")  # fmt: skip
@click.option("--window", "window_s", type=click.FloatRange(1, 3600), default=30.0, show_default=True, metavar="S",
              help="Seconds of each window that searches are counted by.")  # fmt: skip
@click.option("--canary", metavar="HASH", help="The canary's pod template hash, where there were several trials.")
@click.option("--stable", metavar="HASH", help="Stable's pod template hash, where there were several trials.")
@click.option("--gates", "gates_file", type=_FILE, metavar="FILE", help="A gates.yaml instead of the collection's.")
@click.option("--pipelines", type=_FILE, metavar="DIR",
              help="Where each collection's gates.yaml is; by default pipelines/ under the root.")  # fmt: skip
@click.option("--plot", type=_FILE, metavar="FILE", help="Draw the trial into this .png or .svg file.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(**given: Any) -> int:
    """Judge a canary of the past again, as the controller judged it, from what Prometheus kept.

    The releases, their hashes, and the trial's start and end are found in Prometheus: the canary is what came up while
    another release was serving. TIME is ISO 8601 (UTC without a zone), Unix seconds, or how long ago: 90s, 15m, 2h, 3d.
    Judged quality isn't measured again: nobody can ask the pods of the past.

    Exit code 0 if the canary passes, 1 if it fails or nothing can be concluded yet.

    \b
    Examples:
      turnout judge --rollout search-python-docs --since 2h
      turnout judge --rollout search-python-docs --since 2026-03-01T10:00:00Z --plot trial.png
      turnout judge --rollout search-python-docs --since 3d --canary 5d4f8c7b9 --format json
    """
    options = Options(**given)
    now = time.time()
    collection = collection_of(options.rollout)
    check_hashes(options)
    since, until = time_range(options, now=now)
    check_plot(options.plot)
    gates, gates_from = canary_gates(options, collection, from_environment().root)
    told = Console(stderr=True)
    with told.status("looking for the trial") as status:
        replayed, others = _replay(options, collection, gates, (since, until), status.update)
        if options.plot:
            status.update("drawing")
            _draw(replayed, options.plot, options.rollout)
    if options.form == "json":
        _print_json(replayed, others, options, gates_from)
    else:
        _print_text(replayed, others, options, gates_from)
    return 0 if replayed.judgment.verdict == "pass" else 1


def _replay(
    options: Options, collection: str, gates: CanaryGates, within: tuple[float, float], tell: Callable[[str], None]
) -> tuple[Replay, list[PastTrial]]:
    """The replay of the trial that was asked for, and the other trials of the range."""
    from turnout.judge.replay_choice import Wanted, find
    from turnout.judge.replay_judged import replay

    since, until = within
    wanted = Wanted(options.rollout, collection, since, options.window_s, canary=options.canary, stable=options.stable)
    prometheus = _prometheus(options)
    try:
        past, others = find(prometheus, wanted, until=until, tell=tell)
        tell("counting searches")
        return replay(prometheus, past, gates), others
    except Refused as error:
        remedy = error.remedy or "give the address of a Prometheus with --prometheus"
        raise EnvironmentProblem(error.what, where=error.where, remedy=remedy) from error


def _prometheus(options: Options) -> Prometheus:
    from turnout.prometheus.client import Prometheus

    headers = None
    if options.token_file is not None:
        token = read_secret(options.token_file)
        headers = {"Authorization": f"Bearer {token}"}
    return Prometheus(options.url, timeout_s=_TIMEOUT_S, headers=headers, most_bytes=_MOST_BYTES)


def _draw(replayed: Replay, path: Path, rollout: str) -> None:
    from turnout.judge.picture import draw

    try:
        draw(replayed, path, rollout=rollout)
    except OSError as error:
        reason = error.strerror or str(error)
        raise EnvironmentProblem(reason, where=str(path), remedy="give a file that may be written") from error


def _print_text(replayed: Replay, others: list[PastTrial], options: Options, gates_from: str) -> None:
    from turnout.cli.verdict_table import others_table, print_whole, show

    console = Console(soft_wrap=True)
    show(replayed.judgment, replayed.past, console, rollout=options.rollout)
    console.print(Text(f"  gates     {gates_from}"))
    if options.plot:
        console.print(Text(f"  picture   {options.plot}"))
    if others:
        console.print()
        print_whole(others_table(others), console)


def _print_json(replayed: Replay, others: list[PastTrial], options: Options, gates_from: str) -> None:
    import msgspec

    record = {
        "rollout": options.rollout,
        "trial": replayed.past,
        "judgment": replayed.judgment,
        "gates": gates_from,
        "picture": str(options.plot) if options.plot else None,
        "others": others,
    }
    click.echo(msgspec.json.format(msgspec.json.encode(record)))
