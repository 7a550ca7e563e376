"""What a process that fills or follows a view tells Prometheus, on a port of its own. Opened by `follow`, and by
`apply` for one shard, for their pods are scraped."""

from __future__ import annotations

import threading
from types import TracebackType

from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics

from turnout.cli.serving_metrics import MetricsServer
from turnout.follow import Counts, Progress
from turnout.release.artifacts import Release

# A second series beside each counter, which only OpenMetrics knows what to do with.
disable_created_metrics()  # type: ignore[no-untyped-call]

_LABELS = ("collection", "release", "view")
# Label value -> field of Counts.
_OUTCOMES = {"live": "live", "deleted": "deleted", "placeholder": "placeholders", "superseded": "superseded"}
_VECTORS = ("embedded", "reused")


class Tally:
    """Tells what is new in a follower's reports, whose counts begin anew with each round."""

    def __init__(self) -> None:
        self._last = Progress(counts=Counts(), total=0, seconds=0.0)

    def new(self, progress: Progress) -> Counts:
        """What was done since the last report."""
        same_round = progress.round == self._last.round
        new = progress.counts - self._last.counts if same_round else progress.counts
        self._last = progress
        return new

    def restart(self) -> None:
        """A follower may be another one from here on, which numbers its rounds from the start."""
        self._last = Progress(counts=Counts(), total=0, seconds=0.0)


class ViewMetrics:
    """Metrics of what is done for one view. A context manager: they are served as long as it is open.

    Args:
        release: what the view is filled for.
        host, port: where they are served.

    Raises:
        EnvironmentProblem: nothing can be served there.
    """

    def __init__(self, release: Release, *, host: str, port: int) -> None:
        self._release = release
        self._lock = threading.Lock()
        self._unassigned = (0, 0.0)
        self.labels: dict[str, str] = {}
        self.registry = CollectorRegistry()
        self._records = self._counter(
            "pipeline_records_processed", "Documents brought into a view, by what became of them", "outcome"
        )
        self._passages = self._counter(
            "pipeline_passages", "Passages brought into a view, by where their vectors came from", "vectors"
        )
        self._budget = Gauge(
            "turnout_budget",
            "Most money that embedding may cost.",
            (*_LABELS, "period", "currency"),
            registry=self.registry,
        )
        if release.model.hosted:  # a model that runs here costs no money
            self._cost = self._counter("embedding_cost", "Money that the hosted model was paid.", "currency")
            self._tokens = self._counter("embedding_tokens", "Tokens that the hosted model was paid for.")
        self._server = MetricsServer(self.registry, host=host, port=port)

    def __enter__(self) -> ViewMetrics:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()

    def of(self, view: str) -> None:
        """From here on the work is for this view. Its series are there at once, so that the first count is an increase;
        what was billed before the view was known becomes its own."""
        with self._lock:
            self.labels = {"collection": self._release.collection, "release": self._release.id, "view": view}
            held, self._unassigned = self._unassigned, (0, 0.0)
        budget = self._release.pipeline.budget
        for period, limit in budget.limits.items():
            self._budget.labels(**self.labels, period=period, currency=budget.currency).set(limit)
        self.add(Counts())
        if self._release.model.hosted:
            self.billed(*held)

    def add(self, counts: Counts) -> None:
        """Count what was done with some documents."""
        for outcome, field in _OUTCOMES.items():
            self._records.labels(**self.labels, outcome=outcome).inc(getattr(counts, field))
        for origin in _VECTORS:
            self._passages.labels(**self.labels, vectors=origin).inc(getattr(counts, origin))

    def billed(self, tokens: int, cost: float) -> None:
        """Count what one request to a hosted model cost, in the budget's currency."""
        with self._lock:
            if not self.labels:
                self._unassigned = (self._unassigned[0] + tokens, self._unassigned[1] + cost)
                return
            currency = self._release.pipeline.budget.currency
            self._cost.labels(**self.labels, currency=currency).inc(cost)
            self._tokens.labels(**self.labels).inc(tokens)

    def _counter(self, name: str, text: str, *own: str) -> Counter:
        return Counter(name, text, (*_LABELS, *own), registry=self.registry)


class FollowerMetrics(ViewMetrics):
    """The same, and how far a follower is behind: what fills one shard's part knows that of its shard only."""

    def __init__(self, release: Release, view: str, *, host: str, port: int) -> None:
        super().__init__(release, host=host, port=port)
        self.of(view)
        self.lag = self._gauge("follow_lag_operations", "Operations that are not in the view yet")
        self.round_ended = self._gauge(
            "follow_round_timestamp_seconds",
            "Unix time when the view had last been brought to the checkpoint that the round began with",
        )

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(name, text, _LABELS, registry=self.registry).labels(**self.labels)
