"""The figures that need no fault: metrics, panels, tests and runbook of the alerts, the restore, findings in manifests.

Called by `run`. Each is asked of whoever measures it; one that can't be had is told as a problem, never as a zero.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from e2e.world import World
from exercise import runbook
from support import alerts, exported, lint_manifests
from support.workspace import COLLECTION

Figures = Mapping[str, Mapping[str, Any]]
_BAD = ("empty", "broken")


def metrics(_: World, __: Path) -> Figures:
    """Metrics that nobody shows, asks for or excuses; and names that nobody exports."""
    return {"metrics": _listed("unaccounted", exported.unaccounted()) | _listed("unknown", exported.unknown())}


def of_alerts(_: World, __: Path) -> Figures:
    """Alerts without a promtool test of each case, or without an entry that their link leads to."""
    tested, told = alerts.without_tests(), alerts.without_runbook(runbook.FILE)
    return {"alerts": _listed("without_tests", tested) | _listed("without_runbook", told)}


def panels(world: World, folder: Path) -> Figures:
    """Panels of the dashboards that show nothing of this exercise although they should. Their pictures are kept."""
    command = ["dashboards", "--collection", COLLECTION, "--prometheus", world.cluster.prometheus]
    command += ["--draw", str(folder / "dashboards"), "--format", "json"]
    workspace = world.repository.workspace
    done = subprocess.run(workspace.command(*command), env=workspace.env, check=False, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        raise RuntimeError(done.stderr[-1000:])
    found = [(board["name"], panel) for board in json.loads(done.stdout)["dashboards"] for panel in board["panels"]]
    counts = {word: sum(panel["found"] == word for _, panel in found) for word in ("data", "quiet", *_BAD)}
    bad = [f"{board}: {panel['title']}: {panel['reason']}" for board, panel in found if panel["found"] in _BAD]
    return {"panels": {"all": len(found), **counts, **_listed("empty", bad)}}


def manifests(_: World, __: Path) -> Figures:
    """What kube-score finds and nobody waived."""
    return {"manifests": _listed("findings", lint_manifests.findings())}


MEASURES: Mapping[str, Callable[[World, Path], Figures]] = {
    "metrics": metrics,
    "alerts": of_alerts,
    "panels": panels,
    "manifests": manifests,
}
"""What is measured; each gets the world and the exercise's folder."""


def _listed(name: str, found: list[str]) -> dict[str, Any]:
    """A count, and what was counted where there is something."""
    return {name: len(found)} | ({f"{name}_list": found} if found else {})
