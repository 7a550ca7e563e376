"""What a request goes through: its turn, its money, and after a failure the pause until it is tried again.

No I/O and no clock: whoever drives a `Request` passes the time in and does the sending and the sleeping. The embedder
drives it with threads and a real clock, `turnout.cost` with events and a virtual one; both run this very code.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from turnout.embedding.hosted import tokens
from turnout.embedding.hosted.budget import Purse
from turnout.embedding.hosted.hosting import Hosting
from turnout.embedding.hosted.limiter import Limiter
from turnout.embedding.hosted.packing import Text, packed
from turnout.embedding.hosted.retry import pause_s
from turnout.release.artifacts import Model
from turnout.release.endpoint import MOST_TEXTS


@dataclass(frozen=True)
class Size:
    """Tokens of a request: the estimate, and what no tokenizer exceeds."""

    tokens: int
    most: int

    @staticmethod
    def of(batch: Sequence[Text]) -> Size:
        """The size of a batch of texts."""
        return Size(sum(text.tokens for text in batch), sum(tokens.most_tokens(text.text) for text in batch))


class Terms:
    """What all requests of one process share: limiter, purse and patience. Safe for threads.

    Args:
        model: a hosted one.
        hosting: the terms.
        url: for messages.
        now: the time, in seconds on the clock that `Request` is driven with.

    Raises:
        EnvironmentProblem: the ledger remembers no amount of money.
    """

    def __init__(self, model: Model, hosting: Hosting, *, url: str, now: float) -> None:
        self.hosting = hosting
        self.url = url
        self.lock = threading.Lock()
        self.limiter = Limiter(hosting.rate_limit, now=now)
        self.purse = Purse(
            hosting.budget,
            currency=hosting.currency,
            per_million_tokens=model.price.per_million_tokens,
            ledger=hosting.ledger,
            billed=hosting.billed,
        )
        self.most_texts = min(hosting.batch_size, MOST_TEXTS[model.runtime.name])

    def packed(self, texts: Iterable[Text]) -> list[list[Text]]:
        """The requests that `texts` are sent in."""
        return packed(texts, texts=self.most_texts, tokens=self.limiter.batch_tokens)


class Request:
    """One batch, from its first turn to its answer. In this order, over again after a failure: `book`, wait, `pay`,
    send, `settle`, and `failed` if it did."""

    def __init__(self, terms: Terms, size: Size) -> None:
        self.size = size
        self.failures = 0
        self._terms = terms
        self._started: float | None = None

    def book(self, now: float) -> float | None:
        """The time at which it may go; None if that is later than the terms allow to wait."""
        longest = self._terms.hosting.wait_s
        latest = float("inf") if longest is None else now + longest
        with self._terms.lock:
            return self._terms.limiter.book(self.size.tokens, now=now, latest=latest)

    def pay(self, now: float) -> None:
        """Its turn has come: set its money aside.

        Raises:
            Refused: the budget doesn't allow it; it must not be sent.
        """
        if self._started is None:
            self._started = now
        self._terms.purse.set_aside(self.size.most, where=self._terms.url)

    def settle(self, billed: int | None) -> None:
        """What came of it cost `billed` tokens; None for an answer that is lost, can't be used or doesn't say."""
        self._terms.purse.settle(self.size.most, self.size.tokens if billed is None else billed)

    def failed(self, retry_after_s: float | None, *, now: float) -> float | None:
        """Seconds to wait before its next turn; None to give up. A server's wish for rest holds for all requests."""
        self.failures += 1
        hosting, started = self._terms.hosting, now if self._started is None else self._started
        with self._terms.lock:
            pause = pause_s(
                self.failures, retry_after_s, spent_s=now - started, patience=hosting.patience, rng=hosting.rng
            )
            if retry_after_s is not None and pause is not None:
                self._terms.limiter.hold(now + retry_after_s)
        return pause
