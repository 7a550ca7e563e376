"""build/bench/gate.json: the figures of the pull-request gate, a section for each bench. Written by benches and drills.

Each writer keeps the others' sections; two that write at once take turns.
"""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
GATE_FILE = ROOT / "build" / "bench" / "gate.json"


def keep(section: str, values: dict[str, Any], *, path: Path = GATE_FILE) -> None:
    """Put `values` in place of the section of that name; every other key of the file stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        whole = json.loads(path.read_text()) if path.exists() else {}
        whole[section] = values
        written = path.with_suffix(".new")
        written.write_text(json.dumps(whole, indent=2, sort_keys=True) + "\n")
        os.replace(written, path)
