"""Judges a trial of the past again, and keeps what the picture of it needs. Called by `turnout judge`."""

from __future__ import annotations

from dataclasses import dataclass

from turnout.canary.course import Course, course
from turnout.canary.judging import judge
from turnout.canary.judgment import Judgment
from turnout.canary.samples import Samples
from turnout.judge.replay import PastTrial
from turnout.judge.traffic import sample
from turnout.prometheus import Prometheus
from turnout.release.artifacts import CanaryGates


@dataclass(frozen=True)
class Replay:
    """A trial of the past, what was counted in it, and what the judge says of it.

    `course` is the evidence after each window; None without windows.
    """

    past: PastTrial
    samples: Samples
    judgment: Judgment
    course: Course | None


def replay(prometheus: Prometheus, past: PastTrial, gates: CanaryGates) -> Replay:
    """Judge with what was scraped until the trial's end. What is wrong with the samples is said in the judgment."""
    samples = sample(past.trial, prometheus, now=past.until)
    windows = samples.ends.shape[-1]
    return Replay(past, samples, judge(samples, gates), course(samples, gates) if windows else None)
