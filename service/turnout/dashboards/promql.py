"""Pieces of PromQL that several panels need. Used by the dashboards' modules beside this one.

Pods tell their release and not their collection, so what they count is narrowed by what they serve.
"""

from __future__ import annotations

from collections.abc import Sequence

from turnout.dashboards.panels import State

OURS = 'collection="$collection"'
SEARCH = 'path="/search"'
SIDE = "release, rollouts_pod_template_hash"
SIDE_LEGEND = "{{release}} {{rollouts_pod_template_hash}}"
_SERVING = f"last_over_time(turnout_release_info{{{OURS}}}[5m])"


def serving(vector: str, *, on: str = "release") -> str:
    """Of a pod's series those whose pod serves the collection."""
    return f"({vector} and on ({on}) {_SERVING})"


def rate(metric: str, matchers: str = "") -> str:
    """A counter of pods that serve the collection, each second; by pod."""
    braces = f"{{{matchers}}}" if matchers else ""
    return serving(f"rate({metric}{braces}[$__rate_interval])")


def total(metric: str, matchers: str = "", *, by: str = SIDE) -> str:
    """The same, added up."""
    return f"sum by ({by}) {rate(metric, matchers)}"


def share(part: str, whole: str) -> str:
    """A share of totals with the same labels. A part that never happened is 0; nothing where nothing was counted."""
    return f"({part} or 0 * {whole}) / ({whole} > 0)"


def _and_bound(by: str) -> str:
    return f"le, {by}" if by else "le"


def quantile(q: float, metric: str, matchers: str = "", *, by: str = SIDE) -> str:
    """A quantile of a histogram of pods that serve the collection; unit of the histogram."""
    return f"histogram_quantile({q:g}, {total(f'{metric}_bucket', matchers, by=_and_bound(by))})"


def mean(metric: str, matchers: str = "", *, by: str = SIDE) -> str:
    """The mean of a histogram's observations."""
    return f"{total(f'{metric}_sum', matchers, by=by)} / ({total(f'{metric}_count', matchers, by=by)} > 0)"


def newest(metric: str, matchers: str = "", *, by: str) -> str:
    """A gauge that several replicas may tell."""
    return f"max by ({by}) ({_ours(metric, matchers)})"


def grows(counter: str, matchers: str = "", *, by: str) -> str:
    """A counter that tells its collection, each second, added up."""
    return f"sum by ({by}) (rate({_ours(counter, matchers)}[$__rate_interval]))"


def _ours(metric: str, matchers: str) -> str:
    return f"{metric}{{{', '.join(filter(None, (OURS, matchers)))}}}"


def coded(metric: str, label: str, states: Sequence[State], *, by: str) -> str:
    """One series of numbers for a timeline, out of a gauge that is 1 for its state and 0 for all others."""
    parts = (f'{metric}{{{OURS}, {label}="{state.word}"}} * {state.value}' for state in states)
    return f"max by ({by}) ({' or '.join(parts)})"


def happened(counter: str, matchers: str, *, by: str) -> str:
    """How often something was counted in the last minute, where it was. The first time makes the series, so there was
    nothing to subtract."""
    inside = _ours(counter, matchers)
    now = f"sum by ({by}) ({inside})"
    return f"({now} - (sum by ({by}) ({inside} offset 1m) or 0 * {now})) > 0"
