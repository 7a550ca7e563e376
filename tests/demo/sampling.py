"""A quiet witness: once a second, how many documents each view holds and how far it is behind."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.errors import TurnoutError
from turnout.follow import lag

EVERY_SECONDS = 1.0


@dataclass
class ViewCurve:
    """Samples of one view: seconds since the load began, live documents, operations behind."""

    at: list[float] = field(default_factory=list)
    documents: list[int] = field(default_factory=list)
    behind: list[int] = field(default_factory=list)


class Witness:
    """Samples all views of a collection until it is stopped."""

    def __init__(self, reader: Reader, names: Names, clock: Callable[[], float]) -> None:
        self.curves: dict[str, ViewCurve] = {}
        self._reader, self._names, self._clock = reader, names, clock
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="witness", daemon=True)

    def start(self) -> None:
        """Begin sampling."""
        self._thread.start()

    def stop(self) -> None:
        """End after the sample under way."""
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(EVERY_SECONDS):
            try:
                self._sample()
            except TurnoutError:
                continue  # a view that is gone between two calls: the next second sees it

    def _sample(self) -> None:
        for view in self._reader.views(self._names):
            curve = self.curves.setdefault(view.index, ViewCurve())
            curve.at.append(self._clock())
            curve.documents.append(self._reader.count(view.index))
            curve.behind.append(lag(self._reader, self._names, view.index).total)
