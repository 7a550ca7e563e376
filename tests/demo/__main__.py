"""`make demo`: set up, play the story, write the report, clean up also when it is interrupted."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from demo.story import Story
from support.workspace import CommandFailed
from turnout.errors import TurnoutError


def main() -> int:
    """The exit code: 0 if every promise held, 1 if one was broken, 3 if the environment lacks something."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--build", type=Path, default=Path("build"), help="folder for what the demo makes")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended in any way, it leaves nothing running
    try:
        with Story(Path.cwd(), arguments.build.resolve()) as story:
            return story.play()
    except CommandFailed as error:
        print(f"the demo failed: {error}", file=sys.stderr)
        return 1
    except TurnoutError as error:
        print(f"the demo can't run: {error}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print("interrupted; everything that was started is stopped", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
