"""`python -m e2e`: play the stories on a cluster of their own. Cleans up also when it is interrupted."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path

from rich.console import Console

from e2e.run import Run, chosen
from e2e.stories import STORIES
from e2e.world import World
from turnout.errors import TurnoutError


def main() -> int:
    """The exit code: 0 if all stories hold, 1 if one doesn't, 2 for a wrong argument, 3 for a lacking environment."""
    parser = argparse.ArgumentParser(prog="python -m e2e", description=__doc__)
    parser.add_argument("--only", action="append", default=[], metavar="STORY", help="play only this one; repeatable")
    parser.add_argument("--keep", action="store_true", help="leave everything running at the end, until Ctrl-C")
    parser.add_argument("--list", action="store_true", help="list the stories and play none")
    parser.add_argument("--build", type=Path, default=Path("build"), help="folder for what is made")
    arguments = parser.parse_args()
    console = Console(soft_wrap=True)
    if arguments.list:
        return _list(console)
    try:
        stories = chosen(arguments.only)
    except KeyError as error:
        parser.error(f"there is no story {error}; see --list")
    build = arguments.build.resolve()
    shutil.rmtree(build / "e2e" / "dump", ignore_errors=True)
    began = time.monotonic()

    def log(message: str) -> None:
        console.print(f"{time.monotonic() - began:7.1f} s  {message}", markup=False, highlight=False)

    try:
        with World(Path.cwd(), build, log) as world:
            code = Run(world, console, log).play(stories)
            if arguments.keep:
                _keep(world)
            return code
    except TurnoutError as error:
        print(f"the stories can't be played: {error}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print("interrupted; everything that was started is stopped", file=sys.stderr)
        return 130


def _list(console: Console) -> int:
    for story in STORIES:
        console.print(story.name, style="bold")
        console.print(f"  given {story.given}\n  when  {story.when}\n  then  {story.then}", highlight=False)
    return 0


def _keep(world: World) -> None:
    print(
        "everything is left running until Ctrl-C; to look around:\n"
        f"  {' '.join(world.cluster.enter)} env KUBECONFIG={world.cluster.kubeconfig}"
        f" {world.cluster.layout.bin / 'kubectl'} get pods -n turnout",
        flush=True,
    )
    while True:
        time.sleep(1)


if __name__ == "__main__":
    sys.exit(main())
