"""What the service tells of promises and money."""

from __future__ import annotations

from prometheus_client import generate_latest

from support.embedding_endpoint import EmbeddingEndpoint, hosted_release
from support.releases import make_release
from turnout.release.artifacts import Release
from turnout.release.latency_bounds import SECONDS
from turnout.retrieval.metrics import Metrics

BUDGET = {"budget": {"per_month": 30.0, "per_backfill": 5.0, "currency": "EUR"}}
IN_EUR = {"pipeline": BUDGET, "model": {"price": {"per_million_tokens": 0.1, "currency": "EUR"}}}


def hosted() -> Release:
    return hosted_release(EmbeddingEndpoint(url="http://127.0.0.1:9"), **IN_EUR)


def test_it_tells_what_was_promised_by_the_label_of_the_histogram() -> None:
    slo = {"availability": 0.999, "latency": {"within_ms": 250, "share": 0.95}}
    release = make_release(gates={"slo": slo})
    metrics = Metrics(release, pod_template_hash="abc")
    common = {"release": release.id, "rollouts_pod_template_hash": "abc", "collection": release.collection}
    value = metrics.registry.get_sample_value
    assert value("turnout_slo_objective", {**common, "slo": "availability", "le": ""}) == 0.999
    assert value("turnout_slo_objective", {**common, "slo": "latency", "le": "0.25"}) == 0.95


def test_every_bound_that_can_be_promised_is_a_label_of_the_histogram() -> None:
    for bound in SECONDS:
        metrics = Metrics(make_release(gates={"slo": {"latency": {"within_ms": bound * 1000}}}))
        metrics.request("POST", "/search", 200, 0.01)
        samples = [sample for family in metrics.registry.collect() for sample in family.samples]
        (promised,) = [s.labels["le"] for s in samples if s.labels.get("slo") == "latency"]
        counted = {s.labels["le"] for s in samples if s.name == "http_request_duration_seconds_bucket"}
        assert promised in counted


def test_it_tells_the_budgets_of_the_release() -> None:
    release = make_release(**IN_EUR)
    metrics = Metrics(release)
    common = {"release": release.id, "collection": release.collection, "currency": "EUR"}
    value = metrics.registry.get_sample_value
    assert value("turnout_budget", {**common, "period": "month"}) == 30.0
    assert value("turnout_budget", {**common, "period": "backfill"}) == 5.0


def test_a_hosted_model_counts_money_and_tokens_from_nothing_on() -> None:
    release = hosted()
    metrics = Metrics(release)
    money = ("embedding_cost_total", {"release": release.id, "currency": "EUR"})
    tokens = ("embedding_tokens_total", {"release": release.id})
    value = metrics.registry.get_sample_value
    assert (value(*money), value(*tokens)) == (0, 0)
    metrics.billed(1000, 0.5)
    metrics.billed(10, 0.25)
    assert (value(*money), value(*tokens)) == (0.75, 1010)


def test_a_model_that_runs_here_has_no_series_of_money_or_tokens() -> None:
    metrics = Metrics(make_release())
    assert b"embedding_cost" not in generate_latest(metrics.registry)
    assert b"embedding_tokens" not in generate_latest(metrics.registry)
