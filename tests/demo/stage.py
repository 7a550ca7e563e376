"""Where the story plays: a server, models, a workspace, and everything that must be stopped at the end."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from demo.processes import Process, Service
from support.workspace import COLLECTION, Workspace
from turnout.elastic.client import connect
from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.writer import Writer
from turnout.ingest import Documents

PREFIX = "demo-"


class Stage:
    """The fixed parts of the demo. Made once; `close` stops every process that was started through it."""

    def __init__(self, source: Path, build: Path, url: str) -> None:
        self.source = source
        self.folder = build / "demo"
        self.models = build / "models"
        self.console = Console()
        self.names = Names(collection=COLLECTION, prefix=PREFIX)
        self._stack = ExitStack()
        self.client = self._stack.enter_context(connect(url))
        self.reader, self.writer = Reader(self.client), Writer(self.client)
        env = {
            "TURNOUT_ELASTICSEARCH_URL": url,
            "TURNOUT_INDEX_PREFIX": PREFIX,
            "TURNOUT_MODELS": str(self.models),
            "TURNOUT_BUILD": str(build),
            "HF_HUB_OFFLINE": "1",
        }
        self.workspace = Workspace.create(source, self.folder / "workspace", env)
        self._logs = self.folder / "logs"

    @property
    def documents(self) -> Documents:
        """The write API on the demo's documents."""
        return Documents(self.reader, self.writer, self.names)

    def clear(self) -> None:
        """Delete what an earlier demo left on the server."""
        old = list(self.client.indices.get(index=f"{PREFIX}*", expand_wildcards="all"))
        if old:
            self.client.indices.delete(index=old)

    def serve(self, name: str, *, models: Path | None = None, pods: str = "", fault: str = "") -> Service:
        """Start a service of the release in the workspace.

        Args:
            pods: the pod template hash that its metrics carry, by which a canary and stable are told apart.
            fault: what `demo.faulty` does to it.
        """
        release = self.folder / f"release-{name}.json"
        release.write_bytes((self.workspace.pipelines / "release.json").read_bytes())
        env = {"TURNOUT_MODELS": str(models)} if models else {}
        if pods:
            env["POD_TEMPLATE_HASH"] = pods
        service = Service(self.workspace, self._logs / f"service-{name}.log", release, env=env, fault=fault)
        self._stack.callback(service.stop)
        return service

    def follow(self, name: str, view: str) -> Process:
        """Start a follower that keeps a view up to date."""
        log = self._logs / f"follower-{name}.log"
        process = Process(
            self.workspace, log, "follow", COLLECTION, "--view", view, "--processes", "1", "--interval", "1"
        )
        self._stack.callback(process.stop)
        return process

    def later(self, stop: object) -> None:
        """Call `stop` at the end."""
        self._stack.callback(stop)  # type: ignore[arg-type]

    def close(self) -> None:
        """Stop everything, newest first."""
        self._stack.close()


def offline() -> None:
    """No library may ask a model hub."""
    os.environ["HF_HUB_OFFLINE"] = "1"
