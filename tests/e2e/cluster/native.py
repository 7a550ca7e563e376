"""A Kubernetes cluster of one node as plain processes: no Docker, no registry, nothing installed.

The stories use `Cluster`; ``python -m e2e.cluster`` offers it to people.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

from e2e.cluster.claim import Claim
from e2e.cluster.cleanup import clean_up
from e2e.cluster.dump import write_dump
from e2e.cluster.interrupts import ending_signals_raise, uninterrupted
from e2e.cluster.layout import HOST, PORTS, Layout
from e2e.cluster.namespace import ENTER
from e2e.cluster.prepare import prepare
from e2e.cluster.processes import Processes
from e2e.cluster.start import Node, Starter
from turnout.errors import EnvironmentProblem, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import TracebackType


class Cluster:
    """The machine's end-to-end cluster: ``with Cluster(build, log) as cluster`` starts it and takes it away again.

    Args:
        build: the project's build folder; everything lies in its `e2e`.
        log: gets a line for each step.

    Attributes:
        kubeconfig: of an administrator; works inside the namespace only.
        enter: prefix of a command that is to run inside the namespace.
        host: the address at which pods reach programs inside the namespace.
        prometheus: its address, from inside the namespace and for pods.
    """

    def __init__(self, build: Path, log: Callable[[str], None]) -> None:
        self.layout = Layout(build.resolve())
        self.kubeconfig = self.layout.kubeconfig
        self.enter: tuple[str, ...] = ENTER
        self.host = HOST
        self.prometheus = f"http://{HOST}:{PORTS['prometheus']}"
        self._log = log
        self._claim = Claim()
        self._attached = False
        self._signals = contextlib.ExitStack()
        self._processes = Processes(self.layout.run, self.layout.search_path)
        self._starter = Starter(self.layout, self._processes, Node(self.kubectl, self.load_image), log)

    @classmethod
    def attach(cls, build: Path, log: Callable[[str], None]) -> Cluster:
        """The cluster that ``python -m e2e.cluster up`` left running; leaving its `with` block leaves it running.

        Raises:
            Refused: there is none.
        """
        cluster = cls(build, log)
        if not cluster._claim.kept or cluster._claim.run_folder() != cluster.layout.run:
            raise Refused("no cluster was left running", remedy="Run `python -m e2e.cluster up`.")
        cluster._attached = True
        return cluster

    def __enter__(self) -> Cluster:
        if not self._attached:
            self._signals.enter_context(ending_signals_raise())
            try:
                self.up()
            except BaseException:
                self._signals.close()
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._attached:
            try:
                self.down()
            finally:
                self._signals.close()

    def up(self) -> None:
        """Prepare, take away what a killed run left, and start everything. Whatever fails, nothing is left.

        Raises:
            EnvironmentProblem: this machine can't run it, or a program isn't ready in time.
            Refused: another process has the machine's cluster, or one was left running on purpose.
        """
        self._claim.take()
        try:
            if self._claim.kept:
                raise Refused("a cluster was left running", remedy="Run `python -m e2e.cluster down` first.")
            prepare(self.layout, self._log)
            if self._claim.run_folder():
                self._log("taking away the cluster of a run that was killed")
            self._clean_up()
            began = time.monotonic()
            self._claim.note(self.layout.run, kept=False)
            self._starter.bring_up()
            self._log(f"cluster is up after {time.monotonic() - began:.1f} s")
        except BaseException as problem:
            if not isinstance(problem, Refused):
                self._save_logs()
                self.down()
            self._claim.release()
            raise

    def down(self) -> None:
        """Take everything away, also a cluster that was left running; it can't be interrupted half-way.

        Raises:
            Refused: another process has the machine's cluster.
        """
        with uninterrupted(self._log):
            self._processes.close()
            self._claim.take()
            began = time.monotonic()
            self._clean_up()
            self._claim.release()
            self._log(f"cluster is down after {time.monotonic() - began:.1f} s")

    def keep(self) -> None:
        """Leave the cluster running when this process ends."""
        self._claim.note(self.layout.run, kept=True)
        self._claim.release()

    def kubectl(self, *args: str, stdin: str | None = None, check: bool = True) -> str:
        """What kubectl prints.

        Raises:
            EnvironmentProblem: it failed and `check` is set; otherwise errors are part of what is returned.
        """
        done = self._kubectl(*args, stdin=stdin)
        if done.returncode and check:
            raise EnvironmentProblem(done.stderr.strip()[-2000:], where=f"kubectl {' '.join(args)[:200]}")
        return done.stdout + ("" if check else done.stderr)

    def load_image(self, tar: Path) -> None:
        """Give the node the images of an OCI tar; pods name them with ``imagePullPolicy: Never`` or IfNotPresent."""
        command = [*self.enter, self.layout.debian("ctr"), "--address", str(self.layout.containerd_socket)]
        command += ["--namespace", "k8s.io", "images", "import", "--snapshotter", "overlayfs", str(tar.resolve())]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise EnvironmentProblem(done.stderr.strip()[-2000:], where=str(tar))

    def start(self, name: str, argv: Sequence[str], env: dict[str, str] | None = None) -> None:
        """Start a program inside the namespace; see `Processes.start`."""
        self._processes.start(name, argv, env)

    def kill(self, name: str) -> None:
        """Kill -9 a program."""
        self._processes.kill(name)

    def stop(self, name: str) -> None:
        """Let a program end."""
        self._processes.stop(name)

    def restart(self, name: str) -> None:
        """Start a program as it was started before; one of the cluster's own is waited for."""
        self._processes.restart(name)
        self._starter.wait_for(name)

    def log_of(self, name: str) -> Path:
        return self._processes.log_of(name)

    def running(self) -> dict[str, int | None]:
        """The process ids of all programs that were started, None for those that don't run."""
        return {name: self._processes.pid(name) for name in self._processes.names()}

    def dump(self, folder: Path) -> None:
        """Write down everything that explains a failure; works as far as the cluster still does."""

        def kubectl(*args: str) -> str:
            done = self._kubectl("--request-timeout=10s", *args) if args[0] != "argo" else self._kubectl(*args)
            return done.stdout or done.stderr

        write_dump(folder, kubectl, sorted(self.layout.log.glob("*.log")), self.layout.run / "pod-log")

    def _kubectl(self, *args: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": self.layout.search_path, "KUBECONFIG": str(self.kubeconfig), "LANG": "C.UTF-8"}
        environment["HOME"] = str(self.layout.run / "home")
        command = [*self.enter, str(self.layout.bin / "kubectl"), *args]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, env=environment)

    def _clean_up(self) -> None:
        if run := self._claim.run_folder():
            clean_up(run)
        clean_up(self.layout.run)
        self._claim.forget()

    def _save_logs(self) -> None:
        """The clean-up removes the logs; after a start that failed they are what one wants to read."""
        target = self.layout.home / "failed-start"
        shutil.rmtree(target, ignore_errors=True)
        if self.layout.log.exists():
            shutil.copytree(self.layout.log, target)
            self._log(f"the logs of the failed start are in {target}")
