"""Compares each followed view of one collection with documents now and then, for the leader: begins, stops, remembers.

A follower that loses a document does so without an error, so somebody has to look. Each round decides anew what is due;
comparing has a thread of its own, which only reads. What it finds is written by the rounds. Called by `reconcile`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime

from turnout.controller.aside import Aside
from turnout.controller.comparing_board import ParityBoard
from turnout.controller.comparing_due import broken, compared_views, due, record_of
from turnout.controller.comparing_work import Compare, Comparison, compare
from turnout.controller.observed import Observed, SeenView
from turnout.controller.seen import searched
from turnout.controller.tools import Tools
from turnout.elastic.state import ParityRecord

log = logging.getLogger(__name__)


class ParityWatch:
    """Everything about one collection's comparisons that is remembered between two rounds. All of it may be lost."""

    def __init__(self, tools: Tools, board: ParityBoard, *, compare: Compare = compare) -> None:
        self._tools, self._board, self._compare = tools, board, compare
        self._records: dict[str, ParityRecord] | None = None
        self._running: Comparison | None = None
        self._since: dict[str, datetime] = {}
        self._aside = Aside("comparing views")

    def round(self, observed: Observed) -> dict[str, str]:
        """Begin, stop or write down, whatever is due; never waits for a comparison.

        What fails is logged when it is new, and holds up nothing else.

        Returns:
            What is known to be wrong with the views that are followed now, by its word.

        Raises:
            Deposed: this replica may not act any more.
        """
        # Without comparisons nothing is known of any view, and nobody waits for it.
        views = compared_views(observed) if self._tools.parity_every_s > 0 else {}
        wanted = searched(observed)
        with self._aside.trying(observed.collection):
            self._round(observed.collection, views, wanted)
        return broken(views, self._records or {}, wanted)

    def _round(self, collection: str, views: Mapping[str, SeenView], wanted: frozenset[str]) -> None:
        records = self._known()
        if self._running is not None and self._running.view.index not in views:
            self._running.stop()
            self._running = None
        self._end()
        now = datetime.now(UTC)
        self._since = {index: self._since.get(index, now) for index in views}
        known = {index: record_of(seen.view, records) for index, seen in views.items()}
        shown = {index: each if each and each.compared_at else self._since[index] for index, each in known.items()}
        self._board.show(collection, shown, searched=wanted)
        chosen = due(views, records, now=now, every_s=self._tools.parity_every_s)
        if self._running is None and chosen is not None:
            beginning = Comparison(chosen.view, self._tools, compare=self._compare)
            beginning.start()  # raises where there can be no thread more: then it is still to be begun
            self._running = beginning

    def _known(self) -> dict[str, ParityRecord]:
        """All records; read once, for nobody else writes any while this replica leads."""
        if self._records is None:
            stored = self._tools.elastic.states(self._tools.names, ParityRecord)
            self._records = {each.key: each for each in stored}
        return self._records

    def _end(self) -> None:
        """Write down what a comparison came to; it is kept until that is done."""
        running = self._running
        if running is None or not running.ended:
            return
        if running.found is not None:
            collection = self._tools.names.collection
            before = record_of(running.view, self._known())
            record = running.record(before, collection=collection, at=self._tools.now())
            self._tools.check()
            self._tools.elastic_writer.put_state(self._tools.names, record)
            self._known()[record.key] = record
            # Without the examples: the log is no place for ids.
            differing = sum(record.differences.values())
            log.info("%s: %s was compared: %s", collection, record.view, record.reason or f"{differing} differ")
        self._running = None
