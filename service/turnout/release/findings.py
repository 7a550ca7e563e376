"""What a check found: where, what, and what to do. Made by everything in this package that reads files, printed by
the command line in its formats."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec

Path = tuple[str | int, ...]

_SHOWN = 60


class Finding(msgspec.Struct, frozen=True, order=True):
    """One problem in one place.

    Args:
        file: path relative to the root.
        line: from 1.
        column: from 1, in characters.
        pointer: JSON pointer (RFC 6901) of the value, or of the object that lacks something.
        rule: name of the rule, in lower case with dashes.
        problem: one sentence without a full stop.
        remedy: what to do, an imperative sentence without a full stop.
    """

    file: str
    line: int
    column: int
    pointer: str
    rule: str
    problem: str
    remedy: str

    @property
    def place(self) -> str:
        """`file:line:column`, as editors take it."""
        return f"{self.file}:{self.line}:{self.column}"


def pointer(path: Sequence[str | int]) -> str:
    """A path of keys and positions as a JSON pointer."""
    text = "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
    return text.encode("utf-8", "backslashreplace").decode()  # JSON can name half a character, UTF-8 can't


def shown(value: Any) -> str:
    """A value from a file as a message may show it: short, on one line, without control characters."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = f"a {type(value).__name__}"
    text = printable(text)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def printable(text: str) -> str:
    """Text without anything that a terminal would act on."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)
