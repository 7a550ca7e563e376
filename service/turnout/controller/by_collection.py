"""One value for each collection, written by the rounds and read by scrapes at the same time. For the boards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Generic, TypeVar

T = TypeVar("T")


class ByCollection(Generic[T]):
    """Replaced whole at each change, so that any thread may iterate."""

    def __init__(self) -> None:
        self._values: Mapping[str, T] = {}

    def put(self, collection: str, value: T) -> None:
        """The newest value."""
        self._values = {**self._values, collection: value}

    def get(self, collection: str) -> T | None:
        """The newest value; None if there is none."""
        return self._values.get(collection)

    def only(self, collections: Iterable[str]) -> None:
        """Forget all others."""
        kept = frozenset(collections)
        self._values = {name: value for name, value in self._values.items() if name in kept}

    def drop(self, collection: str) -> None:
        """Forget one, if it is known."""
        self._values = {name: value for name, value in self._values.items() if name != collection}

    def items(self) -> list[tuple[str, T]]:
        """All of them, by name."""
        return sorted(self._values.items(), key=lambda item: item[0])
