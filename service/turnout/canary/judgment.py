"""A judgment of a canary in words and figures, as it is answered, stored, exported and shown."""

from __future__ import annotations

from typing import Literal

import msgspec

Verdict = Literal["pass", "fail", "inconclusive"]
MetricName = Literal["errors", "latency", "degraded", "empty"]


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What one metric says. Evidence is the decimal logarithm of an e-value; the greatest so far counts.

    Args:
        harm, harm_needed: evidence that the canary is worse than tolerated, and how much of it fails the canary.
        safe, safe_needed: evidence that it isn't worse than the margin, and how much of it is enough to pass.
        canary_events, canary_requests, stable_events, stable_requests: what was counted since the start; for latency at
            the bound that says most.
        bound: that bound in seconds; None for the other metrics.
        dispersion: by how much events come in bursts, from stable's history; 1 is independent.
        failed_at, passed_at: end of the window that decided, Unix seconds.
    """

    metric: MetricName
    harm: float
    harm_needed: float
    safe: float
    safe_needed: float
    canary_events: float
    canary_requests: float
    stable_events: float
    stable_requests: float
    bound: float | None = None
    dispersion: float = 1.0
    failed_at: float | None = None
    passed_at: float | None = None


class ProbeResult(msgspec.Struct, frozen=True, kw_only=True):
    """Judged quality of both releases on the canary's query set, asked through their pods: measured once per pair.

    Args:
        verdict, reason: `fail` only for a loss beyond chance; `inconclusive` also while the queries are being asked.
        metric: the gate's, such as `ndcg@10`; empty if nothing was measured.
        canary, stable: its mean over the queries that both releases answered.
        loss: stable minus canary; positive is worse.
        loss_low, loss_high: the interval of the loss at the gate's level.
        queries: how many judged queries decided.
        canary_ann_recall, stable_ann_recall: share of the exact nearest passages that approximate search finds.
    """

    verdict: Verdict
    reason: str
    metric: str = ""
    canary: float | None = None
    stable: float | None = None
    loss: float | None = None
    loss_low: float | None = None
    loss_high: float | None = None
    queries: int = 0
    canary_ann_recall: float | None = None
    stable_ann_recall: float | None = None


class Judgment(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict on a canary with its reason: a pure function of what was counted between `since` and `until`.

    Args:
        verdict: `fail` if any metric is surely worse than tolerated; `pass` if all are surely within their margins;
            else `inconclusive`, also whenever the samples have a problem.
        reason: one plain sentence, for people.
        since, until: start of the trial and end of the last window, Unix seconds.
        windows: how many of them.
        needed_requests: about how many more searches the canary must answer for a verdict; None if there is one.
        needed_seconds: how long that takes at this rate; None if there is a verdict or no traffic.
        quality: what asking the query set says; None if it wasn't asked yet.
    """

    verdict: Verdict
    reason: str
    since: float
    until: float
    windows: int
    evidence: tuple[Evidence, ...] = ()
    needed_requests: int | None = None
    needed_seconds: float | None = None
    quality: ProbeResult | None = None
