"""What `turnout status` says of a canary on trial: the verdict, why, and a line for each metric. Called by `status`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from turnout.canary.judgment import Evidence, Judgment, ProbeResult

COLOURS = {"pass": "green", "fail": "red", "inconclusive": "yellow"}


def judgment_lines(judgment: Judgment) -> Iterator[tuple[str, str]]:
    """The lines, each with its colour; what other programs said is in them as it is."""
    colour = COLOURS[judgment.verdict]
    yield f"  judged     {judgment.verdict}: {judgment.reason} ({_span(judgment)})", colour
    for each in judgment.evidence:
        yield f"    {_metric(each)}", _colour(each)
    if judgment.quality is not None:
        yield f"    {_quality(judgment.quality)}", COLOURS[judgment.quality.verdict]


def _span(judgment: Judgment) -> str:
    until = datetime.fromtimestamp(judgment.until, UTC).strftime("%Y-%m-%d %H:%M:%S")
    if not judgment.windows:
        return f"at {until}"
    minutes = (judgment.until - judgment.since) / 60
    return f"{minutes:.1f} minutes in {judgment.windows} windows, until {until}"


def _metric(each: Evidence) -> str:
    shares = f"canary {share(each.canary_events, each.canary_requests) or 'of no searches'}"
    shares += f", stable {share(each.stable_events, each.stable_requests) or 'of no searches'}"
    worse, as_good = f"{each.harm:.2f} of {each.harm_needed:.2f}", f"{each.safe:.2f} of {each.safe_needed:.2f}"
    return f"{metric_name(each):<16} {shares:<50} evidence: worse {worse}, as good {as_good}"


def metric_name(each: Evidence) -> str:
    """What was counted: `errors`, or `latency > 0.25 s`."""
    return each.metric if each.bound is None else f"{each.metric} > {each.bound:g} s"


def share(events: float, requests: float) -> str:
    """How often something happened: `0.52 % of 6,000`; empty if it couldn't."""
    if not requests:
        return ""
    percent = 100 * events / requests
    return f"{percent:.{2 if percent < 10 else 0}f} % of {requests:,.0f}"


def _quality(probe: ProbeResult) -> str:
    if probe.canary is None or probe.stable is None:
        return f"{'quality':<16} {probe.reason}"
    return f"{probe.metric or 'quality':<16} canary {probe.canary:.3f}, stable {probe.stable:.3f}: {probe.reason}"


def _colour(each: Evidence) -> str:
    if each.failed_at is not None:
        return COLOURS["fail"]
    return COLOURS["pass"] if each.passed_at is not None else ""
