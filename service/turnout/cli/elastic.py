"""`turnout elastic`: a local Elasticsearch for demo, tests and development."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click
from rich.console import Console
from rich.filesize import decimal
from rich.status import Status
from rich.table import Table

from turnout.cli.settings import from_environment
from turnout.elastic import node
from turnout.errors import EnvironmentProblem

_FORMAT = click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Start, stop or look at a local Elasticsearch.

    Where TURNOUT_ELASTICSEARCH_URL is set, that server is checked and nothing is started. Else the official image is
    used if a Docker engine answers, else the distribution through Maven (a JDK of 21 or newer and mvn are needed).

    \b
    turnout elastic start
    turnout elastic start --port 9211 --heap 2g
    turnout elastic status --format json
    turnout elastic stop
    """


@command.command()
@click.option("--port", type=click.IntRange(1, 65535), help=f"Port on 127.0.0.1; {node.DEFAULT_PORT} unless given.")
@click.option("--heap", default=node.DEFAULT_HEAP, show_default=True, help="Heap of the JVM, as 512m or 1g.")
@_FORMAT
def start(port: int | None, heap: str, form: str) -> None:
    """Start the local node and leave it running; says so if it runs already.

    \b
    turnout elastic start --port 9211 --heap 512m
    """
    settings = from_environment()
    before = node.find(settings.build, env=os.environ)
    with _telling() as tell:
        found = node.ensure(settings.build, env=os.environ, port=port, heap=heap, tell=tell)
    word = "checked" if found.how == "given" else "already running" if found == before else "started"
    _show({"state": word, **_facts(found)}, form)
    if found.url != settings.url and form == "text":
        click.echo(f"Other commands find it with: export {node.URL_VARIABLE}={found.url}")


@command.command()
@_FORMAT
def status(form: str) -> None:
    """Show address, version, process, health and disk; exit code 3 if there is no server.

    \b
    turnout elastic status --format json
    """
    settings = from_environment()
    found = node.find(settings.build, env=os.environ)
    if found is None:
        raise EnvironmentProblem("no local Elasticsearch runs", remedy="start one with `turnout elastic start`")
    _show({"state": "running", **_facts(found)}, form)


@command.command()
@_FORMAT
def stop(form: str) -> None:
    """Stop the local node and keep its data; a server given by URL is never stopped.

    \b
    turnout elastic stop
    """
    stopped = node.stop(from_environment().build, env=os.environ)
    if form == "json":
        click.echo(json.dumps({"state": "stopped" if stopped else "not running"}))
    else:
        click.echo(f"stopped {stopped.url}" if stopped else "no local Elasticsearch runs")


def _facts(found: node.Node) -> dict[str, Any]:
    facts: dict[str, Any] = {"url": found.url, "version": found.version, "how": found.how}
    if found.how != "given":
        facts |= {"pid": found.pid, "container": found.container or None, "data": found.home}
    settings = from_environment()
    ca = settings.ca if found.how == "given" else None  # a local node speaks plain HTTP
    return facts | node.health(found.url, api_key=settings.read_key, ca=ca)


def _show(facts: dict[str, Any], form: str) -> None:
    if form == "json":
        click.echo(json.dumps(facts))
        return
    table = Table.grid(padding=(0, 2))
    for key, value in facts.items():
        if value is not None:
            table.add_row(key.replace("_", " "), decimal(value) if key.startswith("disk") else str(value))
    Console(soft_wrap=True).print(table)


@contextmanager
def _telling() -> Iterator[Callable[[str], None]]:
    """Progress on stderr: one line that changes on a terminal, else a line for each stage."""
    console = Console(stderr=True)
    if console.is_terminal:
        with Status("", console=console) as shown:
            yield shown.update
        return
    said = set()

    def tell(message: str) -> None:
        stage = message.partition(":")[0]
        if stage not in said:
            said.add(stage)
            console.print(stage, soft_wrap=True, highlight=False)

    yield tell
