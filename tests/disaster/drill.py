"""Twice the documents are lost: first their index, then the server's whole disk. Each time they come back from a
snapshot, with a ledger that was killed meanwhile, and once without it, to show that this check can fail."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from disaster.stage import Stage
from turnout.elastic.node import own_node
from turnout.ingest import SourceDocument

DOCUMENTS = 3000


def drill(
    build: Path, folder: Path, *, documents: int = DOCUMENTS, tell: Callable[[str], None] = print
) -> dict[str, Any]:
    """Play it on a node of its own.

    Args:
        build: where the server's distribution lies.
        folder: empty, for the ledger and a model.

    Returns:
        `documents_lost` and `deletes_undone` (documents and both views, both restores), `undone_without_ledger` (must
        not be 0), `documents`, `deletes`, `seconds` by phase, `documents_per_s` of a restore with its ledger, `held`.
    """
    with own_node(build, env=os.environ) as node:
        stage = Stage(node, folder)
        try:
            return _Play(stage, tell).play(documents)
        finally:
            stage.close()


class _Play:
    def __init__(self, stage: Stage, tell: Callable[[str], None]) -> None:
        self.stage = stage
        self.tell = tell
        self.seconds: dict[str, float] = {}

    def play(self, count: int) -> dict[str, Any]:
        stage = self.stage
        docs = stage.sources(count)
        with self._phase("ingest"):
            stage.write(docs)
        with self._phase("build views"):
            stage.build_views()
        stage.keep()
        self._before_snapshot(docs)
        stage.wait_for_ledger()
        with self._phase("snapshot"):
            stage.snapshot()
        self._after_snapshot(docs)
        stage.end_keeper()
        stage.converge()

        stage.lose_index()
        stage.restore("--accept-gap")
        with self._phase("converge (without ledger)"):
            stage.converge()
        without = self._broken()
        with self._phase("restore (index lost)"):
            first = json.loads(stage.restore("--ledger", str(stage.ledger), "--replace"))
        with self._phase("converge (index lost)"):
            embedded = stage.converge()
        one = self._broken()
        stage.truth.restored()

        stage.keep()
        stage.delete(docs[count // 2 : count // 2 + 50])
        stage.wait_for_ledger()
        stage.end_keeper(signal.SIGKILL)
        with self._phase("server starts"):
            stage.lose_everything()
        stage.restore("--ledger", str(stage.ledger), kill_after_s=2.5)
        with self._phase("restore (disk lost, killed once)"):
            second = json.loads(stage.restore("--ledger", str(stage.ledger)))
        with self._phase("build views (disk lost)"):
            stage.build_views()
        two = self._broken()
        return self._figures(without, (one, two), (first, second), embedded)

    def _before_snapshot(self, docs: list[SourceDocument]) -> None:
        """Deletes that the snapshot knows, and some that were undone before it."""
        self.stage.delete(docs[:40])
        self.stage.wait_for_ledger()
        self.stage.write(docs[:20])

    def _after_snapshot(self, docs: list[SourceDocument]) -> None:
        """Writers go on, and the ledger's keeper is killed amid them."""
        stage, tenth = self.stage, len(docs) // 10
        stage.delete(docs[tenth : 2 * tenth])
        stage.wait_for_ledger()
        stage.delete(docs[2 * tenth : 2 * tenth + tenth // 2])
        stage.end_keeper(signal.SIGKILL)
        stage.delete(docs[2 * tenth + tenth // 2 : 3 * tenth])
        stage.write(_changed(docs[3 * tenth : 4 * tenth], "changed"))
        stage.write(_named(docs[:tenth], "new"))
        stage.keep()
        stage.wait_for_ledger()
        stage.write(docs[tenth : tenth + 30])  # written again as they were
        stage.write(_changed(docs[tenth + 30 : tenth + 60], "written again"))
        stage.wait_for_ledger()

    def _broken(self) -> tuple[int, int]:
        """(lost, undone) over documents and both views."""
        truth, live = self.stage.truth, self.stage.live()
        found = [truth.broken(live)]
        found += [truth.broken(self.stage.shown(view, live)) for view in self.stage.views]
        return sum(len(each.lost) for each in found), sum(len(each.undone) for each in found)

    def _figures(
        self,
        without: tuple[int, int],
        restores: tuple[tuple[int, int], ...],
        reports: tuple[dict[str, Any], ...],
        embedded: int,
    ) -> dict[str, Any]:
        lost, undone = (sum(column) for column in zip(*restores, strict=True))
        live = len(self.stage.truth.expected())
        counts = all(report["live"] == report["restored"] - report["replayed"] for report in reports)
        return {
            "documents_lost": lost,
            "deletes_undone": undone,
            "undone_without_ledger": without[1],
            "documents": reports[0]["restored"],
            "deletes": [report["replayed"] for report in reports],
            "embedded_again": embedded,
            "seconds": {name: round(value, 1) for name, value in self.seconds.items()},
            "documents_per_s": round(reports[0]["restored"] / self.seconds["restore (index lost)"]),
            "held": not lost and not undone and without[1] > 0 and counts and reports[1]["live"] == live,
        }

    @contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - began
        self.tell(f"{name}: {self.seconds[name]:.1f} s")


def _changed(docs: list[SourceDocument], word: str) -> list[SourceDocument]:
    return [SourceDocument(source_id=d.source_id, title=d.title, text=f"{word} {d.text}", fields={}) for d in docs]


def _named(docs: list[SourceDocument], word: str) -> list[SourceDocument]:
    return [SourceDocument(source_id=f"{word} {d.source_id}", title=d.title, text=d.text, fields={}) for d in docs]
