"""CPU time of one judgment, from the bytes that Prometheus answers to the verdict. Read by bench_judge.py.

A trial of two hours with the hour before it, a look every 30 s, 100 pods of which 10 are the canary's. The answers are
made beforehand; reading them from the network isn't counted.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass

from support.judging import Canned, canned
from turnout.canary.judgment import Judgment
from turnout.judge.traffic import judge_traffic
from turnout.judge.trial import Trial
from turnout.release.artifacts import CanaryGates

HOURS, PODS, CANARIES = 2.0, 100, 10
_REPEATS = 9


@dataclass(frozen=True)
class Spent:
    """CPU time of several judgments of the same answers, milliseconds."""

    median_ms: float
    most_ms: float
    answers_bytes: int
    judgment: Judgment


def spent(*, repeats: int = _REPEATS) -> Spent:
    """Judge as often as that; the first time, in which modules are loaded, is left out."""
    trial = Trial("toys", "5c9d7b8f6d", "7f86c9d5b4", since=1_767_225_600.0)
    answers = canned(trial, hours=HOURS, pods=PODS, canaries=CANARIES)
    judgment, _ = _judged(trial, answers)
    times = [_judged(trial, answers)[1] for _ in range(repeats)]
    size = sum(len(body) for body in answers.answers.values())
    return Spent(statistics.median(times), max(times), size, judgment)


def _judged(trial: Trial, answers: Canned) -> tuple[Judgment, float]:
    start = time.process_time()
    now = trial.since + HOURS * 3600 + trial.window_s
    judgment = judge_traffic(trial, CanaryGates(), answers, now=now)  # type: ignore[arg-type]  # stands in
    return judgment, (time.process_time() - start) * 1000
