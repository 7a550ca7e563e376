"""What an index can't tell, as values. A question is a place in a file that `turnout validate` refuses until somebody
has written the answer there."""

from __future__ import annotations

from typing import Any

import msgspec

from turnout.release.findings import Path

MARK = "QUESTION"


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One open question.

    Args:
        file: path from the root.
        pointer: JSON pointer of the place that validation points at.
        ask: the question, one sentence.
        path: where the answer goes.
        stand_in: a value of the right form. It is never written: with stand-ins in all places the files must be valid,
            which shows that the answers are all that is missing.
    """

    file: str
    pointer: str
    ask: str
    path: Path
    stand_in: Any


class Ask(msgspec.Struct, frozen=True):
    """In place of a value: it is asked for."""

    question: str
    stand_in: Any


class Chosen(msgspec.Struct, frozen=True):
    """A value that is no fact about the index, to start from; `why` becomes a comment."""

    value: Any
    why: str
