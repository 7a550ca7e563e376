"""The figures of the pull-request gate, one program after the other; build/bench/gate.json holds them all.

Run by `make bench`. Every program runs whatever the others say; the exit code is 1 if a figure was missed. `make drill`
adds the drills to the same file.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAMS = ("gate_cost.py", "gate_classifier.py", "gate_check.py", "gate_statistics.py")


def main() -> int:
    """Run them all; 1 if one of them failed."""
    failed = [name for name in PROGRAMS if _run(name)]
    print(f"missed: {', '.join(failed)}" if failed else "every figure of the gate is held")
    return 1 if failed else 0


def _run(name: str) -> int:
    print(f"== {name}", flush=True)
    return subprocess.run([sys.executable, str(Path(__file__).with_name(name))], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
