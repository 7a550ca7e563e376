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
        weigh: what a value weighs, for example its hits; 0 for values that are all small.
        weight: most that all kept values weigh together: a few clients that ask for much must not fill the memory.
    """

    def __init__(
        self,
        *,
        entries: int,
        age_s: float,
        clock: Callable[[], float],
        weigh: Callable[[ValueT], int] = lambda _: 0,
        weight: int = 0,
    ) -> None:
        self._entries = entries
        self._weigh = weigh
        self._most_weight = weight
        self._weight = 0
        self._age_s = age_s
        self._clock = clock
        self._kept: OrderedDict[Hashable, tuple[float, ValueT]] = OrderedDict()

    def put(self, key: Hashable, value: ValueT) -> None:
        """Keep an answer."""
        self._drop(key)
        self._kept[key] = (self._clock(), value)
        self._weight += self._weigh(value)
        while len(self._kept) > self._entries or self._weight > self._most_weight:
            self._drop(next(iter(self._kept)))

    def get(self, key: Hashable) -> ValueT | None:
        """The answer if there is one that is young enough."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        if self._clock() - kept[0] > self._age_s:
            self._drop(key)
            return None
        self._kept.move_to_end(key)
        return kept[1]

    def clear(self) -> None:
        """Forget everything, for example because the view is gone."""
        self._kept.clear()
        self._weight = 0

    def _drop(self, key: Hashable) -> None:
        if (kept := self._kept.pop(key, None)) is not None:
            self._weight -= self._weigh(kept[1])
