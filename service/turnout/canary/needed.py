"""How much more traffic a verdict takes. Called by `turnout.canary.judging`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from turnout.canary.course import course
from turnout.canary.samples import Counts, Samples, Side
from turnout.release.artifacts import CanaryGates

# Numbers of searches that are tried: a tenth apart, up to far more than any trial gets.
STEPS = np.unique(np.round(np.geomspace(1.0, 1e9, 220)))
# The canary's part of the traffic where it can't be seen yet.
USUAL_PART = 0.1
RECENT = 10


def needed(samples: Samples, gates: CanaryGates) -> int | None:
    """About how many more searches the canary must answer to pass if it behaves as stable does; None if none suffice.

    The trial is continued with what stable's share of events lets expect, and weighed by the very test it must pass.
    """
    more = np.diff(STEPS, prepend=0.0)
    requests = (samples.canary.requests[-RECENT:].sum(), samples.stable.requests[-RECENT:].sum())
    part = requests[0] / sum(requests) if all(requests) else USUAL_PART
    usual = _usual(samples)
    ahead = replace(
        samples,
        ends=np.append(samples.ends, np.arange(1.0, STEPS.size + 1) + samples.since + samples.ends.size),
        canary=_continued(samples.canary, usual, more),
        stable=_continued(samples.stable, usual, more * (1.0 - part) / part),
    )
    passed_at = int(course(ahead, gates).passed_at)
    if passed_at < 0:
        return None
    return int(STEPS[passed_at - samples.ends.size]) if passed_at >= samples.ends.size else 0


def rate(samples: Samples) -> float:
    """The canary's searches per second lately."""
    windows = min(RECENT, samples.ends.size)
    if not windows:
        return 0.0
    start = samples.since if windows == samples.ends.size else float(samples.ends[-windows - 1])
    spent = float(samples.ends[-1]) - start
    return float(samples.canary.requests[-windows:].sum()) / spent if spent > 0 else 0.0


def _usual(samples: Samples) -> Side:
    """What one search of stable's adds on average to each count, from its history and the trial."""

    def total(field: str) -> Counts:
        return np.asarray(getattr(samples.history, field).sum(axis=-1) + getattr(samples.stable, field).sum(axis=-1))

    requests = max(float(total("requests")), 1.0)
    answered = total("answered") / requests if total("requests") else np.ones(())
    return Side(
        requests=np.ones(()),
        errors=total("errors") / requests,
        degraded=total("degraded") / requests,
        empty=total("empty") / requests,
        answered=answered,
        slow=total("slow") / requests,
    )


def _continued(side: Side, usual: Side, more: Counts) -> Side:
    fields = ("requests", "errors", "degraded", "empty", "answered", "slow")
    grown = (
        np.concatenate([getattr(side, field), getattr(usual, field)[..., None] * more], axis=-1) for field in fields
    )
    return Side(*grown)
