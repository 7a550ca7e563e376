"""Where the keys and values of a JSON text start, which the standard parser doesn't tell. Called by `json_reader` for
files that have findings."""

from __future__ import annotations

import json
import re
from typing import Any

from turnout.release.document import Place, Places
from turnout.release.findings import Path

_SIGN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


def find_places(text: str) -> tuple[Places, list[tuple[Path, Place]]]:
    """The places in a text that is known to be JSON, and the keys that come a second time in their object."""
    walk = _Walk()
    line, line_start, counted = 1, 0, 0
    for match in _SIGN.finditer(text):
        start = match.start()
        line += text.count("\n", counted, start)
        line_start = max(line_start, text.rfind("\n", counted, start) + 1)
        counted = start
        walk.take(match.group(), Place(line, start - line_start + 1))
    return walk.places, walk.twice


class _Walk:
    def __init__(self) -> None:
        self.places = Places({}, {})
        self.twice: list[tuple[Path, Place]] = []
        self._path: list[Any] = []  # the current key or position of each open object or array
        self._in_object: list[bool] = []
        self._key_next = False

    def take(self, sign: str, place: Place) -> None:
        """Go on by a bracket, a comma, a colon, a string, a number or a word."""
        if sign in "}]":
            self._in_object.pop()
            self._path.pop()
            self._key_next = False
        elif sign == ",":
            self._key_next = self._in_object[-1]
            if not self._key_next:
                self._path[-1] += 1
        elif sign != ":" and self._key_next:
            self._key(sign, place)
        elif sign != ":":
            self._value(sign, place)

    def _key(self, sign: str, place: Place) -> None:
        self._path[-1] = json.loads(sign)
        path = tuple(self._path)
        if self.places.keys.setdefault(path, place) is not place:
            self.twice.append((path, place))
        self._key_next = False

    def _value(self, sign: str, place: Place) -> None:
        self.places.values.setdefault(tuple(self._path), place)
        if sign in "{[":
            self._in_object.append(sign == "{")
            self._path.append("" if sign == "{" else 0)
            self._key_next = sign == "{"
