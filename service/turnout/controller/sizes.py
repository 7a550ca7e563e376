"""Counts what a collection's indexes hold, once a minute, for the leader. Called by `reconcile` in each round."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from turnout.controller.aside import Aside
from turnout.controller.observed import Observed
from turnout.controller.retiring import to_retire
from turnout.controller.sizes_board import SizeBoard
from turnout.controller.tools import Tools
from turnout.elastic.documents import LIVE_DOCUMENTS
from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.views import LIVE_FILTER
from turnout.errors import Unavailable

EVERY_S = 60.0
_UNRESOLVED = {"term": {"resolved": False}}


class Sizes(NamedTuple):
    """`documents` are the live ones of each index and `size_bytes` what it takes on disk, copies included.

    `dead_letters` are those that no later run has resolved.
    """

    documents: dict[str, int]
    size_bytes: dict[str, int]
    dead_letters: int


class Scale:
    """Measures one collection, now and then. What fails is logged when it is new; the figures before stay."""

    def __init__(self, tools: Tools, board: SizeBoard, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._tools, self._board, self._clock = tools, board, clock
        self._not_before = 0.0
        self._aside = Aside("measuring indexes")

    def round(self, observed: Observed) -> None:
        """Measure if that is due. Nothing is decided by it, so what fails holds up nothing."""
        if self._clock() < self._not_before:
            return
        self._not_before = self._clock() + EVERY_S
        with self._aside.trying(observed.collection):
            self._board.sized(observed.collection, measure(self._tools.elastic, self._tools.names, observed))


def measure(reader: Reader, names: Names, observed: Observed) -> Sizes:
    """One measurement. Not by the document counts of `_stats`: those count each passage as well.

    A view that may go isn't counted: a count is a search, and for a drain nobody may have searched it.

    Raises:
        Unavailable: the server can't answer.
    """
    going = to_retire(observed)
    views = [seen.view.index for seen in observed.views]
    found = {index: _live(reader, index) for index in views if index not in going}
    documents = {index: count for index, count in found.items() if count is not None}
    if observed.shards:
        documents[names.documents] = reader.count(names.documents, LIVE_DOCUMENTS)
        views.append(names.documents)
    sizes = {index: reader.store_bytes(index) for index in views}
    letters = reader.count(names.dead_letters, _UNRESOLVED) if reader.index_uuid(names.dead_letters) else 0
    return Sizes(
        documents=documents,
        size_bytes={index: size for index, size in sizes.items() if size is not None},
        dead_letters=letters,
    )


def _live(reader: Reader, index: str) -> int | None:
    """The live documents of a view; None while a shard of it is down, which must not hide all others."""
    try:
        return reader.count(index, LIVE_FILTER)
    except Unavailable:
        return None
