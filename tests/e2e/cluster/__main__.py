"""``python -m e2e.cluster``: the end-to-end cluster by hand. Run with ``PYTHONPATH=tests`` as root."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click

from e2e.cluster.interrupts import ending_signals_raise
from e2e.cluster.layout import Layout
from e2e.cluster.native import Cluster
from e2e.cluster.prepare import prepare as prepare_layout
from turnout.errors import BadInput, Refused, TurnoutError

_BUILD = Path(__file__).resolve().parents[3] / "build"
_BEGAN = time.monotonic()


def _log(line: str) -> None:
    click.echo(f"[{time.monotonic() - _BEGAN:6.1f} s] {line}", err=True)


@click.group()
@click.option("--build", type=click.Path(path_type=Path), default=_BUILD, help="The project's build folder.")
@click.pass_context
def cli(context: click.Context, build: Path) -> None:
    """A real Kubernetes cluster on this machine, without Docker, in a network namespace of its own."""
    context.obj = build


@cli.command()
@click.pass_obj
def prepare(build: Path) -> None:
    """Build and fetch everything that a cluster needs (minutes once, then a second)."""
    prepare_layout(Layout(build.resolve()), _log)


@cli.command()
@click.pass_obj
def up(build: Path) -> None:
    """Start the cluster and leave it running until `down`."""
    with ending_signals_raise():
        cluster = Cluster(build, _log)
        cluster.up()
        cluster.keep()
    _hint(cluster)


@cli.command()
@click.pass_obj
def down(build: Path) -> None:
    """Take the cluster away, whoever left it."""
    Cluster(build, _log).down()


@cli.command()
@click.pass_obj
def status(build: Path) -> None:
    """Which programs run; exit code 1 when one doesn't or none was started."""
    running = Cluster(build, _log).running()
    for name, pid in running.items():
        click.echo(f"{name:36} {'does not run' if pid is None else pid}")
    sys.exit(0 if running and all(running.values()) else 1)


@cli.command()
@click.pass_obj
def shell(build: Path) -> None:
    """Print the command that opens a shell inside the namespace."""
    _hint(Cluster.attach(build, _log))


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.pass_obj
def dump(build: Path, folder: Path) -> None:
    """Write events, objects and logs of the cluster that runs into FOLDER."""
    Cluster.attach(build, _log).dump(folder)


def _hint(cluster: Cluster) -> None:
    environment = f"PATH={cluster.layout.bin}:$PATH KUBECONFIG={cluster.kubeconfig}"
    click.echo(f"{' '.join(cluster.enter)} env {environment} bash")


def main() -> None:
    """Run the command line; errors that people are meant to read become a message and an exit code."""
    try:
        cli(standalone_mode=True)
    except TurnoutError as problem:
        click.echo(str(problem), err=True)
        sys.exit({Refused: 1, BadInput: 2}.get(type(problem), 3))


if __name__ == "__main__":
    main()
