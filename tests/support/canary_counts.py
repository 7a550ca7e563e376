"""Counts of a canary and of stable, as they would be sampled: for the tests of the judge."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.stats import norm

from turnout.canary.samples import Counts, Samples, Side

WINDOW_S = 30.0
SINCE = 1_800_000_000.0
BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
PODS = 3


def side(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    *,
    per_window: float,
    errors: float = 0.005,
    empty: float = 0.02,
    median_s: float = 0.08,
) -> Side:
    """One side with Poisson load, independent errors and lognormal latency; `shape` ends with windows."""
    requests = rng.poisson(per_window, shape).astype(float)
    failed = rng.binomial(requests.astype(int), errors).astype(float)
    answered = requests - failed
    shares = norm.sf(np.log(np.array(BOUNDS) / median_s) / 0.5)
    buckets = rng.multinomial(answered.astype(int), -np.diff(np.concatenate([[1.0], shares, [0.0]])))
    slow = np.cumsum(buckets[..., ::-1], axis=-1)[..., ::-1][..., 1:].astype(float)
    return Side(
        requests=requests,
        errors=failed,
        degraded=np.zeros(shape),
        empty=rng.binomial(answered.astype(int), empty).astype(float),
        answered=answered,
        slow=np.moveaxis(slow, -1, -2),
    )


def trial(
    seed: int,
    lead: tuple[int, ...] = (),
    *,
    windows: int = 40,
    per_window: float = 1500.0,
    history: int = 120,
    **canary: float,
) -> Samples:
    """A trial with a tenth of the load on the canary; keywords are what the canary does otherwise than stable."""
    rng = np.random.default_rng(seed)
    pods = side(rng, (*lead, PODS, history), per_window=per_window / PODS)
    return Samples(
        since=SINCE,
        ends=SINCE + WINDOW_S * np.arange(1, windows + 1),
        bounds=BOUNDS,
        canary=side(rng, (*lead, windows), per_window=per_window * 0.1, **canary),
        stable=side(rng, (*lead, windows), per_window=per_window * 0.9),
        history=together(pods),
        history_pods=pods,
    )


def together(pods: Side) -> Side:
    """The pods' counts as one."""
    return each(pods, lambda counts, of_bounds: counts.sum(axis=-3 if of_bounds else -2))


def first_windows(samples: Samples, count: int) -> Samples:
    """What was known after the first windows."""
    canary, stable = (each(part, lambda counts, _: counts[..., :count]) for part in (samples.canary, samples.stable))
    return replace(samples, ends=samples.ends[:count], canary=canary, stable=stable)


def each(of: Side, change) -> Side:
    """A side with every field changed; `change` is told whether the field has bounds."""
    names = ("requests", "errors", "degraded", "empty", "answered", "slow")
    return Side(**{name: change(getattr(of, name), name == "slow") for name in names})


def one_of(samples: Samples, index: int) -> Samples:
    """One trial of many along the first axis."""

    def pick(counts: Counts, _: bool) -> Counts:
        return counts[index]

    return replace(
        samples,
        canary=each(samples.canary, pick),
        stable=each(samples.stable, pick),
        history=each(samples.history, pick),
        history_pods=None if samples.history_pods is None else each(samples.history_pods, pick),
    )
