"""An hour of a collection as Prometheus would have scraped it, for tests of what on-call looks at.

Release A serves. B is built, tried as a canary and promoted after 45 minutes. What is scraped comes from the metrics of
the processes themselves, which are told what happened; only what rules record is written by hand.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
from prometheus_client import CollectorRegistry, Metric, ProcessCollector

from support.embedding_endpoint import EmbeddingEndpoint, hosted_release
from support.observing import COLLECTION, healthy, record, revision, rollout, view, view_name
from turnout.canary.judgment import Evidence, Judgment
from turnout.cli.view_metrics import FollowerMetrics
from turnout.controller.actions import Decision, Standing, State
from turnout.controller.board import Board
from turnout.controller.judged import Judged
from turnout.controller.reconcile import Counts
from turnout.controller.seen import searched
from turnout.controller.sizes import Sizes
from turnout.elastic.state import ParityRecord, ProbeRecord
from turnout.follow import Counts as Written
from turnout.release.artifacts import Release
from turnout.retrieval.metrics import Metrics
from turnout.verify.differences import KINDS

MINUTES = 60
STEP_S = 30.0
_PRICE = {"model": {"price": {"per_million_tokens": 0.1, "currency": "EUR"}}}
_BUDGET = {"budget": {"per_month": 30.0, "per_backfill": 5.0, "currency": "EUR"}}
_ENDPOINT = EmbeddingEndpoint(url="http://127.0.0.1:9")
A = hosted_release(_ENDPOINT, **_PRICE, pipeline=_BUDGET, gates={"slo": {"availability": 0.999}})
B = hosted_release(_ENDPOINT, model={**_PRICE["model"], "revision": "2"}, pipeline=_BUDGET)
_BUILT, _TRIED, _JUDGED, _PROMOTED = 20.0, 25.0, 42.0, 45.0
_TARGET = 12_000


def openmetrics(end: float, *, seed: int = 1) -> str:
    """The story's samples until `end`, Unix seconds, for `support.prometheus.backfill`."""
    story = _Story(end - 60 * MINUTES, seed)
    for number in range(int(60 * MINUTES / STEP_S) + 1):
        story.go_on(number * STEP_S / 60)
    return story.text()


class _Story:
    def __init__(self, start: float, seed: int) -> None:
        self._start, self._random, self._minute = start, np.random.default_rng(seed), 0.0
        self._lines: dict[str, list[str]] = {}
        self._pods = {release.id: Metrics(release, pod_template_hash=name) for release, name in _SIDES}
        for pod in self._pods.values():
            pod.shadow_is_on()
        self._count = {release.id: self._pods[release.id].projections(8, 10) for release, _ in _SIDES}
        self._followers = {release.id: _follower(release) for release, _ in _SIDES}
        self._controller = CollectorRegistry()
        ProcessCollector(registry=self._controller)
        self._counts, self._board = Counts(self._controller), Board(lambda: True, clock=lambda: 60 * self._minute)
        self._controller.register(self._board)

    def go_on(self, minute: float) -> None:
        """What happened in the last half minute, and a scrape of everything."""
        self._minute = minute
        weight = _weight(minute)
        for release, share, alive in ((A, 1 - weight, minute < 50), (B, weight, minute >= 23)):
            if alive:
                self._serve(release, share)
                self._scrape(self._pods[release.id].registry.collect(), "search", f"search-{release.id}")
        self._follow()
        self._control(weight)
        self._recorded()

    def text(self) -> str:
        """Families by name, each with its samples in order of time."""
        return "\n".join([line for name in sorted(self._lines) for line in self._lines[name]] + ["# EOF", ""])

    def _serve(self, release: Release, share: float) -> None:
        pod, slower = self._pods[release.id], 1.15 if release is B else 1.0
        pod.ready.set(1)
        pod.model_ready.set(1)
        searches = self._random.poisson(6 * STEP_S * share * (1 + 0.3 * np.sin(self._minute / 8)))
        incident = 1.0 if 30 <= self._minute < 34 else 0.0
        for seconds in self._random.lognormal(-3.4, 0.6, searches) * slower * (1 + 2 * incident):
            failed = self._random.random() < 0.001 + 0.03 * incident
            pod.request("POST", "/search", 503 if failed else 200, float(seconds))
            pod.searched("lexical", "ok", float(seconds) * 0.4)
            pod.searched("vector", "ok" if not failed else "unavailable", float(seconds) * 0.6)
            pod.embedded(int(self._random.integers(1, 4)), float(seconds) * 0.2)
            pod.billed(20, 2e-6)
            self._count[release.id](0, min(9, int(self._random.random() * 10)))
            if self._random.random() < 0.004 + 0.05 * incident:
                pod.degraded("embedding_slow")
            if self._random.random() < 0.03:
                pod.empty.inc()
        pod.in_flight.set(int(self._random.poisson(2 + 6 * incident)))
        for _ in range(int(searches * 0.05)):
            pod.shadowed("compared" if 0 < share < 1 else "same_release")
            if 0 < share < 1:
                pod.overlap((A if release is B else B).id, float(self._random.beta(12, 2)))

    def _follow(self) -> None:
        for release, _ in _SIDES:
            metrics, filling = self._followers[release.id], release is B and 8 <= self._minute < _BUILT
            if release is B and self._minute < 8:
                continue
            done = 500 if filling else 3
            metrics.add(
                Written(live=done, placeholders=int(self._random.random() < 0.1), embedded=3 * done, reused=done)
            )
            metrics.billed(300 * done, 3e-5 * done)
            metrics.lag.set(self._behind(release))
            metrics.round_ended.set(self._at() - 5)
            self._scrape(metrics.registry.collect(), "follow", f"follow-{release.id}")

    def _behind(self, release: Release) -> int:
        if release is B and self._minute < _BUILT:
            return int(_TARGET * min(1.0, (_BUILT - self._minute) / 12))
        return int(self._random.poisson(4))

    def _control(self, weight: float) -> None:
        stable, canary = (A, B) if self._minute < _PROMOTED else (B, None)
        observed = self._observed(stable, canary, weight)
        standings = [_standing(stable, "ready")]
        if canary is not None and self._minute >= 8:
            standings.append(_standing(canary, _state(self._minute)))
        self._board.show(observed, Decision(actions=(), standings=tuple(standings), problems={}))
        self._board.judged(COLLECTION, self._judged() if _TRIED <= self._minute < _PROMOTED else None)
        self._board.problems(COLLECTION, {"aborted": "errors"} if 3 <= self._minute < 5 else {})
        self._board.probes.show(
            COLLECTION, {release.id: _probed(release) for release in filter(None, (stable, canary))}
        )
        compared = {view_name(release): self._parity(release) for release, _ in _SIDES}
        self._board.parities.show(COLLECTION, compared, searched=searched(observed))
        documents = {f"{COLLECTION}.documents": _TARGET}
        documents |= {view_name(release): _TARGET - self._behind(release) for release, _ in _SIDES}
        sizes = {index: 5000 * count for index, count in documents.items()}
        self._board.sizes.sized(COLLECTION, Sizes(documents, sizes, 2))
        if self._minute == _PROMOTED:
            self._counts.actions.labels(COLLECTION, "flip").inc()
        if self._minute == 8:
            self._counts.actions.labels(COLLECTION, "fill").inc()
        self._counts.seconds.observe(float(self._random.lognormal(-1, 0.5)))
        self._scrape(self._controller.collect(), "controller", "controller-1")

    def _observed(self, stable: Release, canary: Release | None, weight: float) -> Any:
        revisions = [revision(stable, "stable", hash=_HASHES[stable.id])]
        shares = {_HASHES[stable.id]: 1.0}
        if canary is not None and self._minute >= 8:
            revisions.insert(0, revision(canary, "canary", hash=_HASHES[canary.id], number=2))
            shares = {_HASHES[stable.id]: 1 - weight, _HASHES[canary.id]: weight}
        views = tuple(view(release, behind=self._behind(release)) for release, _ in _SIDES)
        return msgspec.structs.replace(
            healthy(),
            rollout=rollout(shares=shares),
            revisions=tuple(revisions),
            views=views,
            records=(record(stable, "live"),),
            targets=frozenset({view_name(stable)}),
            operations=_TARGET,
        )

    def _judged(self) -> Judged:
        part = min(1.0, (self._minute - _TRIED) / (_JUDGED - _TRIED))
        verdict: Any = "pass" if part == 1 else "inconclusive"
        evidence = tuple(
            Evidence(
                metric=metric,
                harm=0.6 * part * number,
                harm_needed=2.5,
                safe=1.4 * part,
                safe_needed=1.3,
                canary_events=1,
                canary_requests=90,
                stable_events=5,
                stable_requests=800,
            )
            for number, metric in enumerate(("errors", "latency", "degraded", "empty"))
        )
        judgment = Judgment(verdict=verdict, reason="", since=0, until=1, windows=1, evidence=evidence)
        return Judged(revision(B, "canary", hash=_HASHES[B.id], number=2), judgment)

    def _parity(self, release: Release) -> ParityRecord | datetime:
        """The last comparison; of a view that was never compared, when it was first seen."""
        seen = datetime.fromtimestamp(self._start, UTC)
        if release is B and self._minute < 21:
            return seen
        at, name = (seen + timedelta(minutes=21 if release is B else 0)).isoformat(), view_name(release)
        counts = dict.fromkeys(KINDS, 0)
        return ParityRecord(collection=COLLECTION, at=at, view=name, view_uuid=name, compared_at=at, differences=counts)

    def _recorded(self) -> None:
        """What rules record out of more than this hour."""
        drift, total = 0.03 + 0.002 * self._minute, 8.0
        of = {"collection": COLLECTION}
        slo = [("availability", "", 0.999, 0.004), ("latency", "1.0", 0.99, 0.002)]
        for name, le, objective, bad in slo:
            own = of | {"slo": name, "le": le}
            self._write("slo:turnout_slo_objective:max", own, objective)
            self._write("slo:search_total:rate5m", own, total)
            self._write("slo:search_bad:rate5m", own, total * (bad if 30 <= self._minute < 36 else bad / 10))
            self._write("slo:search_burn:ratio1h", own, (bad if self._minute > 30 else bad / 10) / (1 - objective))
        for place in range(8):
            self._write("turnout:query_psi:1h", of | {"projection": str(place)}, drift * (1 + place / 8))
        self._write("turnout:search_unanswered:share1h", of, 0.03 + 0.0002 * self._minute)
        self._write("turnout:search_unanswered:week_before", of, 0.03)
        money = of | {"release": A.id, "currency": "EUR"}
        self._write("release:embedding_cost:rate10m", money | {"period": "month"}, 1e-4)
        self._write("release:embedding_cost:rate10m", money | {"release": B.id, "period": "backfill"}, 5e-4)
        self._write("collection_currency:turnout_budget_month:min", of | {"currency": "EUR"}, 30.0)

    def _scrape(self, families: Iterable[Metric], job: str, instance: str) -> None:
        for family in families:
            for sample in family.samples:
                value = self._start - 3600 if sample.name == "process_start_time_seconds" else sample.value
                self._write(sample.name, {**sample.labels, "job": job, "instance": instance}, value)

    def _write(self, name: str, labels: dict[str, str], value: float) -> None:
        inside = ",".join(f'{key}="{text}"' for key, text in labels.items())
        self._lines.setdefault(name, []).append(f"{name}{{{inside}}} {value} {self._at():.3f}")

    def _at(self) -> float:
        return self._start + 60 * self._minute


_SIDES = ((A, "7d9c5f6b8"), (B, "5b4f8d7c9"))
_HASHES = {release.id: name for release, name in _SIDES}


def _follower(release: Release) -> FollowerMetrics:
    metrics = FollowerMetrics(release, view_name(release), host="127.0.0.1", port=0)
    metrics.__exit__(None, None, None)  # nobody asks it over HTTP
    return metrics


def _weight(minute: float) -> float:
    steps = ((_TRIED, 0.1), (32, 0.25), (38, 0.5), (_PROMOTED, 1.0))
    return max((weight for since, weight in steps if minute >= since), default=0.0)


def _state(minute: float) -> State:
    return "building" if minute < _BUILT else "verifying" if minute < 23 else "ready"


def _standing(release: Release, state: State) -> Standing:
    return Standing(hash=_HASHES[release.id], release_id=release.id, state=state)


def _probed(release: Release) -> ProbeRecord:
    better = 0.0 if release is A else 0.012
    return ProbeRecord(
        collection=COLLECTION,
        at="2026-01-01T00:00:00+00:00",
        release=release.id,
        state="done",
        values={"ndcg@10": 0.71 + better, "recall@10": 0.83 + better},
        reference={"ndcg@10": 0.714 + better, "recall@10": 0.829 + better},
        ann_recall=0.985,
    )
