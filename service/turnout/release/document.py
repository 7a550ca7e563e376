"""A parsed file that still knows where everything stood. Made by the YAML and JSON readers, read by the rules."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple

from turnout.release.findings import Finding, Path, pointer


class Place(NamedTuple):
    """Line and column, both from 1."""

    line: int
    column: int


class Places(NamedTuple):
    """Where the keys and the values of a file start."""

    keys: dict[Path, Place]
    values: dict[Path, Place]


class Document:
    """A file's value with the places of its parts.

    Args:
        file: path relative to the root.
        value: what the file says.
        locate: gives the places when the first finding asks for them; a valid file never does.
    """

    def __init__(self, file: str, value: Any, locate: Callable[[], Places]) -> None:
        self.file = file
        self.value = value
        self._locate = locate

    @cached_property
    def places(self) -> Places:
        """The places of all keys and values."""
        return self._locate()

    def finding(self, path: Path, rule: str, problem: str, remedy: str, *, at_key: bool = False) -> Finding:
        """A finding about the value at `path`, or about its key."""
        line, column = self._place(path, at_key=at_key)
        return Finding(self.file, line, column, pointer(path), rule, problem, remedy)

    def _place(self, path: Path, *, at_key: bool) -> Place:
        """The place of `path`, or of the nearest thing around it that the file has."""
        for length in range(len(path), -1, -1):
            around = path[:length]
            # An object that lacks something is shown at its key: its first line may be far below.
            first, second = self.places if at_key or length < len(path) else reversed(self.places)
            place = first.get(around) or second.get(around)
            if place is not None:
                return place
        return Place(1, 1)
