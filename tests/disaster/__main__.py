"""`PYTHONPATH=tests python -m disaster`: play it, print the figures; exit code 1 if a promise was broken."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

from disaster.drill import DOCUMENTS, drill


def main() -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m disaster", description=__doc__)
    parser.add_argument("--documents", type=int, default=DOCUMENTS)
    documents = parser.parse_args().documents
    build = Path(os.environ.get("TURNOUT_BUILD", "build")).resolve()
    with tempfile.TemporaryDirectory() as folder:
        figures = drill(build, Path(folder), documents=documents)
    print(json.dumps(figures, indent=2))
    return 0 if figures["held"] else 1


if __name__ == "__main__":
    sys.exit(main())
