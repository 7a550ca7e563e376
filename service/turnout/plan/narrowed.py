"""What may callers and documents no longer do after a change? Called by `policy`.

A filter that is gone is an error for whoever uses it. A limit that is a little lower is care; one that is cut to a
fraction turns away what was served yesterday, which no query set shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter

from turnout.plan.refusal import Refusal, or_override
from turnout.release.artifacts import Limits, Policy, Release
from turnout.release.findings import shown

FILTER_REMOVED = "filter-removed"
LIMITS_CUT = "limits-cut"

# A deadline is a limit too: seconds written where milliseconds are meant turn away nearly every search.
_LIMITS = (*(f"limits.{name}" for name in Limits.__struct_fields__), "retrieval.timeout_ms")


def narrowed(policy: Policy, base: Release, head: Release) -> Iterator[Refusal]:
    """Filters that are gone, limits that are cut below policy's share of what they were."""
    allowed = set(head.pipeline.retrieval.filter_fields)
    if gone := [name for name in base.pipeline.retrieval.filter_fields if name not in allowed]:
        yield Refusal(
            rule=FILTER_REMOVED,
            what=f"callers can no longer filter by {', '.join(shown(name) for name in gone)}: they get an error",
            remedy=or_override("put it back into retrieval.filter_fields; if nobody uses it", FILTER_REMOVED),
        )
    share = policy.limits.min_share
    cut = [
        f"{name} {old:,} -> {new:,}"
        for name in _LIMITS
        if (new := attrgetter(name)(head.pipeline)) < (old := attrgetter(name)(base.pipeline)) * share
    ]
    if cut:
        yield Refusal(
            rule=LIMITS_CUT,
            what=f"less is let through than {share:g} of what was: {', '.join(cut)}",
            remedy=or_override("lower it in smaller parts", LIMITS_CUT),
        )
