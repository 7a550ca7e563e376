"""The last good answers, for when Elasticsearch is down. Never consulted while it answers."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

ValueT = TypeVar("ValueT")


class LastGood(Generic[ValueT]):
    """A least-recently-used map with an age limit.

    Args:
        entries: most answers kept; an answer holds at most max_k hits.
        age_s: older answers are not given. Short, because deletes and new tenants' rules don't reach what is kept.
        clock: monotonic seconds.
    """

    def __init__(self, *, entries: int, age_s: float, clock: Callable[[], float]) -> None:
        self._entries = entries
        self._age_s = age_s
        self._clock = clock
        self._kept: OrderedDict[Hashable, tuple[float, ValueT]] = OrderedDict()

    def put(self, key: Hashable, value: ValueT) -> None:
        """Keep an answer."""
        self._kept[key] = (self._clock(), value)
        self._kept.move_to_end(key)
        if len(self._kept) > self._entries:
            self._kept.popitem(last=False)

    def get(self, key: Hashable) -> ValueT | None:
        """The answer if there is one that is young enough."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        if self._clock() - kept[0] > self._age_s:
            del self._kept[key]
            return None
        self._kept.move_to_end(key)
        return kept[1]

    def clear(self) -> None:
        """Forget everything, for example because the view is gone."""
        self._kept.clear()
