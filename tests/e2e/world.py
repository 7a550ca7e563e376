"""The fixed parts of the stories, made once: cluster, Elasticsearch with its gatekeeper, Git, Argo CD, the load.

`World` is what a story gets: it commits, breaks things, and waits for what must follow. Everything that is started
hangs on one stack, so that it is gone at the end whatever happened.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec

from demo import edits
from e2e import documents, images
from e2e.accounting import EVERYTHING, Window
from e2e.argo import Argo
from e2e.cluster import Cluster
from e2e.elastic import PORT, elasticsearch
from e2e.events import Event, EventLog, Kind
from e2e.gatekeeper import Gatekeeper, Keys
from e2e.images.models import prepared
from e2e.kube import Kube
from e2e.load import LoadSettings
from e2e.namespace import inside
from e2e.overlay import SERVICE_ADDRESS, Addresses
from e2e.repository import OWNER_NAME, Commit, Repository
from e2e.rolling import Mounted
from e2e.witness import Witness
from support.github_server import GitHubServer
from support.notifications import inbox
from support.workspace import COLLECTION, Workspace
from turnout.elastic.client import connect
from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.writer import Writer
from turnout.embedding import prepare
from turnout.errors import EnvironmentProblem
from turnout.ingest import Documents
from turnout.release.artifacts import Model

GITHUB_PORT = 9300
TIMEOUT_MS = 5000
"""Of a search. The searches share two cores with a whole cluster and with backfills, so a second is too little."""
CANARY = {
    "alpha": 0.02,
    # Where two cores start pods now and then, nobody minds a second; the slow image takes two.
    "unnoticed_ms": 1000,
    # A canary of these stories gets three searches a second. Nobody would say of a hundred searches that one of them in
    # a hundred fails, but one in ten can be told.
    "errors": {"alpha_share": 0.4, "tolerance": 1.0, "margin": 3.0, "floor": 0.1},
    "latency": {"alpha_share": 0.4, "tolerance": 1.0, "margin": 3.0, "floor": 0.1},
    "degraded": {"alpha_share": 0.1, "tolerance": 1.0, "margin": 3.0, "floor": 0.1},
    "empty": {"alpha_share": 0.1, "tolerance": 1.0, "margin": 3.0, "floor": 0.1},
}
SLO = {"availability": 0.995, "latency": {"within_ms": 5000, "share": 0.99}}
"""As promised by default, but for the two cores."""
Edit = Callable[[Workspace], None]


class World:
    """Everything that stories share. A context manager.

    `good` is the commit that was promoted last, `restored` the last one that only went back after a failure. `faulty`
    and `down` are the windows of `faults` and `outage`.
    """

    def __init__(self, source: Path, build: Path, log: Callable[[str], None]) -> None:
        self.source, self.build, self.log = source, build, log
        self.folder = build / "e2e"
        self.names = Names(collection=COLLECTION)
        self.keys = Keys()
        self.faulty: list[Window] = []
        self.down: list[Window] = []
        self.good: Commit | None = None
        self.restored = ""
        self._stack = ExitStack()

    def __enter__(self) -> World:
        try:
            self._set_up()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _set_up(self) -> None:
        os.environ["HF_HUB_OFFLINE"] = "1"
        with self._timed("models"):
            static, _ = prepared(self.build / "models")
            self.static: Model = prepare.model_of(static)
        with self._timed("images"):
            tars = images.build(self.build, self.log)
        self.cluster = self._stack.enter_context(Cluster(self.build, self.log))
        self._stack.enter_context(inside(self.cluster.enter))
        self.kube = Kube(self.cluster.kubeconfig)
        self.mounted = Mounted(self.kube)
        for name in ("turnout-models", "turnout"):
            with self._timed(f"import of {name}"):
                self.cluster.load_image(tars[name])
        with self._timed("elasticsearch"):
            self._start_elasticsearch()
        with self._timed("repository"):
            self._make_repository()

    def _start_elasticsearch(self) -> None:
        self.elastic = self._stack.enter_context(elasticsearch(self.build))
        folder = self.cluster.layout.run / "gatekeeper"
        self.gatekeeper = Gatekeeper(folder, self.keys, self.cluster.host, PORT)
        libraries = {"LD_LIBRARY_PATH": self.cluster.layout.library_path}
        self.cluster.start("nginx", self.gatekeeper.command(self.cluster.layout.debian("nginx")), libraries)
        url = self.gatekeeper.url
        reading = self._stack.enter_context(connect(url, api_key=self.keys.read))
        writing = self._stack.enter_context(connect(url, api_key=self.keys.write))
        self.reader, self.writer = Reader(reading), Writer(writing)
        self.witness = Witness(self.reader, self.names)

    def _make_repository(self) -> None:
        env = {"TURNOUT_MODELS": str(self.build / "models"), "TURNOUT_BUILD": str(self.build)}
        self.repository = Repository(self.source, self.folder / "git", env, clock=time.monotonic)
        evaluation = self.repository.workspace.pipelines / "evaluation"
        wanted = documents.keep_queries(evaluation)
        self.queries = documents.texts(evaluation)
        edits.release_a(self.repository.workspace, self.static)
        self.repository.workspace.edit("pipeline.yaml", {"retrieval.timeout_ms": TIMEOUT_MS})
        self.repository.workspace.edit("gates.yaml", {"canary": CANARY, "slo": SLO})
        self.repository.lock()
        self.github = GitHubServer(self.repository.bare, OWNER_NAME)
        self.github.start(self.cluster.host, GITHUB_PORT)
        self._stack.callback(self.github.stop)
        addresses = Addresses(
            elasticsearch=self.gatekeeper.url,
            prometheus=self.cluster.prometheus,
            git_api=self.github.url,
            git_repository=OWNER_NAME,
        )
        self.first = self.repository.begin(addresses)
        chat, self.chat = self._stack.enter_context(inbox())
        secrets = {
            "turnout-elasticsearch-read": {"api-key": self.keys.read},
            "turnout-elasticsearch-write": {"api-key": self.keys.write},
            "turnout-git": {"token": self.github.token},
            "argo-rollouts-notification-secret": {"chat-url": chat},
        }
        self.argo = Argo(self.cluster, self.kube, self.repository, secrets)
        self._wait_for_gatekeeper()
        count = documents.ingest(Documents(self.reader, self.writer, self.names), wanted)
        self.log(f"{count} documents")

    def _wait_for_gatekeeper(self) -> None:
        end = time.monotonic() + 20
        while time.monotonic() < end:
            try:
                # With a key: a call that is refused would be counted.
                headers = {"Authorization": f"ApiKey {self.keys.read}"}
                if httpx.get(self.gatekeeper.url, headers=headers, trust_env=False).status_code == 200:
                    return
            except httpx.HTTPError:
                time.sleep(0.1)
        raise EnvironmentProblem("nginx doesn't answer", where=str(self.cluster.log_of("nginx")))

    @property
    def service(self) -> str:
        """The address of the Service that users ask."""
        return f"http://{SERVICE_ADDRESS}"

    def start_load(self) -> None:
        """Start the load and the witness; both go on until the end."""
        settings = LoadSettings(
            service=self.service,
            elasticsearch=self.gatekeeper.url,
            read_key=self.keys.read,
            write_key=self.keys.write,
            collection=COLLECTION,
            prefix=self.names.prefix,
            queries=self.queries,
        )
        run = self.cluster.layout.run / "load"
        run.mkdir()
        file = run / "settings.json"
        file.touch(mode=0o600)
        file.write_bytes(msgspec.json.encode(settings))
        path = self.folder / "events.jsonl"
        path.unlink(missing_ok=True)
        self.events = EventLog(path)
        self._stack.callback(self.events.close)
        env = {"PYTHONPATH": f"{self.source / 'tests'}", "HF_HUB_OFFLINE": "1"}
        self.cluster.start("load", [sys.executable, "-m", "e2e.load", str(file), str(path)], env)
        self.witness.start()
        self._stack.callback(self.witness.stop)

    def stop_load(self) -> None:
        """End the load; the requests under way are finished."""
        self.cluster.stop("load")

    def seen(self, since: float) -> list[Event]:
        """What the load saw since a moment."""
        return self.events.since(since)

    def commit(self, message: str, edit: Edit) -> Commit:
        """Edit the artifacts, lock, commit, push, and tell Argo CD."""
        edit(self.repository.workspace)
        self.repository.lock()
        return self.synced(self.repository.push(message))

    def synced(self, commit: Commit) -> Commit:
        """Tell Argo CD of a commit, as a webhook would."""
        self.argo.refresh()
        return commit

    @contextmanager
    def faults(self) -> Iterator[None]:
        """While it lasts, errors that say that they are injected count apart."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.faulty.append(Window(began, time.monotonic()))

    @contextmanager
    def outage(self, kinds: frozenset[Kind] = EVERYTHING) -> Iterator[None]:
        """While it lasts, requests of these kinds that fail count apart. It ends when the block does."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.down.append(Window(began, time.monotonic(), kinds))

    def answers(self) -> bool:
        """Whether a search through the Service is answered well at this moment."""
        try:
            body = {"query": self.queries[0]}
            return httpx.post(f"{self.service}/search", json=body, timeout=5.0, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    def prometheus(self, query: str) -> list[dict[str, Any]]:
        """The vector that a query gives now."""
        url = f"{self.cluster.prometheus}/api/v1/query"
        answer = httpx.get(url, params={"query": query}, timeout=10.0, trust_env=False).raise_for_status()
        found: list[dict[str, Any]] = answer.json()["data"]["result"]
        return found

    def status(self) -> str:
        """What `turnout status` prints for the collection."""
        env = {"TURNOUT_ELASTICSEARCH_URL": self.gatekeeper.url, "TURNOUT_ELASTICSEARCH_READ_API_KEY": self.keys.read}
        workspace = self.repository.workspace
        done = subprocess.run(
            workspace.command("status", COLLECTION),
            cwd=workspace.root,
            env={**workspace.env, **env},
            check=False,
            capture_output=True,
            text=True,
        )
        return done.stdout + done.stderr

    @contextmanager
    def _timed(self, what: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.log(f"{what}: {time.monotonic() - began:.1f} s")
