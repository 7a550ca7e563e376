"""How long `turnout check` takes on two real changes, as a program, start-up and report included.

The demo's change (static 256-dim model to all-MiniLM-L6-v2) and a change of class `query`. Each runs once so that
server, models and the base's view are warm, then counts. Part of `make bench`; by itself:
`PYTHONPATH=tests python tests/bench/gate_check.py`.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from statistics import median
from typing import Any

from bench.gate_file import keep
from demo import edits
from support.workspace import COLLECTION, Workspace
from turnout.cli.settings import from_environment
from turnout.elastic import node
from turnout.embedding import prepare

ROOT = Path(__file__).resolve().parents[2]
RUNS = 2
LIMITS_S = {"demo_change": 240.0, "query_change": 60.0}


def measure() -> dict[str, Any]:
    """Seconds of each change: the first run, which builds what is kept, and the later ones."""
    settings = from_environment()
    url = node.ensure(settings.build, env=os.environ, port=0).url
    static = prepare.model_of(
        prepare.distil_static(
            prepare.prepare(prepare.minilm_source(), settings.models), settings.models, dims=edits.STATIC_DIMS
        )
    )
    env = {
        "TURNOUT_ELASTICSEARCH_URL": url,
        "TURNOUT_MODELS": str(settings.models),
        "TURNOUT_INDEX_PREFIX": "bench-check-",
    }
    workspace = Workspace.create(ROOT, settings.build / "bench" / "check", env)
    edits.release_a(workspace, static)
    _commit(workspace, "Static model")
    edits.release_b(workspace, ROOT)
    workspace.answer("lock", COLLECTION)
    demo = _times(workspace)
    _commit(workspace, "MiniLM")
    workspace.edit("pipeline.yaml", {"retrieval.rank_constant": 50})
    workspace.answer("lock", COLLECTION)
    return {"demo_change": demo, "query_change": _times(workspace), "limits_s": LIMITS_S}


def _commit(workspace: Workspace, message: str) -> None:
    workspace.answer("lock", COLLECTION)
    workspace.commit(message)


def _times(workspace: Workspace) -> dict[str, Any]:
    runs = [_run(workspace) for _ in range(1 + RUNS)]
    seconds = [run["seconds"] for run in runs]
    return {
        "first_s": seconds[0],
        "warm_s": median(seconds[1:]),
        "warm_runs_s": seconds[1:],
        "verdicts": [run["verdict"] for run in runs],
        "phases_s": runs[-1]["phases"],
    }


def _run(workspace: Workspace) -> dict[str, Any]:
    began = time.perf_counter()
    done = subprocess.run(
        workspace.command("check", COLLECTION, "--base", "HEAD", "--format", "json"),
        cwd=workspace.root,
        env=dict(workspace.env),
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = round(time.perf_counter() - began, 1)
    report = json.loads(done.stdout)
    rehearsal = report["collections"][0]["rehearsal"] or {"seconds": {}}
    return {"seconds": seconds, "verdict": report["verdict"], "phases": rehearsal["seconds"]}


def main() -> int:
    """Measure, keep, print."""
    found = measure()
    keep("check", found)
    print(json.dumps(found, indent=2))
    return 0 if held(found) else 1


def held(found: dict[str, Any]) -> bool:
    """Whether the limits hold and both changes pass."""
    return all(
        found[name]["warm_s"] <= limit and set(found[name]["verdicts"]) == {"pass"} for name, limit in LIMITS_S.items()
    )


if __name__ == "__main__":
    raise SystemExit(main())
