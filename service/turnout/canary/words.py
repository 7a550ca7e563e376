"""What a judgment says to a person who was woken by it. Called by `turnout.canary.judging`."""

from __future__ import annotations

from turnout.canary.judgment import Evidence, MetricName

NAMES: dict[MetricName, str] = {
    "errors": "errors",
    "latency": "latency",
    "degraded": "degraded answers",
    "empty": "empty answers",
}


def failed(found: Evidence, also: list[MetricName], *, after_s: float) -> str:
    """Why the canary fails; `found` holds what was counted when it was sure."""
    slower = "" if found.bound is None else f" took longer than {duration(found.bound)}"
    canary = f"{_percent(found.canary_events, found.canary_requests)} of the canary's {count(found.canary_requests)}"
    stable = f"{_percent(found.stable_events, found.stable_requests)} of stable's {count(found.stable_requests)}"
    sentence = f"{NAMES[found.metric]}: {canary} searches{slower} against {stable}; this sure after {duration(after_s)}"
    return sentence + (f"; also worse: {_list([NAMES[metric] for metric in also])}" if also else "")


def passed(searches: float, *, after_s: float) -> str:
    """Why the canary passes."""
    return (
        f"within the margin of stable in {_list(list(NAMES.values()))}; "
        f"sure after {duration(after_s)} and {count(searches)} of the canary's searches"
    )


def undecided(waiting: list[MetricName], *, searches: float, needed: int | None, needed_s: float | None) -> str:
    """What is missing for a verdict."""
    of = _list([NAMES[metric] for metric in waiting])
    if needed is None:
        return f"not enough evidence yet on {of}, and too little is known of stable to say how many searches it takes"
    start = "not enough evidence yet" if searches else "the canary has answered no search yet"
    time = "" if needed_s is None else f", {duration(needed_s)} at this rate,"
    return f"{start}: about {count(_round(needed))} more searches{time} if it behaves as stable does; waiting for {of}"


def duration(seconds: float) -> str:
    """`85 ms`, `90 s`, `12 min` or `3.5 h`."""
    if seconds < 1:
        return f"{seconds * 1000:.3g} ms"
    if seconds < 180:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:,.1f} h"


def count(number: float) -> str:
    """A whole number with thousands set apart."""
    return f"{number:,.0f}"


def _percent(events: float, requests: float) -> str:
    """One digit after the point, more below 1 %."""
    share = 100.0 * events / requests if requests else 0.0
    return f"{share:.1f} %" if share >= 1 or share == 0 else f"{share:.2g} %"


def _round(number: int) -> int:
    """Two digits, upwards: the figure is a guess and shouldn't look like more."""
    unit = int(10 ** max(len(str(number)) - 2, 0))
    return -(-number // unit) * unit


def _list(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
