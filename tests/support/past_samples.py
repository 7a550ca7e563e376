"""Samples of a simulated trial, as Prometheus would have given them, for what is drawn and shown of them."""

from __future__ import annotations

import numpy as np

from support.past_trials import BOUNDS, START
from turnout.canary.course import course
from turnout.canary.judging import judge
from turnout.canary.samples import Samples, Side
from turnout.judge.replay import PastTrial
from turnout.judge.replay_judged import Replay
from turnout.judge.trial import Trial
from turnout.release.artifacts import CanaryGates

WINDOW_S = 30.0


def simulated(
    *, windows: int = 60, canary_rate: float = 5.0, errors: float = 0.005, slower: float = 1.0, seed: int = 1
) -> Replay:
    """A trial of a canary with that share of errors and so many times the latency, beside a stable at 45 per second."""
    random = np.random.default_rng(seed)
    stable, canary = _side(random, windows, 45.0), _side(random, windows, canary_rate, errors=errors, slower=slower)
    ends = START + WINDOW_S * np.arange(1, windows + 1)
    samples = Samples(START, ends, BOUNDS, canary, stable, _side(random, 120, 45.0))
    trial = Trial("toys", "5c9d7b8f6d", "7f86c9d5b4", since=START, window_s=WINDOW_S)
    past = PastTrial(trial, "r-1111111111111111", "r-2222222222222222", START + WINDOW_S * windows, "running")
    gates = CanaryGates()
    return Replay(past, samples, judge(samples, gates), course(samples, gates) if windows else None)


def _side(
    random: np.random.Generator, windows: int, rate: float, *, errors: float = 0.005, slower: float = 1.0
) -> Side:
    requests = random.poisson(rate * WINDOW_S, windows)
    failed = random.binomial(requests, errors)
    answered = requests - failed
    seconds = [np.exp(random.normal(np.log(0.08 * slower), 0.5, count)) for count in answered]
    slow = np.array([[np.count_nonzero(each > bound) for each in seconds] for bound in BOUNDS], dtype=float)
    counts = (requests, failed, random.binomial(answered, 0.005), random.binomial(answered, 0.02), answered)
    return Side(*(each.astype(float) for each in counts), slow=slow.reshape(len(BOUNDS), windows))
