"""Which texts go into one request: as many as fit, in the order given. Pure; a simulation packs the same way."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Text(NamedTuple):
    """A text to be sent, its place among those given, and its estimated tokens."""

    place: int
    text: str
    tokens: int


def packed(given: Iterable[Text], *, texts: int, tokens: int) -> list[list[Text]]:
    """Requests of at most `texts` texts and `tokens` tokens; a text with more goes alone."""
    batches: list[list[Text]] = []
    room = 0
    for text in given:
        if not batches or len(batches[-1]) == texts or text.tokens > room:
            batches.append([])
            room = tokens
        batches[-1].append(text)
        room -= text.tokens
    return batches
