"""build/bench/judge.json: how often the canary judge errs and how fast it is, side by side with what others use.

Simulated rollouts of half an hour with a look every 30 s, over an hour of history; at least 2,000 runs a cell, seeded.
Run by `make bench`; exit code 1 if a figure is missed. --runs 200 is a quick look.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import judge_cells
import judge_cpu
import judge_figures
import judge_peers
from judge_scenarios import RATES, SCENARIOS

RUNS = 2000
JUDGE_FILE = Path(__file__).resolve().parents[2] / "build" / "bench" / "judge.json"


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=RUNS, help=f"simulated rollouts a cell ({RUNS})")
    runs = parser.parse_args().runs
    start = time.perf_counter()
    cells = simulated(runs)
    found = judge_figures.figures(cells, cpu_ms=judge_cpu.spent().median_ms)
    seconds = time.perf_counter() - start
    _write(cells, found, runs=runs, seconds=seconds)
    for rps in RATES:
        print(judge_figures.table(cells, rps), end="\n\n")
    for cell in judge_figures.slower(cells):
        print("slower than a peer:", json.dumps(cell))
    for name, limit in judge_figures.LIMITS.items():
        held = "" if found[name] <= limit else "  MISSED"
        print(f"{name:<40} {found[name]:>9.4g}  at most {limit:g}{held}")
    print(f"{runs} runs a cell in {seconds:.0f} s")
    return 1 if judge_figures.missed(found) else 0


def simulated(runs: int) -> dict[tuple[str, float], judge_cells.Outcome]:
    """All cells, on as many processes as there are processors."""
    sizes = [min(judge_cells.BATCH, runs - first) for first in range(0, runs, judge_cells.BATCH)]
    with ProcessPoolExecutor(max_workers=os.cpu_count()) as pool:
        pending = {
            (scenario.name, rps): [
                pool.submit(judge_cells.run, scenario, rps, size, batch=batch) for batch, size in enumerate(sizes)
            ]
            for rps in RATES
            for scenario in SCENARIOS
        }
        return {key: judge_cells.together([part.result() for part in parts]) for key, parts in pending.items()}


def _write(cells: Any, found: dict[str, float], *, runs: int, seconds: float) -> None:
    """One file with the figures, their limits, and every cell."""
    JUDGE_FILE.parent.mkdir(parents=True, exist_ok=True)
    whole = {
        "figures": found,
        "limits": judge_figures.LIMITS,
        "missed": judge_figures.missed(found),
        "seed": judge_cells.SEED,
        "runs": runs,
        "seconds": round(seconds, 1),
        "peers": {
            f"{rps:g}": {"all": list(judge_peers.NAMES), "compared": judge_figures.fair_peers(cells, rps)}
            for rps in RATES
        },
        "worst": judge_figures.worst(cells),
        "slower": judge_figures.slower(cells),
        "cells": judge_figures.report(cells),
    }
    JUDGE_FILE.write_text(json.dumps(whole, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())
