"""Prometheus' answers about pods of a made-up rollout, for tests and for the bench that measures the judge.

`ScrapedPod` is a pod as scrapes saw it. `Scraper` answers the judge's queries from such pods as Prometheus would, and
writes the same for a real one. `canned` makes a long trial of many pods at once.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec
import numpy as np

from turnout.judge.trial import Trial
from turnout.prometheus import Answer
from turnout.prometheus.queries import Queries
from turnout.prometheus.series import decode

LOOKBACK_S = 300.0
MEMORY = "elasticsearch_unavailable"
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

Labels = tuple[tuple[str, str], ...]
Key = tuple[str, Labels]
"""A metric's name and the labels that are its own."""

Row = tuple[dict[str, str], list[tuple[float, float]]]


@dataclass(frozen=True)
class Counts:
    """What a process counted since it started. `within` are answered searches up to each bound."""

    ok: float = 0
    failed: float = 0
    memory: float = 0
    degraded: float = 0
    empty: float = 0
    within: tuple[float, ...] = (0.0, 0.0)

    def series(self, bounds: Sequence[float] = (0.1, 0.5)) -> dict[Key, float]:
        """The series as the service shows them: one of a status comes with its first answer."""
        answer: dict[Key, float] = {
            ("search_degraded_total", (("reason", "embedding_slow"),)): self.degraded,
            ("search_degraded_total", (("reason", MEMORY),)): self.memory,
            ("search_empty_total", ()): self.empty,
        }
        for status, value in (("200", self.ok), ("503", self.failed)):
            if value:
                own = (("method", "POST"), ("path", "/search"), ("status", status))
                answer["http_requests_total", own] = value
        if self.ok:
            tops = [*zip(map(str, bounds), self.within, strict=True), ("+Inf", self.ok)]
            for top, value in tops:
                own = (("path", "/search"), ("status", "200"), ("le", top))
                answer["http_request_duration_seconds_bucket", own] = value
        return answer


@dataclass(frozen=True)
class Scrape:
    """One scrape. `series` is None where it failed."""

    time: float
    started: float = 0.0
    series: Mapping[Key, float] | None = None


@dataclass
class ScrapedPod:
    """A pod and all scrapes of it, ascending. `removed`: when Prometheus stopped trying and marked its series stale."""

    instance: str
    template_hash: str
    scrapes: list[Scrape] = field(default_factory=list)
    release: str = ""
    collection: str = "toys"
    namespace: str = "search"
    job: str = "search/turnout"
    pod: str = ""
    removed: float | None = None

    def scrape(self, time: float, started: float, counts: Counts, **more: Sequence[float]) -> None:
        """Add a scrape."""
        self.scrapes.append(Scrape(time, started, counts.series(**more)))

    @property
    def target(self) -> dict[str, str]:
        """The labels that Prometheus gives to all of its series."""
        pod = self.pod or f"search-{self.collection}-{self.template_hash}-{self.instance.partition(':')[0]}"
        return {"job": self.job, "instance": self.instance, "namespace": self.namespace, "pod": pod}

    @property
    def own(self) -> dict[str, str]:
        """The labels that the service gives to its series."""
        return {"release": self.release or f"r-{self.template_hash}", "rollouts_pod_template_hash": self.template_hash}

    def shown(self) -> list[tuple[Scrape, dict[Key, float]]]:
        """Everything that each scrape wrote, target labels aside; a failed one only `up`."""
        return [
            (scrape, {("up", ()): float(scrape.series is not None)} | self._written(scrape)) for scrape in self.scrapes
        ]

    def _written(self, scrape: Scrape) -> dict[Key, float]:
        if scrape.series is None:
            return {}
        info = ("turnout_release_info", (("collection", self.collection),))
        return {("process_start_time_seconds", ()): scrape.started, info: 1.0, **scrape.series}

    def labels(self, key: Key) -> dict[str, str]:
        """All labels of a series."""
        name, own = key
        bare = name in ("up", "process_start_time_seconds")
        return {"__name__": name, **self.target, **({} if bare else self.own), **dict(own)}


class Scraper:
    """In place of `Prometheus`: answers `Queries` from pods. Any `warnings` and `date` are part of each answer."""

    def __init__(self, pods: Iterable[ScrapedPod]) -> None:
        self.pods = list(pods)
        self.where = "http://prometheus.test"
        self.timeout_s = 5.0
        self.warnings: tuple[str, ...] = ()
        self.date: float | None = None
        self.asked: list[str] = []

    def query_range(
        self, promql: str, start: float, end: float, step: float, *, timeout_s: float | None = None
    ) -> Answer:
        """See `Prometheus.query_range`; knows the expressions of `Queries` only."""
        self.asked.append(promql)
        times = [round(start + step * place, 3) for place in range(round((end - start) / step) + 1)]
        rows = [row for pod in self.pods for row in self._rows(pod, promql, times, step)]
        return replace(decode(encoded(rows)), warnings=self.warnings, date=self.date)

    def _rows(self, pod: ScrapedPod, promql: str, times: list[float], step: float) -> list[Row]:
        shown = pod.shown()
        if promql.startswith("last_over_time(turnout_release_info"):
            ever = any(scrape.series is not None and scrape.time <= times[-1] for scrape in pod.scrapes)
            info = ("turnout_release_info", (("collection", pod.collection),))
            return [(pod.labels(info), [(times[-1], 1.0)])] if ever else []
        wanted, without, fresh = _meant(promql)
        points: dict[Labels, dict[float, float]] = {}
        names: dict[Labels, Key] = {}
        seen = [scrape.time for scrape, _ in shown]
        for at in times:
            place = bisect.bisect_right(seen, at) - 1
            if place < 0 or (pod.removed is not None and pod.removed <= at):
                continue
            scrape, written = shown[place]
            if at - scrape.time >= (step if fresh else LOOKBACK_S):
                continue
            for key, value in written.items():
                if not wanted(key):
                    continue
                left = tuple(sorted((k, v) for k, v in pod.labels(key).items() if k not in without))
                points.setdefault(left, {}).setdefault(at, 0.0)
                points[left][at] += value
                names[left] = key
        return [(dict(left), sorted(values.items())) for left, values in points.items()] + self._memory(
            pod, promql, times, shown, seen
        )

    def _memory(
        self,
        pod: ScrapedPod,
        promql: str,
        times: list[float],
        shown: list[tuple[Scrape, dict[Key, float]]],
        seen: list[float],
    ) -> list[Row]:
        # Without zeros, as the expression says.
        if "search_degraded_total" not in promql:
            return []
        key = ("search_degraded_total", (("reason", MEMORY),))
        points = []
        for at in times:
            place = bisect.bisect_right(seen, at) - 1
            gone = pod.removed is not None and pod.removed <= at
            if place >= 0 and not gone and at - shown[place][0].time < LOOKBACK_S and shown[place][1].get(key):
                points.append((at, shown[place][1][key]))
        return [(pod.labels(key), points)] if points else []

    def openmetrics(self) -> str:
        """All samples for `support.prometheus.backfill`; what ends isn't marked as stale in it."""
        lines: dict[str, list[str]] = {}
        for pod in self.pods:
            for scrape, written in pod.shown():
                for key, value in written.items():
                    labels = {name: text for name, text in pod.labels(key).items() if name != "__name__"}
                    inside = ",".join(f'{name}="{text}"' for name, text in labels.items())
                    lines.setdefault(key[0], []).append(f"{key[0]}{{{inside}}} {value} {scrape.time:.3f}")
        families = (f"# TYPE {name} unknown\n" + "\n".join(found) + "\n" for name, found in lines.items())
        return "".join(families) + "# EOF\n"


def _meant(promql: str) -> tuple[Callable[[Key], bool], set[str], bool]:
    """Which series an expression is about, the labels that it sums away, and whether old values are left out."""
    if promql.startswith("up "):
        return lambda key: key[0] == "up", {"__name__"}, False
    if promql.startswith("(process_start_time_seconds"):
        return lambda key: key[0] == "process_start_time_seconds", set(), True
    for name, without in (
        ("http_requests_total", {"method", "__name__"}),
        ("http_request_duration_seconds_bucket", {"status", "__name__"}),
        ("search_degraded_total", {"reason", "__name__"}),
        ("search_empty_total", set()),
    ):
        if name in promql:
            return lambda key, name=name: key[0] == name, without, False  # type: ignore[misc]
    raise ValueError(f"not an expression of the judge: {promql}")


def encoded(rows: Iterable[Row]) -> bytes:
    """Series as Prometheus writes them."""
    result = [
        {"metric": labels, "values": [[int(at) if at == int(at) else at, f"{value:.15g}"] for at, value in points]}
        for labels, points in rows
    ]
    return msgspec.json.encode({"status": "success", "data": {"resultType": "matrix", "result": result}})


class Canned:
    """In place of `Prometheus`: gives prepared bytes to each expression, decoded as a real answer is."""

    def __init__(self, answers: Mapping[str, bytes]) -> None:
        self.answers = dict(answers)
        self.where = "http://prometheus.test"
        self.timeout_s = 5.0

    def query_range(
        self, promql: str, start: float, end: float, step: float, *, timeout_s: float | None = None
    ) -> Answer:
        """See `Prometheus.query_range`."""
        return decode(self.answers[promql])


def canned(trial: Trial, *, hours: float, pods: int, canaries: int, rps: float = 5.0, seed: int = 1) -> Canned:
    """A trial of `hours`, with the hour before it, of `pods` of which `canaries` are the canary's; none stands out.

    Ask it with `now` = `since` + `hours` and one window more.
    """
    rng = np.random.default_rng(seed)
    before = int(3600 // trial.window_s)
    last = int(hours * 3600 / trial.window_s + 1 - 0.5)
    times = [trial.since + trial.window_s * place for place in range(-before, last + 1)]
    hashes = [trial.canary] * canaries + [trial.stable] * (pods - canaries)
    rows: dict[str, list[Row]] = {name: [] for name in ("roster", "known", "starts", "requests", "seconds")}
    rows |= {"degraded": [], "empty": []}
    for number, template_hash in enumerate(hashes):
        pod = ScrapedPod(f"10.0.{number // 250}.{number % 250}:8080", template_hash, collection=trial.collection)
        _can(rows, pod, times[before - 2 :] if template_hash == trial.canary else times, rng, rps * trial.window_s)
    queries = Queries((trial.stable, trial.canary), trial.window_s)
    found = {name: encoded(each) for name, each in rows.items()}
    answers = {getattr(queries, name): body for name, body in found.items() if name != "roster"}
    return Canned(answers | {queries.roster(times[-1] - times[0] + 600.0): found["roster"]})


def _can(
    rows: dict[str, list[Row]], pod: ScrapedPod, times: list[float], rng: np.random.Generator, searches: float
) -> None:
    requests = np.cumsum(rng.poisson(searches, len(times))) + 10_000
    failed = np.cumsum(rng.poisson(searches * 0.005, len(times)))
    both = {**pod.target, **pod.own}

    def add(name: str, labels: dict[str, str], values: Iterable[float]) -> None:
        rows[name].append((labels, list(zip(times, map(float, values), strict=True))))

    rows["roster"].append(({**both, "collection": pod.collection}, [(times[-1], 1.0)]))
    rows["known"].append((pod.target, [(times[-1], 1.0)]))
    add("starts", pod.target, [times[0] - 86_400.0] * len(times))
    add("requests", both | {"path": "/search", "status": "200"}, requests)
    add("requests", both | {"path": "/search", "status": "503"}, failed)
    for top in (*BOUNDS, float("inf")):
        share = 1.0 - np.exp(-top / 0.05)
        within = both | {"path": "/search", "le": "+Inf" if np.isinf(top) else str(top)}
        add("seconds", within, np.floor(requests * share))
    add("degraded", both, failed)
    add("empty", both, failed)
