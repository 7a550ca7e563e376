"""One exercise: a world with the project's rules and routes, its faults, and the figures. Called by `__main__`."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import yaml

from e2e import expect
from e2e.cluster.config import SCRAPE_SECONDS
from e2e.stories.promoting import bootstrap
from e2e.world import World
from exercise import figures, monitoring, summary
from exercise.faults import FAULTS, Fault
from exercise.faults.fault import Scene
from exercise.faults.releases import passages
from exercise.runbook import preamble, read
from exercise.schedule import Schedule
from exercise.shell import Shell
from exercise.watching import Watch, sink
from support import alerts
from support.workspace import COLLECTION

_NO_ROUTES: Mapping[str, Any] = {
    "route": {"receiver": "all", "group_by": ["alertname"], "group_wait": "1s"},
    "receivers": [{"name": "all"}],
}


class Run:
    """Plays faults on a world and tells what they came to."""

    def __init__(self, world: World, folder: Path, *, alertmanager: Sequence[str], log: Callable[[str], None]) -> None:
        self._world, self._folder, self._alertmanager, self._log = world, folder, alertmanager, log
        self._entries = read()
        self._rules = monitoring.rules(alerts.specs().values(), default_s=SCRAPE_SECONDS)
        self._problems: list[tuple[str, str]] = []

    def play(self, faults: Sequence[Fault]) -> dict[str, Any]:
        """All of it; what it came to."""
        began = time.monotonic()
        shutil.rmtree(self._folder, ignore_errors=True)
        with ExitStack() as stack:
            watch = stack.enter_context(Watch(self._world.cluster.prometheus))
            address = stack.enter_context(sink(watch.take))
            self._begin(address)
            shell = self._shell()
            schedule = Schedule(
                lambda change: Scene(self._world, change),
                shell,
                watch,
                rules=self._rules,
                entries=self._entries,
                log=self._log,
            )
            broken_at = time.monotonic()
            played = schedule.play(faults)
            for each in (fired for one in played for fired in one.fired):
                at = watch.first(each.alert, since=broken_at, fires=True, where="sink")
                shown = watch.first(each.alert, since=broken_at, fires=True)
                if at is not None and shown is not None and each.seconds is not None:
                    each.delivered = round(each.seconds + at - shown, 1)
            self._problems += [(one.fault.name, problem) for one in played for problem in one.problems]
            told: dict[str, Any] = {"alerts": summary.alerts_figures(self._rules, played)}
            expected = {alert for fault in FAULTS for alert in fault.alerts}
            others = {each.alert for each in watch.changes if each.fires} - expected
            told["alerts"]["others_that_fired"] = sorted(others)
            told["commands"] = summary.commands_figures(self._entries, shell.ran)
            told |= self._panels()
        told["problems"] = self._problems
        told["seconds"] = round(time.monotonic() - began, 1)
        return told

    def _begin(self, address: str) -> None:
        """Rules, routes, a release under load, and another one before it."""
        monitoring.install(self._world.cluster)
        monitoring.start_alertmanager(
            self._world.cluster, self._alertmanager, monitoring.routed(self._routes(), address)
        )
        self._log(f"bootstrap: {bootstrap(self._world)}")
        world = self._world
        another = world.commit("Cut shorter passages", passages(world, 150))
        self._log(f"another view: promoted after {expect.promoted(world, another, seconds=300)} s")
        expect.settled(world)

    def _routes(self) -> Mapping[str, Any]:
        found = sorted((self._world.source / "manifests").rglob("alertmanager*.yaml"))
        for path in found:
            content = yaml.safe_load(path.read_text())
            if isinstance(content, dict) and "route" in content:
                return content
        self._problems.append(("routes", "manifests/ has no routing of Alertmanager"))
        return _NO_ROUTES

    def _shell(self) -> Shell:
        world = self._world
        workspace, layout = world.repository.workspace, world.cluster.layout
        variables = {
            **workspace.env,
            "PATH": f"{Path(sys.executable).parent}:{layout.search_path}",
            "HOME": str(layout.run / "home"),
            "TMPDIR": str(layout.run / "home"),
            "KUBECONFIG": str(world.cluster.kubeconfig),
            "CONTEXT": "e2e",
            "ENVIRONMENT": world.reader.environment(world.names),
            "NAMESPACE": "turnout",
            "COLLECTION": COLLECTION,
            "PROMETHEUS": world.cluster.prometheus,
            "TURNOUT_ELASTICSEARCH_URL": world.gatekeeper.url,
            "LEDGER": str(self._folder / "ledger"),
        }
        return Shell(preamble(self._entries), variables, workspace.root, self._folder / "commands.log")

    def _panels(self) -> dict[str, Any]:
        try:
            return dict(figures.panels(self._world, self._folder))
        except Exception as error:  # whatever it is, the rest is told
            self._problems.append(("panels", f"{type(error).__name__}: {error}"[:1500]))
            return {}
