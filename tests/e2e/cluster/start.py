"""Brings the programs of a cluster up, as parallel as their needs allow; `Cluster` calls it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from e2e.cluster.cgroups import create_cgroups, end_members
from e2e.cluster.cleanup import note_places
from e2e.cluster.config import write_config
from e2e.cluster.layout import NODE, Layout
from e2e.cluster.namespace import create_namespace
from e2e.cluster.objects import create_argocd_objects, create_rollouts_objects
from e2e.cluster.pki import make_credentials
from e2e.cluster.prepare import definitions_folder, pause_tar
from e2e.cluster.programs import Program, programs
from e2e.cluster.steps import Step, run_steps
from e2e.cluster.waiting import wait_until
from turnout.errors import EnvironmentProblem

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from e2e.cluster.processes import Processes

_READY_S = 120.0  # a busy machine of two processors has taken 40


@dataclass(frozen=True)
class Node:
    """What a start asks of the cluster once it answers."""

    kubectl: Callable[..., str]
    load_image: Callable[[Path], None]


class Starter:
    """Starts all programs of the cluster, and waits for one that was started again."""

    def __init__(self, layout: Layout, processes: Processes, node: Node, log: Callable[[str], None]) -> None:
        self._layout = layout
        self._processes = processes
        self._node = node
        self._log = log

    def bring_up(self) -> None:
        """Make the folders, the namespace and the cgroups, then start everything.

        Raises:
            EnvironmentProblem: a program isn't ready in time, or ended; nothing has been taken away yet.
        """
        note_places(self._layout.run)
        for name in ("home", "log", "targets", "argocd/tls", "argocd/ssh", "argocd/gpg", "argocd/tmp"):
            (self._layout.run / name).mkdir(parents=True)
        (self._layout.run / "argocd" / "ssh" / "ssh_known_hosts").touch()
        create_namespace()
        create_cgroups()
        make_credentials(self._layout)
        write_config(self._layout)
        steps = [self._step(program) for program in programs(self._layout)]
        run_steps([*steps, *map(self._timed, self._other_steps())], give_up=self._give_up)

    def wait_for(self, name: str) -> None:
        """Return when the program is ready; at once for a program that isn't the cluster's own.

        Raises:
            EnvironmentProblem: it ended instead.
            Unavailable: it isn't ready in time.
        """
        for program in programs(self._layout):
            if program.name == name:
                self._wait(program)

    def _give_up(self) -> None:
        """End what runs too: a kubectl that waits for something ends with the API server, not with its time limit."""
        self._processes.close()
        end_members()

    def _closed(self) -> bool:
        return self._processes.closed

    def _step(self, program: Program) -> Step:
        def run() -> None:
            self._processes.start(program.name, program.argv, program.env)
            self._wait(program)

        return self._timed(Step(program.name, program.needs, run))

    def _other_steps(self) -> list[Step]:
        kubectl, limit = self._node.kubectl, f"--timeout={_READY_S:.0f}s"
        rollouts, argocd = (definitions_folder(self._layout, name) for name in ("rollouts", "argocd"))
        node, account, api = f"node/{NODE}", "serviceaccount/default", ("kube-apiserver",)
        return [
            Step("pause-image", ("containerd",), lambda: self._node.load_image(pause_tar(self._layout))),
            Step("node-object", ("kubelet",), lambda: kubectl("wait", node, "--for=create", limit)),
            Step("node", ("node-object",), lambda: kubectl("wait", node, "--for=condition=Ready", limit)),
            Step("account", ("kube-controller-manager",), lambda: kubectl("wait", account, "--for=create", limit)),
            Step("rollouts-objects", api, lambda: create_rollouts_objects(kubectl, rollouts, self._closed)),
            Step("argocd-objects", api, lambda: create_argocd_objects(kubectl, argocd, self._closed)),
        ]

    def _timed(self, step: Step) -> Step:
        def run() -> None:
            began = time.monotonic()
            step.run()
            self._log(f"{step.name} is ready after {time.monotonic() - began:.1f} s")

        return Step(step.name, step.needs, run)

    def _wait(self, program: Program) -> None:
        """Also ends when the program did: waiting for its answer would be in vain."""
        ready = program.ready
        if ready is None:
            return

        def ready_or_ended() -> bool:
            if self._processes.pid(program.name) is None:
                tail = self._processes.log_of(program.name).read_text(errors="replace")[-1500:]
                raise EnvironmentProblem(f"it ended at its start:\n{tail}", where=program.name)
            return ready()

        wait_until(program.name, ready_or_ended, timeout=_READY_S, given_up=self._closed)
