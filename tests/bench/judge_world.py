"""Counts of simulated rollouts: what a canary and stable would have counted, many runs at once.

Read by judge_cells.py, which shows the same counts to turnout's judge and to its peers. A minute of history costs as
much as a minute of trial, so that runs are drawn in batches.
"""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
from judge_scenarios import (
    BOUNDS,
    CANARY_PODS,
    DEGRADED,
    EMPTY,
    ERRORS,
    HISTORY,
    LOOKS,
    PODS,
    SCRAPE_S,
    WINDOW_S,
    Array,
    Incident,
    Scenario,
    slower,
)

from turnout.canary.samples import Samples, Side

_INCIDENT_S = 300.0
_START = 1_767_225_600.0


def draw(scenario: Scenario, rps: float, runs: int, *, rng: np.random.Generator) -> Samples:
    """What was counted in `runs` rollouts: leading axis runs, then windows."""
    load, slowness = _conditions(scenario, runs, rng)
    requests, now = rps * WINDOW_S * load, slice(HISTORY, None)
    weight = np.repeat(scenario.weights, LOOKS // 2)
    stable_part, canary_part, failing = _hit(scenario.incident, runs, rng)
    usual = replace(scenario, errors=ERRORS, latency=1.0, tail=0.0)
    of_stable, of_canary = requests[:, now] * (1 - weight), requests[:, now] * weight
    stable = _release(rng, usual, of_stable, slowness[:, now], part=stable_part, failing=failing)
    canary = _release(rng, scenario, of_canary, slowness[:, now], part=canary_part, failing=failing)
    pods = _pods(rng, scenario, requests[:, :HISTORY], slowness[:, :HISTORY])
    return Samples(
        since=_START,
        ends=_START + WINDOW_S * np.arange(1, LOOKS + 1),
        bounds=BOUNDS,
        canary=canary,
        stable=stable,
        history=_added(pods),
        history_pods=pods,
    )


def _conditions(scenario: Scenario, runs: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Load against its mean and slowness against the usual, but for the incident; each (runs, history + looks)."""
    shape = (runs, HISTORY + LOOKS)
    if not scenario.swing:
        return np.ones(shape), np.ones(shape)
    phase = rng.uniform(0, 2 * np.pi, size=(runs, 1))
    load = 1 + 0.5 * np.sin(phase + 2 * np.pi * np.arange(shape[1]) / LOOKS)
    return load, np.sqrt(load)


def _hit(incident: Incident | None, runs: int, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Where an incident hits: the parts of stable's and canary's windows in it, (runs, looks), its errors, (runs, 1).

    Pods share their release's load equally and counts are Poisson, so that a release has the mean part of its pods.
    """
    if incident is None:
        return np.zeros((runs, LOOKS)), np.zeros((runs, LOOKS)), np.zeros((runs, 1))
    begin = rng.uniform(0, LOOKS * WINDOW_S - _INCIDENT_S, size=(runs, 1))
    parts = in_incident(begin, rng.uniform(0, SCRAPE_S, size=(runs, PODS + CANARY_PODS)))
    return parts[:, :PODS].mean(axis=1), parts[:, PODS:].mean(axis=1), rng.choice(incident.errors, size=(runs, 1))


def in_incident(begin: Array, phase: Array) -> Array:
    """The part of each pod's windows that lies in the incident; (runs, pods, looks).

    Args:
        begin: seconds from the trial's start, (runs, 1).
        phase: seconds by which a pod's windows are earlier, (runs, pods).
    """
    opens = WINDOW_S * np.arange(LOOKS) - phase[..., None]
    first, last = begin[..., None], begin[..., None] + _INCIDENT_S
    inside = np.minimum(opens + WINDOW_S, last) - np.maximum(opens, first)
    return np.asarray(np.clip(inside / WINDOW_S, 0, 1))


def _release(
    rng: np.random.Generator, truth: Scenario, requests: Array, slowness: Array, *, part: Array, failing: Array
) -> Side:
    """What one release counts out of the incident and, with its `part` of each window, in it."""
    tail, slowness = (truth.tail, truth.tail_factor), slowness * truth.latency
    quiet = _side(rng, requests * (1 - part), truth.errors, slowness, burst=truth.burst, tail=tail)
    if truth.incident is None:
        return quiet
    errors, slowness = np.maximum(failing, truth.errors), slowness * truth.incident.latency
    hit = _side(rng, requests * part * truth.incident.load, errors, slowness, burst=truth.burst, tail=tail)
    return _added(_stacked(quiet, hit))


def _pods(rng: np.random.Generator, scenario: Scenario, requests: Array, slowness: Array) -> Side:
    """The history by pod, (runs, pods, ...); the pods share the load equally."""
    each = np.repeat(requests[:, None] / PODS, PODS, axis=1)
    pods = _side(rng, each, ERRORS, slowness[:, None], burst=scenario.burst)
    if scenario.burst == 1 or scenario.burst_in_pod:
        return pods
    together = _bursts(rng, requests * ERRORS, scenario.burst).astype(np.int64)
    spread = np.moveaxis(rng.multinomial(together, [1 / PODS] * PODS), -1, 1).astype(np.float64)
    return replace(pods, errors=spread, requests=pods.answered + spread)


def _side(
    rng: np.random.Generator,
    requests: Array,
    errors: Array | float,
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


def _stacked(*sides: Side) -> Side:
    """Sides along a new axis after the runs, as pods are."""
    return Side(**{each.name: np.stack([getattr(side, each.name) for side in sides], axis=1) for each in fields(Side)})


def _added(pods: Side) -> Side:
    """The pods' counts together."""
    return Side(**{each.name: getattr(pods, each.name).sum(axis=1) for each in fields(Side)})
