"""The expressions that a trial's samples are read with. Called by `turnout.judge.traffic`.

Each keeps every label of a pod and sums away only what one pod counts apart: two series of a pod that differ in a label
that nobody knows are counted twice, and are seen here as two. Values are Prometheus' own, of the last scrape before an
instant, and end with a failed scrape or a pod that is gone. Where Prometheus itself was away they are repeated for five
minutes; so `starts`, which says when a pod was scraped at all, takes only what was scraped since the last instant.
"""

from __future__ import annotations

from dataclasses import dataclass

_OF_PODS = "on (job, instance) turnout_release_info"


@dataclass(frozen=True)
class Queries:
    """PromQL for the pods of some hashes.

    Args:
        hashes: pod template hashes; letters and digits only, which the caller has checked.
        window_s: seconds from one instant to the next.
    """

    hashes: tuple[str, ...]
    window_s: float

    @property
    def _pods(self) -> str:
        return f'rollouts_pod_template_hash=~"{"|".join(self.hashes)}"'

    def roster(self, range_s: float) -> str:
        """Every pod that was scraped in a range, with release and collection."""
        return f"last_over_time(turnout_release_info{{{self._pods}}}[{_duration(range_s)}])"

    @property
    def known(self) -> str:
        """Pods that Prometheus scrapes or tries to; gone once it has stopped trying."""
        return f"up and on (job, instance) last_over_time(turnout_release_info{{{self._pods}}}[10m])"

    @property
    def starts(self) -> str:
        """When each pod's process began, where it was scraped since the last instant."""
        mine = f"process_start_time_seconds and {_OF_PODS}{{{self._pods}}}"
        return f"({mine}) and timestamp(process_start_time_seconds) > time() - {self.window_s:g}"

    @property
    def requests(self) -> str:
        """Searches by status."""
        return f'sum without (method) (http_requests_total{{path="/search",{self._pods}}})'

    @property
    def seconds(self) -> str:
        """Answered searches up to each bound of the histogram."""
        buckets = f'http_request_duration_seconds_bucket{{path="/search",status=~"2..",{self._pods}}}'
        return f"sum without (status) ({buckets})"

    @property
    def degraded(self) -> str:
        """Degraded answers: all (without the label `reason`), and those from memory (with it) unless there are none."""
        memory = f'search_degraded_total{{reason="elasticsearch_unavailable",{self._pods}}}'
        return f"sum without (reason) (search_degraded_total{{{self._pods}}}) or {memory} > 0"

    @property
    def empty(self) -> str:
        """Answers without a hit."""
        return f"search_empty_total{{{self._pods}}}"


def _duration(seconds: float) -> str:
    return f"{max(1, round(seconds * 1000))}ms"
