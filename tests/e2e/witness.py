"""A quiet witness: looks twice a second at what passes quickly, so that stories can ask for it afterwards.

Which views there were and what they serve, where the alias pointed, and what the controller told of the Rollout.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping

from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.state import RolloutRecord
from turnout.errors import TurnoutError
from turnout.release.artifacts import Release

EVERY_S = 0.5


class Witness:
    """Looks until it is stopped. What it saw only grows."""

    def __init__(self, reader: Reader, names: Names) -> None:
        self._reader, self._names = reader, names
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="witness", daemon=True)
        self.views: dict[str, frozenset[str]] = {}
        self.targets: list[tuple[float, frozenset[str]]] = []
        self.problems: list[tuple[float, str]] = []
        self.records: list[tuple[float, RolloutRecord]] = []

    def start(self) -> None:
        """Begin. The first look is over when this returns, so that whoever asks next has something to compare with."""
        self._look()
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()
        self._thread.join()

    def serving(self, releases: Mapping[str, Release]) -> dict[str, frozenset[str]]:
        """For each release the views that serve its index fingerprint, those that are gone included."""
        return {
            release.id: frozenset(
                view for view, served in dict(self.views).items() if release.fingerprints.index in served
            )
            for release in releases.values()
        }

    def problem_since(self, moment: float, words: Iterable[str]) -> str:
        """The first problem that was told since `moment` and has all the words; empty if none was."""
        wanted = list(words)
        told = [sentence for at, sentence in list(self.problems) if at >= moment]
        return next((sentence for sentence in told if all(word in sentence for word in wanted)), "")

    def _watch(self) -> None:
        while not self._stop.wait(EVERY_S):
            try:
                self._look()
            except TurnoutError:
                continue  # Elasticsearch is down: the next look sees it

    def _look(self) -> None:
        now = time.monotonic()
        for view in self._reader.views(self._names):
            self.views[view.index] = self.views.get(view.index, frozenset()) | set(view.meta.index_fingerprints)
        targets = self._reader.alias_targets(self._names.alias)
        if not self.targets or self.targets[-1][1] != targets:
            self.targets.append((now, targets))
        record = self._reader.state(self._names, f"rollout:{self._names.collection}")
        if isinstance(record, RolloutRecord) and (not self.records or self.records[-1][1] != record):
            self.records.append((now, record))
            self.problems += [(now, sentence) for sentence in record.problems]
