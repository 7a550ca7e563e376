"""A Mann-Whitney judge with the settings of Kayenta's NetflixACAJudge, for many runs at once. Read by judge_peers.py.

From kayenta-judge's NetflixACAJudge.scala: confidence 0.98, tolerance 0.25 of the Hodges-Lehmann estimate, outliers
beyond three interquartile ranges removed. From Spinnaker's canary documentation: samples of 60 s, three judgments of a
lifetime of three hours with one in each (here of the rollout's half hour), each metric in a group of its own; a score
below marginal (75) ends the canary at once, and the last one must reach pass (95). With three metrics one that is High
gives 67, so that any High ends it.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from judge_minutes import NEVER, Array, Minutes

_Z = 2.3263
"""Two-sided confidence of 0.98."""
_TOLERANCE, _OUTLIERS = 0.25, 3.0


def judged(canary: Minutes, stable: Minutes, *, at: Iterable[int]) -> Array:
    """Minutes until the judge ends each run: the first of `at` at which a metric is High; (runs,).

    Samples are all minutes so far. Direction is increase for all three metrics.
    """
    ended = np.full(canary.error_share.shape[0], NEVER)
    for minute in at:
        bad = np.zeros(ended.shape, dtype=bool)
        for name in ("error_share", "p50", "p99"):
            bad |= high(getattr(canary, name)[:, :minute], getattr(stable, name)[:, :minute])
        ended = np.where(bad & np.isinf(ended), minute, ended)
    return ended


def high(experiment: Array, control: Array) -> Array:
    """Whether the interval for the shift of `experiment` lies above the tolerance; (runs, samples) each.

    The interval's lower end is the shift at which the normal approximation of the rank sum reaches the quantile, found
    among the sorted pairwise differences; values that repeat (noughts, mostly) make the variance less.
    """
    x, y = _without_outliers(experiment), _without_outliers(control)
    m, n = (np.isfinite(side).sum(axis=-1).astype(np.float64) for side in (x, y))
    differences = np.sort((x[:, :, None] - y[:, None, :]).reshape(x.shape[0], -1), axis=-1)
    pairs = m * n
    with np.errstate(invalid="ignore", divide="ignore"):
        repeats = (_repeats(x) + _repeats(y)) / ((m + n) * (m + n - 1))
        sigma = np.sqrt(pairs / 12 * np.maximum(m + n + 1 - repeats, 0))
    above = np.nan_to_num(pairs / 2 + 0.5 + _Z * sigma, nan=np.inf)
    lower = _at(differences, pairs - np.ceil(above))
    estimate = (_at(differences, np.floor((pairs - 1) / 2)) + _at(differences, np.ceil((pairs - 1) / 2))) / 2
    enough = (pairs > 0) & (above <= pairs)
    return np.asarray(enough & (lower > _TOLERANCE * np.abs(estimate)))


def _at(ordered: Array, index: Array) -> Array:
    safe = np.clip(index, 0, ordered.shape[-1] - 1).astype(np.int64)
    return np.take_along_axis(ordered, safe[:, None], axis=-1)[:, 0]


def _repeats(values: Array) -> Array:
    """The sum of t^3 - t over groups of t equal values."""
    equal = (values[:, :, None] == values[:, None, :]).sum(axis=-1).astype(np.float64)
    return np.where(equal > 0, equal**2 - 1, 0.0).sum(axis=-1)


def _without_outliers(values: Array) -> Array:
    """NaN in place of what lies beyond both three interquartile ranges and the outermost percentiles."""
    p01, p25, p75, p99 = np.nanpercentile(values, (1, 25, 75, 99), axis=-1, keepdims=True)
    reach = _OUTLIERS * (p75 - p25)
    inside = (values >= np.minimum(p01, p25 - reach)) & (values <= np.maximum(p99, p75 + reach))
    return np.where(inside, values, np.nan)
