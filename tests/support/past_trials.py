"""What Prometheus has of trials of the past: pods of several releases under simulated traffic, as OpenMetrics text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SCRAPE_S = 15
START = 1_740_823_200  # 2025-03-01T10:00:00Z


@dataclass(frozen=True)
class Pods:
    """Pods of one release, from their first scrape to their last one; times in seconds after START.

    Args:
        rate: searches per second of all of them together.
        errors: share of these that end with a 503.
        slower: how many times as long as usual they take.
    """

    template_hash: str
    begin: int
    end: int
    release: str = "r-0000000000000000"
    pods: int = 2
    rate: float = 45.0
    errors: float = 0.005
    slower: float = 1.0
    collection: str = "toys"


def openmetrics(*sides: Pods, seed: int = 1) -> str:
    """The history of all pods, for `support.prometheus.backfill`."""
    random = np.random.default_rng(seed)
    lines = [line for side in sides for pod in range(side.pods) for line in _pod(side, pod, random)]
    return "\n".join([*lines, "# EOF", ""])


def _pod(side: Pods, pod: int, random: np.random.Generator) -> Iterator[str]:
    target = f'instance="{side.template_hash}-{pod}:8080",job="turnout"'
    own = f'{target},release="{side.release}",rollouts_pod_template_hash="{side.template_hash}"'
    times = np.arange(side.begin, side.end + 1, SCRAPE_S) + START
    # A pod counts from nothing: its first scrape finds little.
    searches = random.poisson(side.rate / side.pods * SCRAPE_S, len(times))
    searches[0] = 0
    failed = random.binomial(searches, side.errors)
    answered = searches - failed
    seconds = [np.exp(random.normal(np.log(0.08 * side.slower), 0.5, count)) for count in answered]
    within = np.array([[np.count_nonzero(each <= bound) for bound in BOUNDS] for each in seconds])
    empty, degraded = random.binomial(answered, 0.02), random.binomial(answered, 0.005)
    search = f'{own},path="/search"'
    counters = {
        f'http_requests_total{{{search},method="POST",status="200"}}': answered,
        f'http_requests_total{{{search},method="POST",status="503"}}': failed,
        f'http_request_duration_seconds_count{{{search},status="200"}}': answered,
        f'http_request_duration_seconds_bucket{{{search},status="200",le="+Inf"}}': answered,
        f'search_degraded_total{{{own},reason="embedding_slow"}}': degraded,
        f'search_degraded_total{{{own},reason="elasticsearch_unavailable"}}': 0 * degraded,
        f"search_empty_total{{{own}}}": empty,
    }
    for column, bound in enumerate(BOUNDS):
        counters[f'http_request_duration_seconds_bucket{{{search},status="200",le="{bound}"}}'] = within[:, column]
    for series, counts in counters.items():
        yield from (f"{series} {total} {time}" for total, time in zip(np.cumsum(counts), times, strict=True))
    info = f'turnout_release_info{{{own},collection="{side.collection}"}} 1'
    for time in times:
        yield f"{info} {time}"
        yield f"process_start_time_seconds{{{target}}} {times[0] - 10} {time}"
