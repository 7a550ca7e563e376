"""Deletes views that nobody needs, once nobody has searched them for a while. Called by `act`, at each look again.

The waiting is between looks: what was counted when a view was first found spare is compared with what is counted at
least `drain_s` later. A search, a flip back, or a look that doesn't want it deleted, begins the waiting anew; so does a
restart of the controller, which forgets all counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import NamedTuple

from turnout.alias import frozen
from turnout.alias.retire import delete_view, is_quiet
from turnout.elastic.names import Names
from turnout.elastic.reader import Reader, SearchCount
from turnout.elastic.writer import Writer


class _Count(NamedTuple):
    searches: SearchCount | None
    at: float


class Drains:
    """The views of one collection that wait for their deletion."""

    def __init__(self, drain_s: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._drain_s, self._clock = drain_s, clock
        self._counts: dict[str, _Count] = {}

    def keep(self, views: Collection[str]) -> None:
        """Forget the views that nobody wants deleted any more; `views` are those of this look."""
        self._counts = {view: count for view, count in self._counts.items() if view in views}

    def retire(
        self,
        elastic: tuple[Reader, Writer],
        names: Names,
        view: str,
        *,
        now: Callable[[], str],
        still_spare: Callable[[], bool],
    ) -> bool:
        """Delete the view if its time has come; True if it was deleted.

        Args:
            now: the time, ISO 8601 in UTC.
            still_spare: looks at everything once more and says whether the view may go.
        """
        reader, writer = elastic
        count = _Count(reader.search_count(view), self._clock())
        before = self._counts.setdefault(view, count)
        if not is_quiet(before.searches, count.searches):
            self._counts[view] = count
            return False
        if count.at - before.at < self._drain_s or frozen(reader, names) is not None or not still_spare():
            return False
        del self._counts[view]
        return delete_view(reader, writer, names, view, now())
