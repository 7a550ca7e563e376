"""`python -m exercise`: break a real cluster, wait for the alerts, run the runbook. Cleans up also when interrupted."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from e2e.world import World
from exercise import summary
from exercise.faults import FAULTS, Fault
from exercise.figures import others
from exercise.run import Run
from support import alertmanager, lint_manifests
from turnout.errors import TurnoutError

SOURCE = Path(__file__).parents[2]


def main() -> int:
    """The exit code: 0 if all is as it must be, 1 if not, 2 for a wrong argument, 3 for a lacking environment."""
    parser = argparse.ArgumentParser(prog="python -m exercise", description=__doc__)
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="a fault or an alert; repeatable")
    parser.add_argument("--list", action="store_true", help="list the faults with their alerts and break nothing")
    parser.add_argument("--keep", action="store_true", help="leave everything running at the end, until Ctrl-C")
    parser.add_argument("--build", type=Path, default=Path("build"), help="folder for what is made")
    arguments = parser.parse_args()
    console = Console(soft_wrap=True)
    faults = chosen(arguments.only)
    if not faults:
        parser.error(f"there is no fault or alert {', '.join(arguments.only)}; see --list")
    if arguments.list:
        return _list(console)
    began = time.monotonic()

    def log(message: str) -> None:
        console.print(f"{time.monotonic() - began:7.1f} s  {message}", markup=False, highlight=False)

    try:
        return _play(faults, arguments.build.resolve(), console, log, whole=not arguments.only, keep=arguments.keep)
    except TurnoutError as error:
        print(f"the exercise can't be done: {error}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print("interrupted; everything that was started is stopped", file=sys.stderr)
        return 130


def chosen(names: list[str]) -> tuple[Fault, ...]:
    """The faults of these names or alerts; all without a name."""
    return tuple(fault for fault in FAULTS if not names or fault.name in names or set(names) & set(fault.alerts))


def _play(
    faults: tuple[Fault, ...], build: Path, console: Console, log: Callable[[str], None], *, whole: bool, keep: bool
) -> int:
    folder = build / "exercise"
    # From here, for nothing can be fetched from inside the cluster's namespace.
    alertmanager.binaries(build, log)
    program = alertmanager.command(build)
    lint_manifests.kube_score()
    with World(SOURCE, build, log) as world:
        told = Run(world, folder, alertmanager=program, log=log).play(faults)
        told["whole"] = whole
        summary.write(told, folder / "summary.json")
        if keep:
            _keep(world)
    figures, problems = others(build, log, whole=whole)
    told |= {group: values | told.get(group, {}) for group, values in figures.items()}
    told["problems"] += problems
    summary.write(told, folder / "summary.json")
    summary.show(told, console)
    return 1 if summary.broken(told) else 0


def _keep(world: World) -> None:
    print(
        "everything is left running until Ctrl-C; to look around:\n"
        f"  {' '.join(world.cluster.enter)} env KUBECONFIG={world.cluster.kubeconfig}"
        f" {world.cluster.layout.bin / 'kubectl'} get pods -n turnout\n"
        f"  {' '.join(world.cluster.enter)} curl {world.cluster.prometheus}/api/v1/alerts",
        flush=True,
    )
    while True:
        time.sleep(1)


def _list(console: Console) -> int:
    for fault in FAULTS:
        console.print(fault.name, style="bold")
        console.print(f"  {fault.what}", highlight=False)
        console.print(
            f"  alerts: {', '.join(fault.alerts) or 'none in time'}; commands of: {', '.join(fault.also) or 'these'}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
