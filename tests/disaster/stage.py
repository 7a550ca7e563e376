"""A server of one's own, a collection with two views, a ledger, a snapshot repository, and a memory of all that was
written. For the drill."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from disaster.truth import Truth
from support.following import World, make_world
from turnout.elastic.client import connect
from turnout.elastic.names import Names
from turnout.elastic.node import OwnNode
from turnout.elastic.views import View
from turnout.follow.reuse import text_hash
from turnout.ingest import SourceDocument
from turnout.ingest.connectors.registry import make
from turnout.ledger import read

REPOSITORY = "backup"
SNAPSHOT = "nightly"
ROOT = Path(__file__).parents[2]
NAMES = Names("toys", prefix="disaster-")


class Stage:
    """Everything that the drill acts on."""

    def __init__(self, node: OwnNode, folder: Path) -> None:
        self._node = node
        self._folder = folder
        self.ledger = folder / "toys.ledger"
        self.client = connect(node.url)
        self.world: World = make_world(node.url, NAMES, folder / "models", shards=4)
        self.truth = Truth()
        self.views: tuple[View, ...] = ()
        self._keeper: subprocess.Popen[bytes] | None = None
        self.register()

    def register(self) -> None:
        """Tell the server where its snapshots lie."""
        settings = {"type": "fs", "settings": {"location": self._node.snapshots}}
        self.client.snapshot.create_repository(name=REPOSITORY, repository=settings)

    def sources(self, count: int) -> list[SourceDocument]:
        """Python's own documentation."""
        connector = make("python-docs", {}, root=ROOT, max_document_bytes=1_000_000)
        found = (each for each in connector.read() if isinstance(each, SourceDocument))
        return [each for _, each in zip(range(count), found, strict=False)]

    def write(self, documents: Iterable[SourceDocument]) -> None:
        """Write documents, and remember it."""
        given = list(documents)
        self.world.documents.upsert_many(given)
        self.truth.write({f"default:{each.source_id}": each.text for each in given})

    def delete(self, documents: Iterable[SourceDocument]) -> None:
        """Delete documents, and remember it."""
        given = [each.source_id for each in documents]
        self.world.documents.delete_many(given)
        self.truth.delete({f"default:{each}" for each in given})

    def snapshot(self) -> None:
        """Let Elasticsearch take a snapshot of the documents."""
        self.client.snapshot.create(
            repository=REPOSITORY, snapshot=SNAPSHOT, indices=NAMES.documents, wait_for_completion=True
        )
        self.truth.snapshot()

    def build_views(self) -> None:
        """Two views, filled."""
        self.views = (self.world.view(), self.world.view())
        self.converge()

    def converge(self) -> int:
        """Bring both views up to date; how many passages were embedded."""
        embedded = 0
        for view in self.views:
            pages = [0]
            with self.world.follower(view) as follower:
                while follower.catch_up(lambda progress: pages.append(progress.counts.embedded)).total:  # noqa: B023
                    pass
            embedded += pages[-1]
        return embedded

    def keep(self) -> None:
        """Start the ledger's keeper."""
        arguments = ("ledger", "--collection", NAMES.collection, "--file", str(self.ledger), "--interval", "0.1")
        self._keeper = subprocess.Popen(self._command(*arguments), env=self._env(), stderr=subprocess.DEVNULL)

    def end_keeper(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End the ledger's keeper, if it runs."""
        if self._keeper is not None:
            self._keeper.send_signal(number)
            self._keeper.wait(30)
        self._keeper = None

    def wait_for_ledger(self) -> None:
        """Until the keeper has seen everything."""
        end = time.monotonic() + 120
        while not self._is_kept():
            if time.monotonic() > end:
                raise TimeoutError("the ledger doesn't catch up")
            time.sleep(0.1)

    def _is_kept(self) -> bool:
        shards = self.world.reader.shards(NAMES.documents)
        sections = read(self.ledger).sections if self.ledger.exists() else []
        return bool(shards and sections) and (sections[-1].identity, sections[-1].synced) == shards

    def restore(self, *more: str, kill_after_s: float | None = None) -> bytes:
        """`turnout restore`; what it says. With `kill_after_s` it is killed, unless it was quicker."""
        names = ("--collection", NAMES.collection, "--repository", REPOSITORY, "--snapshot", SNAPSHOT)
        command = self._command("restore", *names, "--yes", "--format", "json", *more)
        process = subprocess.Popen(command, env=self._env(), stdout=subprocess.PIPE)
        try:
            said, _ = process.communicate(timeout=kill_after_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return b""
        if process.returncode:
            raise RuntimeError(f"turnout restore: exit code {process.returncode}")
        return said

    def lose_index(self) -> None:
        """Somebody deletes the documents index."""
        self.client.indices.delete(index=NAMES.documents)

    def lose_everything(self) -> None:
        """The server's disk is gone; the snapshots and the ledger lie on others."""
        self._node.stop(kill=True)
        shutil.rmtree(Path(self._node.snapshots).parent / "data")
        (Path(self._node.snapshots).parent / "data").mkdir()
        shutil.chown(Path(self._node.snapshots).parent / "data", Path(self._node.snapshots).owner())
        self._node.start()
        self.register()
        self.views = ()

    def live(self) -> dict[str, str]:
        """Texts of the documents by id."""
        self.world.reader.refresh(NAMES.documents)
        hits = self.world.reader.scan(NAMES.documents, sort="id", fields=["deleted", "text"])
        return {hit.id: hit.source["text"] for hit in hits if not hit.source["deleted"]}

    def shown(self, view: View, live: dict[str, str]) -> dict[str, str]:
        """What a view has by id: the text if it is that of the document in `live`, else its hash.

        A placeholder (a text of more passages than the release allows) counts as having its document's text.
        """
        self.world.reader.refresh(view.index)
        found = {}
        for hit in self.world.reader.scan(view.index, sort="turnout.id", fields=["turnout"]):
            state: dict[str, Any] = hit.source["turnout"]
            text = live.get(hit.id, "")
            same = state["state"] == "placeholder" or state.get("text_hash") == text_hash(text)
            if state["state"] != "deleted":
                found[hit.id] = text if same else state["text_hash"]
        return found

    def close(self) -> None:
        """End what was started."""
        self.end_keeper(signal.SIGKILL)
        self.client.close()

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "turnout", *arguments]

    def _env(self) -> dict[str, str]:
        return {
            **os.environ,
            "TURNOUT_ELASTICSEARCH_URL": self._node.url,
            "TURNOUT_INDEX_PREFIX": NAMES.prefix,
            "TURNOUT_ROOT": str(self._folder),
        }
