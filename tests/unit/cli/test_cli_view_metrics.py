"""What pods that fill and follow tell Prometheus, without a server behind them."""

from __future__ import annotations

import socket
import urllib.request
from collections.abc import Iterator

import pytest

from support.embedding_endpoint import EmbeddingEndpoint, hosted_release
from support.releases import make_release
from turnout.cli.view_metrics import FollowerMetrics, Tally, ViewMetrics
from turnout.errors import EnvironmentProblem
from turnout.follow import Counts, Progress
from turnout.release.artifacts import Release

HOST = "127.0.0.1"
LOCAL = make_release()


def free_port() -> int:
    with socket.create_server((HOST, 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def hosted() -> Release:
    return hosted_release(EmbeddingEndpoint(url="http://127.0.0.1:9"))


@pytest.fixture
def metrics() -> Iterator[ViewMetrics]:
    with ViewMetrics(hosted(), host=HOST, port=free_port()) as metrics:
        yield metrics


def money(metrics: ViewMetrics, view: str = "v") -> tuple[float | None, float | None]:
    labels = {"collection": "toys", "release": hosted().id, "view": view}
    value = metrics.registry.get_sample_value
    return value("embedding_cost_total", {**labels, "currency": "USD"}), value("embedding_tokens_total", labels)


def reported(documents: int, *, number: int = 1) -> Progress:
    return Progress(counts=Counts(documents=documents, live=documents), total=99, seconds=1.0, round=number)


def test_reports_are_counted_once_within_and_over_rounds_and_of_another_follower() -> None:
    tally = Tally()
    reports = [reported(5), reported(8), reported(2, number=2), reported(2, number=2)]
    assert [tally.new(each).documents for each in reports] == [5, 3, 2, 0]
    again = Tally()
    again.new(reported(5))
    again.restart()
    assert again.new(reported(2)).documents == 2  # the same number of a round, and another follower


def test_what_is_billed_before_the_view_is_known_is_counted_once_for_it(metrics: ViewMetrics) -> None:
    metrics.billed(10, 1.0)
    metrics.billed(5, 0.5)
    assert money(metrics) == (None, None)
    metrics.of("v")
    assert money(metrics) == (1.5, 15)
    metrics.billed(2, 0.25)
    metrics.of("v")  # the work began anew
    assert money(metrics) == (1.75, 17)
    metrics.of("w")
    metrics.billed(1, 0.25)
    assert (money(metrics), money(metrics, "w")) == ((1.75, 17), (0.25, 1))


def test_money_is_counted_from_nothing_on_and_beside_its_limits(metrics: ViewMetrics) -> None:
    metrics.of("v")
    assert money(metrics) == (0, 0)
    budget = hosted().pipeline.budget
    labels = {"collection": "toys", "release": hosted().id, "view": "v", "currency": budget.currency}
    value = metrics.registry.get_sample_value
    assert value("turnout_budget", {**labels, "period": "month"}) == budget.per_month
    assert value("turnout_budget", {**labels, "period": "backfill"}) == budget.per_backfill


def test_a_model_that_runs_here_has_a_budget_and_no_bill() -> None:
    with ViewMetrics(LOCAL, host=HOST, port=free_port()) as metrics:
        metrics.of("v")
        metrics.add(Counts(documents=3, live=2, placeholders=1, embedded=4, reused=1))
        shown = {sample.name for family in metrics.registry.collect() for sample in family.samples}
        labels = {"collection": "toys", "release": LOCAL.id, "view": "v"}
        value = metrics.registry.get_sample_value
        assert value("pipeline_records_processed_total", {**labels, "outcome": "live"}) == 2
        assert value("pipeline_records_processed_total", {**labels, "outcome": "placeholder"}) == 1
        assert value("pipeline_passages_total", {**labels, "vectors": "embedded"}) == 4
    counters = {"pipeline_records_processed_total", "pipeline_passages_total"}
    assert shown == {"turnout_budget", *counters}


def test_only_a_follower_tells_how_far_it_is_behind() -> None:
    port = free_port()
    with FollowerMetrics(LOCAL, "v", host=HOST, port=port) as metrics:
        metrics.lag.set(7)
        shown = urllib.request.urlopen(f"http://{HOST}:{port}/metrics").read().decode()
    assert f'follow_lag_operations{{collection="toys",release="{LOCAL.id}",view="v"}} 7.0' in shown
    with ViewMetrics(LOCAL, host=HOST, port=port) as filling:  # the port is free again
        filling.of("v")
        assert b"follow_" not in urllib.request.urlopen(f"http://{HOST}:{port}/metrics").read()


def test_a_port_that_is_taken_is_told_with_what_to_do() -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(EnvironmentProblem, match=rf"port {port}[\s\S]*--metrics-port"):
            ViewMetrics(LOCAL, host=HOST, port=port)
