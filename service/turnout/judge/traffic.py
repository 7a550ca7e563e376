"""Live traffic of a canary and of stable as samples, and the judgment of them.

A pure function of what was scraped between the trial's start and now: it asks for everything again at each look, so a
restart, another replica or a replay a week later comes to the same result. Called by the controller, `replay` and the
demo. Whatever is wrong with the data becomes a problem of the samples, which then conclude nothing.
"""

from __future__ import annotations

import math

import numpy as np

from turnout.canary.judging import judge
from turnout.canary.judgment import Judgment
from turnout.canary.samples import Samples, Side
from turnout.errors import TurnoutError
from turnout.judge.traffic_look import Look, clock
from turnout.judge.traffic_windows import samples_of
from turnout.judge.trial import TEMPLATE_HASH, Trial
from turnout.prometheus import Prometheus
from turnout.prometheus.counting import count
from turnout.prometheus.grid import Grid, Unsound
from turnout.release.artifacts import CanaryGates

HISTORY_S = 3600.0
"""How much of stable's past before the trial is read, to see in what bursts events come."""
SETTLE = 0.5
"""Parts of a window that the last one must be over for: a scrape takes time, and its values bear the time it began."""
_MOST_INSTANTS = 11_000  # what Prometheus gives in one answer


def judge_traffic(trial: Trial, gates: CanaryGates, prometheus: Prometheus, *, now: float) -> Judgment:
    """Judge a canary by its searches until `now`, Unix seconds. Never raises for bad data: that is inconclusive."""
    return judge(sample(trial, prometheus, now=now), gates)


def sample(trial: Trial, prometheus: Prometheus, *, now: float) -> Samples:
    """What was counted of both sides since the trial's start, in windows that had been scraped by `now`.

    Windows are disjoint, and the same for both sides. Where a pod wasn't scraped for a while they are longer.

    Args:
        now: Unix seconds; may be a time of the past.
    """
    try:
        grid = _grid(trial, now)
        seen = Look(prometheus, trial, grid, now=now).seen()
        return samples_of(seen, count(seen.values, seen.starts, grid), trial, grid)
    except Unsound as unsound:
        return _without(trial, str(unsound))
    except TurnoutError as error:
        return _without(trial, error.what)


def _grid(trial: Trial, now: float) -> Grid:
    """The instants of the history and of the trial's windows that are over.

    Raises:
        Unsound: the trial isn't one, or there is no window yet, or there are too many.
    """
    if not all(map(math.isfinite, (trial.since, trial.window_s, now))) or not 1.0 <= trial.window_s <= 3600.0:
        raise Unsound("the trial's start or its windows are no times (a window has 1 to 3600 s)")
    if not all(TEMPLATE_HASH.fullmatch(each) for each in (trial.stable, trial.canary)):
        raise Unsound("the pod template hashes are not such")
    if trial.stable == trial.canary:
        raise Unsound("canary and stable are the same")
    if trial.since > now:
        raise Unsound(f"the trial starts in the future, at {clock(trial.since)}; clocks may be apart")
    windows = math.floor((now - trial.since) / trial.window_s - SETTLE + 1e-9)
    history = int(HISTORY_S // trial.window_s)
    if windows < 1:
        raise Unsound(f"not one whole window of {trial.window_s:g} s is over and scraped yet")
    if windows + history >= _MOST_INSTANTS:
        raise Unsound(f"the trial is too long for windows of {trial.window_s:g} s; use longer ones")
    start = round(trial.since, 3) - history * trial.window_s
    return Grid(start, trial.window_s, history + windows + 1, trial=history)


def _without(trial: Trial, problem: str) -> Samples:
    nothing = np.zeros(0)
    side = Side(nothing, nothing, nothing, nothing, nothing, np.zeros((0, 0)))
    return Samples(trial.since, nothing, (), side, side, side, problems=(problem,))
