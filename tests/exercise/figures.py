"""The figures that need no fault: metrics, panels, tests and runbook of the alerts, the restore, findings in manifests.

`panels` is called by `run` while there is a Prometheus; `others` by `__main__` when the cluster is gone, for a restore
needs a server of its own. Each is asked of whoever measures it; one that can't be had is a problem, never a zero.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from disaster.drill import drill
from e2e.world import World
from exercise import runbook
from support import alerts, exported, lint_manifests
from support.workspace import COLLECTION

Figures = Mapping[str, Mapping[str, Any]]
_BAD = ("empty", "broken")


def metrics() -> Figures:
    """Metrics that nobody shows, asks for or excuses; and names that nobody exports."""
    return {"metrics": _listed("unaccounted", exported.unaccounted()) | _listed("unknown", exported.unknown())}


def of_alerts() -> Figures:
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


def manifests() -> Figures:
    """What kube-score finds and nobody waived."""
    return {"manifests": _listed("findings", lint_manifests.findings())}


def restore(build: Path, log: Callable[[str], None]) -> Figures:
    """What a restore of the documents loses, and which deletes it undoes."""
    with tempfile.TemporaryDirectory() as folder:
        return {"restore": drill(build, Path(folder), tell=log)}


def others(
    build: Path, log: Callable[[str], None], *, whole: bool
) -> tuple[dict[str, dict[str, Any]], list[tuple[str, str]]]:
    """The figures by their groups, and what couldn't be had.

    Args:
        whole: the restore, too, which takes minutes.
    """
    measures: dict[str, Callable[[], Figures]] = {"metrics": metrics, "alerts": of_alerts, "manifests": manifests}
    if whole:
        measures["restore"] = lambda: restore(build, log)
    told: dict[str, dict[str, Any]] = {}
    problems = []
    for name, measure in measures.items():
        try:
            told |= {group: dict(values) for group, values in measure().items()}
        except Exception as error:  # whatever it is, the others are measured and everything is told
            problems.append((name, f"{type(error).__name__}: {error}"[:1500]))
    return told, problems


def _listed(name: str, found: list[str]) -> dict[str, Any]:
    """A count, and what was counted where there is something."""
    return {name: len(found)} | ({f"{name}_list": found} if found else {})
