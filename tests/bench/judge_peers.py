"""What else people put in front of a canary: fixed thresholds, Flagger, a Mann-Whitney judge, a z-test at every look.

Each is a function of the same counts that turnout's judge gets, and answers after how many minutes it stops each run;
infinity is never. Each rule is a peer of its own, so that no rule is blamed for another one's false alarms.
Read by judge_cells.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import judge_kayenta
import numpy as np
from judge_minutes import Minutes, first, minutes, quantile
from judge_scenarios import BOUNDS, WINDOW_S, Array, slower

from turnout.canary.samples import Samples

USUAL_P99_S = float(quantile(0.99, np.ones(1), slower(1.0)[:, None])[0])
"""What Prometheus shows as stable's p99 in quiet times: a threshold on it is set as well as it can be."""
Z_LEVEL = 1.6449
"""One-sided 5 %."""


def stopped(samples: Samples) -> Mapping[str, Array]:
    """Minutes until each peer stops each run; (runs,) by name."""
    canary, stable = minutes(samples.canary), minutes(samples.stable)
    return {name: peer(canary, stable) for name, peer in _BY_MINUTE.items()} | {"z-test at every look": _z(samples)}


def _argo(failed: Array, limit: int) -> Array:
    """Argo Rollouts ends an analysis when more measurements than failureLimit failed, in a row or not.

    Source: assessMetricFailureInconclusiveOrError in analysis/analysis.go of Argo Rollouts 1.10. An interval and a
    window of one minute are usual; failureLimit is 0 unless it is given, and 3 in its documentation.
    """
    return first(np.cumsum(failed, axis=-1) > limit)


def _flagger(failed: Array) -> Array:
    """Flagger rolls back at the check after the one that made the failed checks reach the threshold, 5.

    Source: advanceCanary in pkg/controller/scheduler.go; interval 1m and threshold 5 as in its tutorials. The weight
    stays as it is here; Flagger would raise it with each good check.
    """
    before = np.cumsum(failed, axis=-1)[..., :-1]
    return first(np.concatenate([np.zeros_like(before[..., :1]), before], axis=-1) >= 5)


def _z(samples: Samples) -> Array:
    """Errors and slow searches of all windows so far, each by a pooled two-proportion z-test at one-sided 5 %.

    Slow is slower than the bound that is nearest to stable's usual median, where such a test has most power.
    """
    bound = BOUNDS.index(0.1)
    over = np.maximum(
        _score(samples.canary.errors, samples.canary.requests, samples.stable.errors, samples.stable.requests),
        _score(
            samples.canary.slow[..., bound, :],
            samples.canary.answered,
            samples.stable.slow[..., bound, :],
            samples.stable.answered,
        ),
    )
    return first(over > Z_LEVEL, every=WINDOW_S / 60)


def _score(canary_events: Array, canary_requests: Array, stable_events: Array, stable_requests: Array) -> Array:
    xc, nc, xs, ns = (
        np.cumsum(part, axis=-1) for part in (canary_events, canary_requests, stable_events, stable_requests)
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        pooled = (xc + xs) / (nc + ns)
        score = (xc / nc - xs / ns) / np.sqrt(pooled * (1 - pooled) * (1 / nc + 1 / ns))
    return np.where(np.isfinite(score), score, 0.0)


_BY_MINUTE: Mapping[str, Callable[[Minutes, Minutes], Array]] = {
    "Argo: errors > 1 %, limit 0": lambda canary, _: _argo(canary.error_share > 0.01, 0),
    "Argo: errors > 1 %, limit 3": lambda canary, _: _argo(canary.error_share > 0.01, 3),
    "Argo: errors > 5 %, limit 0": lambda canary, _: _argo(canary.error_share > 0.05, 0),
    "Argo: errors > 5 %, limit 3": lambda canary, _: _argo(canary.error_share > 0.05, 3),
    "Argo: p99 > 1.2 x usual, limit 3": lambda canary, _: _argo(canary.p99 > 1.2 * USUAL_P99_S, 3),
    "Flagger: success >= 99 %": lambda canary, _: _flagger(canary.error_share > 0.01),
    # 500 ms is what its documentation sets.
    "Flagger: p99 <= 500 ms": lambda canary, _: _flagger(canary.p99 > 0.5),
    "Kayenta: 3 runs": lambda canary, stable: judge_kayenta.judged(canary, stable, at=(10, 20, 30)),
    "Kayenta: each 2 min from 10": lambda canary, stable: judge_kayenta.judged(canary, stable, at=range(10, 31, 2)),
}

NAMES = (*_BY_MINUTE, "z-test at every look")
