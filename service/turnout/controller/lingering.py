"""Problems, and for a minute those that are over: what was put right within one round nobody would ever see.

Used by `board`, for scrapes, and by `tell`, for those who ask for the status.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

LINGER_S = 60.0


class Lingering:
    """The problems of one collection by their words. All of it is replaced at once, so that any thread may read.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        # Those that last, and those that are over with when they ended.
        self._known: tuple[dict[str, str], dict[str, tuple[str, float]]] = ({}, {})

    def tell(self, problems: Mapping[str, str]) -> None:
        """These last; those before are over."""
        (before, over), now = self._known, self._clock()
        ended = over | {word: (sentence, now) for word, sentence in before.items()}
        kept = {word: each for word, each in ended.items() if word not in problems and each[1] >= now - LINGER_S}
        self._known = (dict(problems), kept)

    @property
    def lasting(self) -> dict[str, str]:
        """Sentences by word."""
        return self._known[0]

    @property
    def over(self) -> dict[str, str]:
        """Sentences, by word, of what ended a little while ago."""
        since = self._clock() - LINGER_S
        return {word: sentence for word, (sentence, end) in self._known[1].items() if end >= since}
