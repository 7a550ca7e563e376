"""Scenarios of simulated rollouts: what is true of canary and stable. Read by judge_world.py and the figures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from turnout.release.artifacts import CanaryGates
from turnout.release.latency_bounds import SECONDS

Array = NDArray[np.float64]

WINDOW_S = 30.0
LOOKS = 60
HISTORY = 120
MINUTES = LOOKS * WINDOW_S / 60
PODS, CANARY_PODS = 3, 1
SCRAPE_S = 15.0
"""Each pod is scraped at a time of its own, so that its windows end up to this long before those of others."""
RATES = (5.0, 50.0, 500.0)
BOUNDS = SECONDS
ERRORS, DEGRADED, EMPTY = 0.005, 0.005, 0.02
MEDIAN_S, SPREAD = 0.08, 0.5
"""Latency is lognormal: a median of 80 ms and a p99 of 256 ms."""


@dataclass(frozen=True)
class Incident:
    """Five minutes that hit canary and stable alike, from any moment on; pods are scraped into it one after the other.

    Args:
        errors: the share of errors in it; each rollout draws one of them.
        latency: how many times as long searches take.
        load: how many times as many searches there are.
    """

    errors: tuple[float, ...]
    latency: float = 3.0
    load: float = 1.0


@dataclass(frozen=True)
class Scenario:
    """What is true in a simulated rollout.

    Args:
        harm: whether the canary is worse; else every abort is a false one.
        errors: the canary's share of errors; stable's is `ERRORS`.
        latency: how many times as long the canary takes.
        tail: the share of the canary's searches that take `tail_factor` times as long.
        incident: what both go through, if anything.
        burst: mean size of a burst of errors on one side; 1 is independent errors.
        burst_in_pod: whether a burst hits one pod; else its errors are spread over the side's pods.
        swing: whether the load swings by three times, and latency by its square root.
        weights: the canary's share of the load in the first and in the second half.
    """

    name: str
    harm: bool = False
    errors: float = ERRORS
    latency: float = 1.0
    tail: float = 0.0
    tail_factor: float = 10.0
    incident: Incident | None = None
    burst: float = 1.0
    burst_in_pod: bool = False
    swing: bool = False
    weights: tuple[float, float] = (0.1, 0.1)

    def beyond_margin(self, gates: CanaryGates) -> bool:
        """Whether the canary's true share of anything is at or beyond its margin, and above what nobody minds."""
        noticed = np.asarray(BOUNDS) * 1000 >= gates.unnoticed_ms
        slow = zip(self.slower()[noticed], slower(1.0)[noticed], strict=True)
        pairs = [(gates.errors, self.errors, ERRORS), *((gates.latency, *shares) for shares in slow)]
        return any(
            canary >= gate.margin * stable - 1e-12 and canary >= gate.floor - 1e-12 for gate, canary, stable in pairs
        )

    def slower(self) -> Array:
        """The canary's true share of searches slower than each bound; (bounds,)."""
        return slower(self.latency, tail=self.tail, tail_factor=self.tail_factor)


SCENARIOS = (
    Scenario("healthy"),
    Scenario("healthy, incident", incident=Incident(errors=(0.1,))),
    # Half of the searches fail or all do, and they are tried again.
    Scenario("healthy, outage", incident=Incident(errors=(0.5, 1.0), load=2.0)),
    Scenario("healthy, bursts", burst=5.0),
    Scenario("healthy, bursts in pod", burst=5.0, burst_in_pod=True),
    Scenario("healthy, diurnal", swing=True),
    Scenario("healthy, weight changes", weights=(0.1, 0.5)),
    Scenario("errors x1.5", harm=True, errors=1.5 * ERRORS),
    Scenario("errors x2", harm=True, errors=2 * ERRORS),
    Scenario("errors x4", harm=True, errors=4 * ERRORS),
    Scenario("errors 20 %", harm=True, errors=0.2),
    Scenario("latency +10 %", harm=True, latency=1.1),
    Scenario("latency +20 %", harm=True, latency=1.2),
    Scenario("slow tail 2 %", harm=True, tail=0.02),
)


def slower(slowness: Array | float, *, tail: float = 0.0, tail_factor: float = 1.0) -> Array:
    """True share of searches slower than each bound; (..., bounds)."""
    usual = np.log(np.asarray(BOUNDS) / MEDIAN_S) - np.log(np.asarray(slowness, dtype=np.float64))[..., None]
    fast: Array = ndtr(-usual / SPREAD)
    if tail == 0:
        return fast
    return np.asarray((1 - tail) * fast + tail * ndtr((np.log(tail_factor) - usual) / SPREAD))
