"""The chunk stage: a cleaned text is cut into overlapping passages. Called by follow and by the plan's estimates; its
version is `CODE_VERSIONS.chunk`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from turnout.errors import Refused
from turnout.release.artifacts import Chunk

Span = tuple[int, int]


class TooManyPassages(Refused):
    """A text has more passages than `max_passages`, and the pipeline says to refuse it."""


def chunk(text: str, settings: Chunk, spans: Sequence[Span]) -> list[str]:
    """The passages of `text`, in order.

    A passage has at most `size` tokens and shares `overlap` tokens with the one before it. Cuts lie between tokens and,
    where the text has a word boundary near, between words: the passage then ends a little earlier, or its overlap is
    a little longer. When the last passage would hold little that is new, the last two share the rest evenly.

    Args:
        spans: character spans of the tokens of `text`, in order (`Embedder.token_spans`).

    Raises:
        TooManyPassages: more than `max_passages` and `on_overflow` is `refuse`.
    """
    windows = list(islice(_windows(text, settings, spans), settings.max_passages + 1))
    if len(windows) > settings.max_passages:
        if settings.on_overflow == "refuse":
            raise TooManyPassages(
                f"more than {settings.max_passages} passages ({len(spans)} tokens)",
                remedy="raise chunk.max_passages, or set chunk.on_overflow to truncate",
            )
        windows.pop()
    return [text[spans[first][0] : spans[end - 1][1]] for first, end in windows]


def _windows(text: str, settings: Chunk, spans: Sequence[Span]) -> Iterator[tuple[int, int]]:
    """Token ranges [first, end) of the passages; each starts and ends later than the one before it."""
    total, first, end = len(spans), 0, 0
    while end < total:
        end = _end(text, settings, spans, first=first, beyond=end)
        yield first, end
        first = _next_first(text, settings, spans, (first, end))


def _end(text: str, settings: Chunk, spans: Sequence[Span], *, first: int, beyond: int) -> int:
    """Where the passage that starts at token `first` ends; `beyond` is where the one before it did."""
    size, overlap, left = settings.size, settings.overlap, len(spans) - first
    if left <= size:
        return len(spans)
    wanted = first + size
    if left - size < (size - overlap) // 2:
        wanted = max(first + (left + overlap + 1) // 2, first + overlap + 1, beyond + 1)
    # Not within the overlap, or the next passage would not start later than this one.
    lowest = max(first + overlap + 1, beyond + 1, wanted - size // 4)
    return next((end for end in range(wanted, lowest - 1, -1) if _between_words(text, spans, end)), wanted)


def _next_first(text: str, settings: Chunk, spans: Sequence[Span], window: tuple[int, int]) -> int:
    """Where the passage after `window` starts: `overlap` tokens back, and at the start of a word if one is near."""
    first, end = window
    if end == len(spans):
        return end
    wanted = end - settings.overlap
    lowest = max(first + 1, wanted - settings.size // 8)
    return next((start for start in range(wanted, lowest - 1, -1) if _between_words(text, spans, start)), wanted)


def _between_words(text: str, spans: Sequence[Span], token: int) -> bool:
    """Whether a cut before `token` splits no word."""
    before, after = spans[token - 1][1], spans[token][0]
    if after > before:
        return True
    return after == before and not (text[before - 1].isalnum() and text[after].isalnum())
