"""How fast a provider may be asked: two token buckets, one of requests and one of tokens.

Pure: the clock is passed in. The embedder asks when its next request may go and sleeps until then; a simulation asks
the same and sleeps never. Requests go in the order in which they ask.
"""

from __future__ import annotations

from turnout.release.artifacts import RateLimit

BURST_SHARE = 0.1
"""The part of a minute's allowance that may go at once. Small, because providers enforce limits per second as well."""


class Bucket:
    """A token bucket that never lets more than `per_minute` through in any 60 s.

    For that it fills slower than `per_minute`: what may go at once after a pause is held back from the steady flow.
    Only a single request that is larger than the bucket goes beyond, by as much as it is larger; it waits for a full
    bucket and all that come after it wait until its debt is paid.

    Args:
        per_minute: the limit.
        whole: for units that can't be divided (requests); the bucket then holds at least one.
        now: seconds on any clock that never goes back.
    """

    def __init__(self, per_minute: int, *, whole: bool, now: float) -> None:
        if per_minute < 1:
            raise ValueError("a limit is at least 1 per minute")
        unit = 1.0 if whole else 0.0
        self.capacity = max(unit, per_minute * BURST_SHARE)
        self.per_second = (per_minute - self.capacity + unit) / 60
        self._level = self.capacity
        self._at = now

    def ready_at(self, amount: float, now: float) -> float:
        """The earliest time at which `amount` may be taken."""
        start = max(now, self._at)
        missing = min(amount, self.capacity) - self._level_at(start)
        return start + max(0.0, missing) / self.per_second

    def take(self, amount: float, at: float) -> None:
        """Take `amount` at a time that `ready_at` gave, or later; the bucket's time goes on to there."""
        self._level = self._level_at(at) - amount
        self._at = at

    def _level_at(self, at: float) -> float:
        return min(self.capacity, self._level + (at - self._at) * self.per_second)


class Limiter:
    """When the next request may go. Not safe for threads: its owner holds a lock."""

    def __init__(self, limit: RateLimit, *, now: float) -> None:
        self._requests = Bucket(limit.requests_per_minute, whole=True, now=now)
        self._tokens = Bucket(limit.tokens_per_minute, whole=False, now=now)
        self._not_before = now

    @property
    def batch_tokens(self) -> int:
        """Tokens that a request should have at most: a full bucket."""
        return max(1, int(self._tokens.capacity))

    def flow(self, tokens: int) -> float:
        """Requests of so many tokens per second that go through in the long run."""
        return min(self._requests.per_second, self._tokens.per_second / tokens)

    def book(self, tokens: int, *, now: float, latest: float = float("inf")) -> float | None:
        """Book one request and give the time at which it may go; None, and nothing booked, if that is after `latest`.

        Args:
            tokens: what the request holds.
            now: the time.
        """
        first = max(now, self._not_before)
        start = max(self._requests.ready_at(1, first), self._tokens.ready_at(tokens, first))
        if start > latest:
            return None
        self._requests.take(1, start)
        self._tokens.take(tokens, start)
        self._not_before = start
        return start

    def hold(self, until: float) -> None:
        """Let nothing go before `until`: the provider asked for a rest."""
        self._not_before = max(self._not_before, until)
