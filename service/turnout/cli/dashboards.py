"""`turnout dashboards`: whether each panel has data in Prometheus, pictures of them, and their Grafana files."""

from __future__ import annotations

import importlib.util
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from turnout.cli.dashboards_found import print_json, print_text
from turnout.cli.judge import TOKEN_FILE, URL
from turnout.cli.judge_input import read_secret
from turnout.cli.moments import moment, shown
from turnout.errors import BadInput, EnvironmentProblem
from turnout.release.findings import printable

if TYPE_CHECKING:
    from turnout.dashboards.check import Checked, Span
    from turnout.dashboards.panels import Dashboard

_NAMES = ("rollout", "views", "service", "cost-and-drift")
_FOLDER = click.Path(path_type=Path, file_okay=False)
_TIMEOUT_S = 30.0


@click.command(short_help="Check that each panel has data in Prometheus, and draw it.")
@click.option("--collection", metavar="NAME", help="The collection that is looked at.")
@click.option("--prometheus", "url", envvar=URL, default="http://127.0.0.1:9090", show_default=True, metavar="URL",
              help=f"Prometheus; else {URL}.")  # fmt: skip
@click.option("--token-file", envvar=TOKEN_FILE, type=click.Path(path_type=Path), metavar="FILE",
              help=f"A file with a bearer token for it; else {TOKEN_FILE}.")  # fmt: skip
@click.option("--since", default="1h", show_default=True, metavar="TIME", help="From when on.")
@click.option("--until", metavar="TIME", help="Until when; by default now.")
@click.option("--only", multiple=True, type=click.Choice(_NAMES), help="One dashboard instead of all; repeatable.")
@click.option("--draw", type=_FOLDER, metavar="FOLDER", help="Draw each dashboard into a .png file there.")
@click.option("--write", type=_FOLDER, metavar="FOLDER",
              help="Write the dashboards as Grafana reads them there, and ask no Prometheus.")  # fmt: skip
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(**given: Any) -> int:
    """Ask Prometheus for everything that the Grafana dashboards show of a collection.

    A panel has data, is quiet (it may be empty now, with the reason), is empty although it mustn't be, or its query is
    broken. TIME is ISO 8601 (UTC without a zone), Unix seconds, or how long ago: 90s, 15m, 2h, 3d.

    Exit code 1 if a panel is empty or broken, 2 if Prometheus doesn't know the collection, 3 if it is away or has none
    of turnout's metrics.

    \b
    Examples:
      turnout dashboards --collection python-docs --prometheus http://127.0.0.1:9090
      turnout dashboards --collection python-docs --since 6h --draw build/dashboards --only rollout
      turnout dashboards --write manifests/components/monitoring/dashboards
    """
    boards = _chosen(given["only"])
    if given["write"] is not None:
        return _write(given["write"], boards)
    if not given["collection"]:
        raise click.UsageError("give --collection NAME, or --write FOLDER")
    span = _span(given["since"], given["until"])
    if given["draw"] is not None:
        _check_folder(given["draw"])
    told = Console(stderr=True)
    with told.status("asking Prometheus") as status:
        checked = _checked(given, boards, span, lambda title: status.update(f"asking for {title}"))
        if given["draw"] is not None:
            status.update("drawing")
            _draw(checked, given["draw"], given["collection"])
    if given["form"] == "json":
        print_json(checked, given["collection"])
    else:
        print_text(checked, given["collection"], given["draw"])
    return 1 if any(each.bad for each in checked) else 0


def _chosen(only: tuple[str, ...]) -> tuple[Dashboard, ...]:
    from turnout.dashboards.every import EVERY

    return tuple(board for board in EVERY if not only or board.name in only)


def _span(since: str, until: str | None) -> Span:
    from turnout.dashboards.check import Span

    now = time.time()
    start = moment(since, option="--since", now=now)
    end = now if until is None else min(now, moment(until, option="--until", now=now))
    if not 0 <= start < end:
        what = f"{shown(start)} isn't before {shown(end)}"
        raise BadInput(what, where="--since", remedy="give an earlier time; without a zone it is taken as UTC")
    return Span(start, end)


def _checked(given: dict[str, Any], boards: tuple[Dashboard, ...], span: Span, tell: Any) -> tuple[Checked, ...]:
    from turnout.dashboards.check import check, collections, must_know
    from turnout.prometheus import Prometheus

    headers = None
    if given["token_file"] is not None:
        headers = {"Authorization": f"Bearer {read_secret(given['token_file'])}"}
    with closing(Prometheus(given["url"], timeout_s=_TIMEOUT_S, headers=headers)) as prometheus:
        must_know(given["collection"], collections(prometheus, span), where=prometheus.where)
        return check(boards, prometheus, given["collection"], span=span, tell=tell)


def _check_folder(folder: Path) -> None:
    """Make the folder for the pictures, and find out whether they can be drawn, before the work begins."""
    if importlib.util.find_spec("matplotlib") is None:
        raise EnvironmentProblem("drawing needs matplotlib", where="--draw", remedy="pip install 'turnout[check]'")
    _make(folder)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(path: Path, error: OSError) -> EnvironmentProblem:
    reason = error.strerror or str(error)
    return EnvironmentProblem(reason, where=printable(str(path)), remedy="give a folder that may be written")


def _draw(checked: tuple[Checked, ...], folder: Path, collection: str) -> None:
    from turnout.dashboards.picture import draw

    for each in checked:
        path = folder / f"{each.dashboard.name}.png"
        try:
            draw(each, path, collection=collection)
        except OSError as error:
            raise _unwritable(path, error) from error


def _write(folder: Path, boards: tuple[Dashboard, ...]) -> int:
    if importlib.util.find_spec("grafana_foundation_sdk") is None:
        remedy = "pip install 'turnout[check]'"
        raise EnvironmentProblem("writing needs grafana-foundation-sdk", where="--write", remedy=remedy)
    from turnout.dashboards.grafana import files

    _make(folder)
    for name, content in files(boards).items():
        try:
            (folder / name).write_text(content, "utf-8")
        except OSError as error:
            raise _unwritable(folder / name, error) from error
        click.echo(f"{folder / name}")
    return 0
