"""Counts of simulated rollouts: what a canary and stable would have counted, many runs at once.

Read by judge_cells.py, which shows the same counts to turnout's judge and to its peers. A minute of history costs as
much as a minute of trial, so that runs are drawn in batches.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from judge_scenarios import BOUNDS, DEGRADED, EMPTY, ERRORS, HISTORY, LOOKS, PODS, WINDOW_S, Array, Scenario, slower

from turnout.canary.samples import Samples, Side

_INCIDENT_LOOKS, _INCIDENT_ERRORS, _INCIDENT_LATENCY = 10, 0.1, 3.0
_START = 1_767_225_600.0


def draw(scenario: Scenario, rps: float, runs: int, *, rng: np.random.Generator) -> Samples:
    """What was counted in `runs` rollouts: leading axis runs, then windows."""
    load, slowness, errors = _conditions(scenario, runs, rng)
    weight = np.repeat(scenario.weights, LOOKS // 2)
    requests, now = rps * WINDOW_S * load, slice(HISTORY, None)
    stable = _side(rng, requests[:, now] * (1 - weight), errors[:, now], slowness[:, now], burst=scenario.burst)
    canary = _side(
        rng,
        requests[:, now] * weight,
        np.maximum(errors[:, now], scenario.errors),
        slowness[:, now] * scenario.latency,
        burst=scenario.burst,
        tail=(scenario.tail, scenario.tail_factor),
    )
    pods = _pods(rng, scenario, requests[:, :HISTORY], errors[:, :HISTORY], slowness[:, :HISTORY])
    return Samples(
        since=_START,
        ends=_START + WINDOW_S * np.arange(1, LOOKS + 1),
        bounds=BOUNDS,
        canary=canary,
        stable=stable,
        history=_summed(pods),
        history_pods=pods,
    )


def _conditions(scenario: Scenario, runs: int, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Load against its mean, slowness against the usual, stable's share of errors; each (runs, history + looks)."""
    shape = (runs, HISTORY + LOOKS)
    load, slowness, errors = np.ones(shape), np.ones(shape), np.full(shape, ERRORS)
    if scenario.swing:
        phase = rng.uniform(0, 2 * np.pi, size=(runs, 1))
        load = 1 + 0.5 * np.sin(phase + 2 * np.pi * np.arange(shape[1]) / LOOKS)
        slowness = np.sqrt(load)
    if scenario.incident:
        start = HISTORY + rng.integers(0, LOOKS - _INCIDENT_LOOKS + 1, size=(runs, 1))
        hit = (np.arange(shape[1]) >= start) & (np.arange(shape[1]) < start + _INCIDENT_LOOKS)
        slowness = np.where(hit, _INCIDENT_LATENCY, slowness)
        errors = np.where(hit, _INCIDENT_ERRORS, errors)
    return load, slowness, errors


def _pods(rng: np.random.Generator, scenario: Scenario, requests: Array, errors: Array, slowness: Array) -> Side:
    """The history by pod, (runs, pods, ...); the pods share the load equally."""
    each = np.repeat(requests[:, None] / PODS, PODS, axis=1)
    pods = _side(rng, each, errors[:, None], slowness[:, None], burst=scenario.burst)
    if scenario.burst == 1 or scenario.burst_in_pod:
        return pods
    together = _bursts(rng, requests * errors, scenario.burst).astype(np.int64)
    spread = np.moveaxis(rng.multinomial(together, [1 / PODS] * PODS), -1, 1).astype(np.float64)
    return replace(pods, errors=spread, requests=pods.answered + spread)


def _side(
    rng: np.random.Generator,
    requests: Array,
    errors: Array,
    slowness: Array,
    *,
    burst: float,
    tail: tuple[float, float] = (0.0, 1.0),
) -> Side:
    """Poisson counts of one side, where `requests` are the expected ones in each window."""
    failed = _bursts(rng, requests * errors, burst)
    slow = slower(slowness, tail=tail[0], tail_factor=tail[1])
    ones, noughts = np.ones((*slowness.shape, 1)), np.zeros((*slowness.shape, 1))
    buckets = -np.diff(np.concatenate([ones, slow, noughts], axis=-1), axis=-1)
    counted = rng.poisson((requests * (1 - errors))[..., None] * buckets).astype(np.float64)
    above = np.flip(np.cumsum(np.flip(counted, axis=-1), axis=-1), axis=-1)
    answered = above[..., 0]
    return Side(
        requests=answered + failed,
        errors=failed,
        degraded=rng.binomial(answered.astype(np.int64), DEGRADED).astype(np.float64),
        empty=rng.binomial(answered.astype(np.int64), EMPTY).astype(np.float64),
        answered=answered,
        slow=np.ascontiguousarray(np.moveaxis(above[..., 1:], -1, -2)),
    )


def _bursts(rng: np.random.Generator, expected: Array, mean_size: float) -> Array:
    """Errors in bursts of geometric size (a compound Poisson count); a burst is over within its window."""
    if mean_size == 1:
        return rng.poisson(expected).astype(np.float64)
    bursts = rng.poisson(expected / mean_size)
    more = rng.negative_binomial(np.maximum(bursts, 1), 1 / mean_size)
    return np.where(bursts > 0, bursts + more, 0).astype(np.float64)


def _summed(pods: Side) -> Side:
    """The pods' counts together."""
    return Side(
        requests=pods.requests.sum(axis=1),
        errors=pods.errors.sum(axis=1),
        degraded=pods.degraded.sum(axis=1),
        empty=pods.empty.sum(axis=1),
        answered=pods.answered.sum(axis=1),
        slow=pods.slow.sum(axis=1),
    )
