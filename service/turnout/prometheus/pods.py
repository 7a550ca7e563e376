"""Which pods were scraped, of which release, and what speaks against counting them. Called by `turnout.judge.traffic`.

Labels decide whose counts are weighed, so they are held against each other here: a hash must stand for one release of
one collection in one place, and each pod must be counted once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from turnout.prometheus.grid import Grid, Unsound, on_grid
from turnout.prometheus.series import Floats, Series

HASH = "rollouts_pod_template_hash"
_CLOCK_S = 5.0


class Target(NamedTuple):
    """A pod as Prometheus names it; labels that aren't there are empty."""

    job: str
    instance: str
    namespace: str
    pod: str


@dataclass(frozen=True)
class Pod:
    """A pod of one side.

    Args:
        row: its place in all arrays with an axis of pods.
    """

    row: int
    template_hash: str
    release: str


Roster = dict[Target, Pod]


def target_of(series: Series) -> Target:
    """Whose series it is."""
    get = series.labels.get
    return Target(get("job", ""), get("instance", ""), get("namespace", ""), get("pod", ""))


def roster(found: Iterable[Series], *, collection: str, hashes: Sequence[str]) -> Roster:
    """The pods of some hashes, from their `turnout_release_info`.

    Raises:
        Unsound: a hash has no pods, or stands for more than one release, collection, namespace or Rollout; a pod is
            there twice.
    """
    pods: Roster = {}
    labels: dict[str, list[dict[str, str]]] = defaultdict(list)
    for series in found:
        target, own = target_of(series), series.labels
        if target in pods:
            raise Unsound(f"{target.instance} is counted twice: its series differ in a label that turnout doesn't know")
        pods[target] = Pod(len(pods), own.get(HASH, ""), own.get("release", ""))
        labels[own.get(HASH, "")].append(own)
    for template_hash in hashes:
        if not labels[template_hash]:
            raise Unsound(f"Prometheus knows no pods with {HASH}={template_hash}")
        _one_of_each(template_hash, labels[template_hash], collection)
    if len({own.get("namespace", "") for each in labels.values() for own in each}) > 1:
        raise Unsound("the canary's pods and stable's are in different namespaces")
    return pods


def _one_of_each(template_hash: str, labels: Sequence[dict[str, str]], collection: str) -> None:
    collections = {own.get("collection", "") for own in labels}
    if collections != {collection}:
        raise Unsound(f"pods of hash {template_hash} serve {_listed(collections)} instead of collection {collection}")
    for name in ("release", "namespace"):
        values = {own.get(name, "") for own in labels}
        if len(values) > 1:
            raise Unsound(f"pods of hash {template_hash} have more than one {name}: {_listed(values)}")
    if labels[0].get("release", "") == "":
        raise Unsound(f"pods of hash {template_hash} don't say their release")
    rollouts = {own["pod"].partition(f"-{template_hash}-")[0] for own in labels if own.get("pod")}
    if len(rollouts) > 1:
        raise Unsound(f"more than one Rollout has pods of hash {template_hash}: {_listed(rollouts)}")


def _listed(names: Iterable[str]) -> str:
    shown = sorted(name or "(none)" for name in names)
    return ", ".join(shown[:4]) + (", ..." if len(shown) > 4 else "")


def starts(found: Sequence[Series], pods: Roster, grid: Grid) -> Floats:
    """When each pod's process began, NaN where it wasn't scraped; (pods, instants).

    Raises:
        Unsound: a side has none, a pod is there twice, or clocks are apart.
    """
    answer = np.full((len(pods), grid.count), np.nan)
    for series, values in zip(found, on_grid("process_start_time_seconds", found, grid), strict=True):
        pod = pods.get(target_of(series))
        if pod is None:
            continue
        if (np.isfinite(answer[pod.row]) & np.isfinite(values)).any():
            raise Unsound(f"{series.labels.get('instance')} is counted twice: it has two process_start_time_seconds")
        answer[pod.row] = np.where(np.isfinite(values), values, answer[pod.row])
    for template_hash in sorted({pod.template_hash for pod in pods.values()}):
        rows = [pod.row for pod in pods.values() if pod.template_hash == template_hash]
        if not np.isfinite(answer[rows]).any():
            raise Unsound(f"pods of hash {template_hash} have no process_start_time_seconds that is scraped")
    if (answer > grid.times + _CLOCK_S).any():
        raise Unsound("clocks are apart: a pod was scraped before it started")
    _scraped_once(pods, np.isfinite(answer))
    return answer


def _scraped_once(pods: Roster, scraped: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> None:
    """Two jobs that scrape the same pods would count each search twice, and make twice the evidence of it."""
    named: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for target, pod in pods.items():
        named["instance", target.namespace, target.instance].append(pod.row)
        if target.pod:
            named["pod", target.namespace, target.pod].append(pod.row)
    for (_, _, name), rows in named.items():
        if len(rows) > 1 and (scraped[rows].sum(axis=0) > 1).any():
            raise Unsound(f"{name} is counted twice: more than one job scrapes it")
