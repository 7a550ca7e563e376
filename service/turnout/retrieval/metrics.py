"""What Prometheus sees. One registry per service; every series carries the release (and the pod-template hash)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Literal, get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.utils import floatToGoString

from turnout.release.artifacts import Release
from turnout.release.latency_bounds import SECONDS
from turnout.retrieval.messages import DegradedReason

# A second series beside each counter, which only OpenMetrics knows what to do with.
disable_created_metrics()  # type: ignore[no-untyped-call]

_SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_BATCH = (1, 2, 4, 8, 16, 32, 64)

# Releases that a pod compares with over time are many; only the last ones keep their series.
_OTHER_RELEASES = 4

ShadowOutcome = Literal[
    "compared",
    "refused",  # the other side doesn't take this search
    "same_release",  # there is no canary, or this is it
    "degraded",  # the other side gave less than was asked for
    "unavailable",  # an error, too slow, or nothing that can be read
    "paused",  # not sent, because the last ones were of no use
    "dropped",  # not sent, because others were waiting
]


class Metrics:
    """The service's metrics.

    Args:
        release: its id is the label `release` of every series.
        pod_template_hash: the label `rollouts_pod_template_hash`, by which canary and stable are told apart.
    """

    def __init__(self, release: Release, *, pod_template_hash: str = "") -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._common = {"release": release.id}
        if pod_template_hash:
            self._common["rollouts_pod_template_hash"] = pod_template_hash
        self._http = self._counter("http_requests", "Requests answered.", "method", "path", "status")
        self._http_seconds = self._histogram(
            "http_request_duration_seconds", "Time to answer a request.", SECONDS, "path", "status"
        )
        self._in_flight = self._gauge("http_requests_in_flight", "Requests being answered.")
        self._embedding_seconds = self._histogram(
            "embedding_inference_latency_seconds", "Time of one call of the model.", SECONDS
        )
        self._batch = self._histogram("embedding_model_batch_size", "Queries in one call of the model.", _BATCH)
        self._search_seconds = self._histogram(
            "vector_db_query_duration_seconds", "Time of one search of Elasticsearch.", SECONDS, "kind", "outcome"
        )
        self._shadow = self._counter("search_shadow", "Searches picked to be mirrored.", "outcome")
        self._overlap = self._histogram(
            "search_shadow_overlap", "Share of the ten first documents that both have.", _SHARES, "other_release"
        )
        self._projections = self._counter("query_projection", "Queries by where they lie.", "projection", "bin")
        self._others: OrderedDict[str, None] = OrderedDict()
        self._degraded = self._counter("search_degraded", "Searches that got less than they asked for.", "reason")
        for reason in get_args(DegradedReason):
            self._degraded.labels(**self._common, reason=reason)
        self.shed = self._counter("search_shed", "Searches turned away because too many were waiting.").labels(
            **self._common
        )
        self.empty = self._counter("search_empty", "Searches without a hit.").labels(**self._common)
        self.refused = self._counter(
            "attestation_refused", "Times that the model disagreed with the view's vectors."
        ).labels(**self._common)
        self.ready = self._gauge("turnout_ready", "1 while searches may be sent here.").labels(**self._common)
        self.model_ready = self._gauge("turnout_model_ready", "1 while queries can be embedded.").labels(**self._common)
        self.in_flight = self._in_flight.labels(**self._common)
        self._info(release)
        self._promises(release)
        # There from the start, so that the first bill is an increase. A model that runs here costs no money.
        self._paid = self._money(release) if release.model.hosted else None

    def request(self, method: str, path: str, status: int, seconds: float) -> None:
        """Count one answered request; `path` is the route, never what a client made up."""
        self._http.labels(**self._common, method=method, path=path, status=status).inc()
        self._http_seconds.labels(**self._common, path=path, status=status).observe(seconds)

    def embedded(self, batch: int, seconds: float) -> None:
        """Count one call of the model."""
        self._embedding_seconds.labels(**self._common).observe(seconds)
        self._batch.labels(**self._common).observe(batch)

    def billed(self, tokens: int, cost: float) -> None:
        """Count what one request to a hosted model cost, in the budget's currency."""
        if self._paid is not None:
            counted_cost, counted_tokens = self._paid
            counted_cost.inc(cost)
            counted_tokens.inc(tokens)

    def searched(self, kind: str, outcome: str, seconds: float) -> None:
        """Count one search of Elasticsearch."""
        self._search_seconds.labels(**self._common, kind=kind, outcome=outcome).observe(seconds)

    def degraded(self, reason: DegradedReason) -> None:
        """Count one degraded answer."""
        self._degraded.labels(**self._common, reason=reason).inc()

    def projections(self, number: int, bins: int) -> Callable[[int, int], None]:
        """What counts a query's vector by projection and bin; all series are there from the start."""
        series = [
            [self._projections.labels(**self._common, projection=projection, bin=place) for place in range(bins)]
            for projection in range(number)
        ]
        return lambda projection, place: series[projection][place].inc()

    def shadow_is_on(self) -> None:
        """Show all outcomes from the start, so that the first one of each is an increase."""
        for outcome in get_args(ShadowOutcome):
            self._shadow.labels(**self._common, outcome=outcome)

    def shadowed(self, outcome: ShadowOutcome) -> None:
        """Count one search that was picked to be mirrored."""
        self._shadow.labels(**self._common, outcome=outcome).inc()

    def overlap(self, other_release: str, share: float) -> None:
        """Count one comparison with another release."""
        self._others[other_release] = None
        self._others.move_to_end(other_release)
        if len(self._others) > _OTHER_RELEASES:
            oldest, _ = self._others.popitem(last=False)
            self._overlap.remove(*self._common.values(), oldest)
        self._overlap.labels(**self._common, other_release=other_release).observe(share)

    def _info(self, release: Release) -> None:
        info = {
            "collection": release.collection,
            "embedding_fingerprint": release.fingerprints.embedding,
            "index_fingerprint": release.fingerprints.index,
            "query_fingerprint": release.fingerprints.query,
        }
        gauge = self._gauge("turnout_release_info", "What is served; always 1.", *info)
        gauge.labels(**self._common, **info).set(1)

    def _promises(self, release: Release) -> None:
        """What users were promised and what money may be spent, so that rules need no copy of it."""
        own = {"collection": release.collection}
        promised = release.gates.promised
        objective = self._gauge("turnout_slo_objective", "Share of searches that must be good.", *own, "slo", "le")
        objective.labels(**self._common, **own, slo="availability", le="").set(promised.availability)
        # As the histogram writes its own label.
        within = floatToGoString(promised.latency.within_ms / 1000)  # type: ignore[no-untyped-call]
        objective.labels(**self._common, **own, slo="latency", le=within).set(promised.latency.share)
        budget = self._gauge("turnout_budget", "Most money that embedding may cost.", *own, "period", "currency")
        for period, limit in release.pipeline.budget.limits.items():
            currency = release.pipeline.budget.currency
            budget.labels(**self._common, **own, period=period, currency=currency).set(limit)

    def _money(self, release: Release) -> tuple[Counter, Counter]:
        cost = self._counter("embedding_cost", "Money that the hosted model was paid.", "currency")
        tokens = self._counter("embedding_tokens", "Tokens that the hosted model was paid for.")
        currency = release.pipeline.budget.currency
        return cost.labels(**self._common, currency=currency), tokens.labels(**self._common)

    def _counter(self, name: str, text: str, *own: str) -> Counter:
        return Counter(name, text, self._labels(own), registry=self.registry)

    def _gauge(self, name: str, text: str, *own: str) -> Gauge:
        return Gauge(name, text, self._labels(own), registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *own: str) -> Histogram:
        return Histogram(name, text, self._labels(own), registry=self.registry, buckets=buckets)

    def _labels(self, own: tuple[str, ...]) -> list[str]:
        return [*self._common, *own]
