"""The curves of a trial's picture as numbers; see `picture`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from turnout.canary.judgment import Evidence, Judgment
from turnout.canary.samples import Counts, Samples, Side

BINS = 60
"""At most so many points in a curve of what happened at a time: more of them would be noise."""

TAIL = 0.01


@dataclass(frozen=True)
class Shares:
    """The share of a release's searches that went wrong, 0 to 1, not a number where there were none.

    Args:
        ends: end of each bin, Unix seconds; (bins,).
        each: of the searches in each bin; (bins,).
        so_far: of all searches from the start to the end of each bin; (bins,).
    """

    ends: Counts
    each: Counts
    so_far: Counts


def shares(samples: Samples, evidence: Evidence) -> tuple[Shares, Shares]:
    """The canary's and stable's shares for one metric; for latency those slower than `shown_bound`."""
    canary, stable = (_shares(samples, *counts(samples, side, evidence)) for side in (samples.canary, samples.stable))
    return canary, stable


def counts(samples: Samples, side: Side, evidence: Evidence) -> tuple[Counts, Counts]:
    """What went wrong in each window, and out of how many searches; both (windows,)."""
    match evidence.metric:
        case "errors":
            return side.errors, side.requests
        case "degraded":
            return side.degraded, side.requests
        case "empty":
            return side.empty, side.requests
        case "latency":
            bound = shown_bound(samples, evidence)
            if bound is None:
                return np.zeros_like(side.answered), side.answered
            return side.slow[samples.bounds.index(bound)], side.answered


def shown_bound(samples: Samples, evidence: Evidence) -> float | None:
    """The bound whose slow answers are drawn, in seconds; None if there are no bounds.

    The one that failed the canary, else the greatest that a hundredth of stable's answers exceeds.
    """
    if not samples.bounds:
        return None
    if evidence.failed_at is not None and evidence.bound in samples.bounds:
        return evidence.bound
    telling = samples.stable.slow.sum(axis=-1) >= TAIL * samples.stable.answered.sum()
    return samples.bounds[int(np.flatnonzero(telling)[-1])] if telling.any() else samples.bounds[0]


def traffic(samples: Samples) -> tuple[Counts, Counts, Counts]:
    """End of each bin, and the canary's and stable's searches per second in it; each (bins,)."""
    ends = _last(samples.ends)
    seconds = np.diff(ends, prepend=samples.since)
    return ends, _sums(samples.canary.requests) / seconds, _sums(samples.stable.requests) / seconds


def decided_at(judgment: Judgment) -> float | None:
    """The moment of the verdict, Unix seconds: the first metric that failed, or the last one that passed."""
    if judgment.verdict == "fail":
        return min((one.failed_at for one in judgment.evidence if one.failed_at is not None), default=None)
    passed = [one.passed_at for one in judgment.evidence if one.passed_at is not None]
    return max(passed) if judgment.verdict == "pass" and passed else None


def _shares(samples: Samples, events: Counts, requests: Counts) -> Shares:
    events, requests = _sums(events), _sums(requests)
    return Shares(_last(samples.ends), _ratio(events, requests), _ratio(np.cumsum(events), np.cumsum(requests)))


def _ratio(events: Counts, requests: Counts) -> Counts:
    return np.divide(events, requests, out=np.full_like(requests, np.nan), where=requests > 0)


def _starts(windows: int) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    return np.arange(0, windows, -(-windows // BINS))


def _sums(values: Counts) -> Counts:
    return np.add.reduceat(np.nan_to_num(values), _starts(len(values))) if len(values) else np.zeros(0)


def _last(ends: Counts) -> Counts:
    windows = len(ends)
    return ends[np.append(_starts(windows)[1:], windows) - 1] if windows else ends
