"""How a provider behaves, as assumed or as known, and the streams of luck that a repetition is made of."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from turnout.embedding.hosted import Hosting
from turnout.embedding.hosted.retry import Patience

_MOST_TROUBLE = 0.5


@dataclass(frozen=True)
class Provider:
    """The behaviour of an endpoint. The defaults are assumptions, and a cost says so.

    Args:
        latency_s: median time of an answer, in seconds.
        latency_spread: sigma of the logarithm of that time.
        failing: share of attempts that are answered with a 5xx, which isn't billed.
        lost: share of attempts without an answer within `timeout_s`, which may be billed all the same.
        storms_per_hour: how often the provider begins to answer nothing but 429, per hour.
        storm_s: mean length of such a storm, in seconds.
        retry_after_s: what a 429 asks for, in seconds; None for a provider that doesn't say.
        concurrency: requests that this client has under way at once.
        billed_per_token: billed over estimated tokens; 1 is on the safe side, for the estimate is meant to be too high.
        bytes_per_token: of a text; for what is set aside before a request.
        patience: of this client with a request.
        timeout_s: of this client with an attempt, in seconds.
        restart_s: until a backfill that gave up is begun again, in seconds; the page it was at is embedded anew.

    Raises:
        ValueError: a share that is none, or an endpoint that is down half of the time.
    """

    latency_s: float = 0.3
    latency_spread: float = 0.4
    failing: float = 0.005
    lost: float = 0.0005
    storms_per_hour: float = 0.1
    storm_s: float = 60.0
    retry_after_s: float | None = 20.0
    concurrency: int = Hosting.concurrency
    billed_per_token: float = 1.0
    bytes_per_token: float = 4.0
    patience: Patience = field(default_factory=Patience)
    timeout_s: float = Hosting.timeout_s
    restart_s: float = 600.0

    def __post_init__(self) -> None:
        stormy = self.storms_per_hour * self.storm_s / 3600
        if min(self.failing, self.lost, self.storms_per_hour, self.storm_s) < 0:
            raise ValueError("shares and storms are at least 0")
        if self.failing + self.lost > _MOST_TROUBLE or stormy > _MOST_TROUBLE:
            raise ValueError("a provider that is down for more than half of the time can't be reckoned with")

    @property
    def trouble(self) -> float:
        """Share of attempts that fail outside of storms."""
        return self.failing + self.lost

    @property
    def billed_attempts(self) -> float:
        """Billed attempts per request that succeeds in the end."""
        return 1 + self.lost / (1 - self.trouble)

    def said(self) -> str:
        """The behaviour in one sentence, for the assumptions of a cost."""
        asks = "without Retry-After" if self.retry_after_s is None else f"Retry-After {self.retry_after_s:g} s"
        return (
            f"provider (assumed): {self.latency_s:g} s median answer, {self.failing:.2%} of attempts fail, "
            f"{self.lost:.2%} are lost but billed, {self.storms_per_hour:g} storms of 429 per hour of "
            f"{self.storm_s:g} s ({asks}), {self.concurrency} requests at once, "
            f"{self.billed_per_token:g} billed tokens per estimated one"
        )


def stream(*names: object) -> random.Random:
    """Random numbers of their own for each purpose, so that one more failure doesn't change the documents."""
    return random.Random("/".join(map(str, names)))  # noqa: S311


def numbers(*names: object) -> np.random.Generator:
    """The same, for many numbers at once."""
    return np.random.default_rng(stream(*names).getrandbits(128))


class Luck:
    """What befalls the attempts of one repetition. The same seed gives the same luck; more trouble is never less."""

    def __init__(self, provider: Provider, *seed: object) -> None:
        self._provider = provider
        self._failures, self._lost = stream(*seed, "failures"), stream(*seed, "lost")
        self._latency, self.jitter = stream(*seed, "latency"), stream(*seed, "jitter")

    def failures(self) -> int:
        """How often the next request will fail before it succeeds (outside of storms)."""
        drawn, trouble = 1.0 - self._failures.random(), self._provider.trouble
        return int(math.log(drawn) / math.log(trouble)) if trouble > 0 else 0

    def lost(self) -> bool:
        """Whether a failure leaves no answer."""
        provider = self._provider
        return provider.lost > 0 and self._lost.random() * provider.trouble < provider.lost

    def latency_s(self) -> float:
        """Time of one answer."""
        provider = self._provider
        if provider.latency_spread == 0:
            return provider.latency_s
        return provider.latency_s * math.exp(self._latency.gauss(0.0, provider.latency_spread))


def storms(provider: Provider, *seed: object) -> Iterator[tuple[float, float]]:
    """Beginnings and ends of storms on the virtual clock, in order; a Poisson process, lengths exponential."""
    if provider.storms_per_hour * provider.storm_s == 0:
        return
    luck, now = stream(*seed, "storms"), 0.0
    while True:
        now += luck.expovariate(provider.storms_per_hour / 3600)
        end = now + luck.expovariate(1 / provider.storm_s)
        yield now, end
        now = end
