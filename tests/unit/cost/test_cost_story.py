"""What a change costs, as a reviewer sees it: the incident that the gate exists for, budgets, and what isn't known."""

from __future__ import annotations

import random
import time
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.releases import make_release
from turnout.cost import Provider, Workload, calibrated, declared, refusals, rows, simulate
from turnout.cost.result import Cost
from turnout.cost.worst_hour import worst_hour
from turnout.embedding.hosted.limiter import BURST_SHARE
from turnout.plan import Backfill, Observed, estimate
from turnout.release.artifacts import Release

PROPERTY = settings(max_examples=60, deadline=None, derandomize=True)
_LUCK = random.Random(1)
SAMPLE = tuple(int(_LUCK.lognormvariate(4.5, 1.0)) for _ in range(500))
LOAD = Workload(documents=20_000, sample_tokens=SAMPLE, changes_per_day=200.0, queries_per_hour=100.0, query_tokens=16)


def hosted(requests: int = 60, tokens: int = 60_000, *, batch: int = 32, **pipeline: Any) -> Release:
    limit = {"requests_per_minute": requests, "tokens_per_minute": tokens}
    model = {
        "runtime": {"name": "openai"},
        "endpoint": "https://api.example.com/v1",
        "price": {"per_million_tokens": 0.1},
        "max_tokens": 512,
    }
    return make_release(model=model, pipeline={"embed": {"batch_size": batch, "rate_limit": limit}, **pipeline})


def cost(base: Release | None, head: Release, load: Workload = LOAD, **options: Any) -> Cost:
    given = {"backfill": True, "provider": Provider(), "seed": 1, "repetitions": 100} | options
    return simulate(base, head, workload=load, **given)


def test_a_limit_that_goes_from_60_to_60000_shows_a_worst_hour_a_thousand_times_as_dear() -> None:
    found = cost(hosted(60, 60_000), hosted(60_000, 60_000_000))
    assert found.base is not None
    before, after = found.base.worst_hour.money, found.head.worst_hour.money
    assert before <= 60 * 60_000 / 1e6 * 0.1 <= before / 0.9
    assert after == pytest.approx(1000 * before, rel=0.01)
    # What is meant to be embedded costs the same as before: only the worst case shows what the limit was for.
    slow = cost(None, hosted(60, 60_000)).backfill
    assert found.backfill is not None
    assert slow is not None
    assert found.backfill.money.p95 == pytest.approx(slow.money.p95, rel=0.05)
    assert found.backfill.hours.p95 < slow.hours.p95
    assert ("worst hour, USD", "0.32", "324.60") in rows(found)


@PROPERTY
@given(requests=st.integers(1, 2000), tokens=st.integers(1, 2_000_000), batch=st.integers(1, 64))
def test_the_worst_hour_is_what_the_limit_allows_and_nearly_all_of_it(requests: int, tokens: int, batch: int) -> None:
    release = hosted(requests, tokens, batch=batch)
    fullest = min(max(1, int(tokens * BURST_SHARE)), batch * 512)
    bound = 60 * min(tokens, requests * fullest)
    found = worst_hour(release)
    assert found.tokens <= bound + 1e-6
    assert found.tokens >= 0.9 * bound * (1 - 1e-9)
    assert found.money == pytest.approx(found.tokens / 1e6 * 0.1)


@pytest.mark.parametrize("requests", [10, 300, 100_000])
def test_the_worst_hour_of_a_limit_on_requests_is_its_burst_and_its_steady_flow(requests: int) -> None:
    burst = requests * BURST_SHARE
    found = worst_hour(hosted(requests, 10**12))
    assert found.requests == pytest.approx(burst + 60 * (requests - burst + 1), rel=0.001, abs=1)


def test_a_local_model_costs_time_and_nothing_else() -> None:
    release = make_release()
    found = cost(release, release)
    assert found.head.worst_hour.money == 0
    assert found.head.month is not None
    assert found.head.month.money.p95 == 0
    assert found.backfill is not None
    assert found.backfill.money.p95 == 0 < found.backfill.hours.p50
    assert refusals(found, release) == ()


@pytest.mark.parametrize("release", [make_release(), hosted(600, 600_000)])
def test_the_volume_is_the_plans(release: Release) -> None:
    load = Workload(documents=100_000, sample_tokens=(5, 64, 65, 200, 900, 0, 10_000) * 60)
    stage = Backfill(view=None, mode="embed", source_view=None, documents=None)
    observed = Observed(known=True, documents=load.documents, sample_tokens=load.sample_tokens)
    planned = estimate(None, release, [stage], observed)
    found = cost(None, release, load, provider=Provider(failing=0, lost=0), repetitions=400).backfill
    assert found is not None
    assert found.tokens.p50 == pytest.approx(planned.tokens, rel=0.15)
    assert found.passages.p50 == pytest.approx(planned.passages, rel=0.15)
    assert planned.backfill_seconds is not None
    assert found.hours.p50 == pytest.approx(planned.backfill_seconds / 3600, rel=0.2)


def test_the_same_seed_gives_the_same_cost_and_another_one_another() -> None:
    small = msgspec.json.encode
    for documents in (40, 20_000):
        load = Workload(documents, SAMPLE, 200.0, 100.0, 16)
        first = cost(None, hosted(600, 600_000), load)
        assert small(cost(None, hosted(600, 600_000), load)) == small(first)
        assert small(cost(None, hosted(600, 600_000), load, seed=2)) != small(first)


def test_a_resampled_backfill_comes_to_what_an_exact_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    release, load = hosted(600, 60_000), Workload(6000, SAMPLE)
    provider = Provider(failing=0.05, storms_per_hour=6.0)
    pooled = cost(None, release, load, provider=provider).backfill
    monkeypatch.setattr("turnout.cost.backfill.EXACT_WORK", float("inf"))
    exact = cost(None, release, load, provider=provider, repetitions=12).backfill
    assert pooled is not None
    assert exact is not None
    for name in ("passages", "tokens", "requests", "hours"):
        assert getattr(pooled, name).p50 == pytest.approx(getattr(exact, name).p50, rel=0.1), name
    assert pooled.retried.p50 == pytest.approx(exact.retried.p50, rel=0.35)


@pytest.mark.parametrize("documents", [1_000_000, 10**12])
def test_a_large_collection_is_reckoned_with_in_seconds(documents: int) -> None:
    began = time.process_time()
    found = cost(hosted(), hosted(60_000, 60_000_000), Workload(documents, SAMPLE, 1e12, 1e12, 16), repetitions=200)
    assert time.process_time() - began < 6  # about 1.5 on a quiet machine
    assert any("resampled" in each for each in found.assumptions)


def test_what_is_too_dear_is_refused_by_its_p95() -> None:
    dear = cost(None, hosted())
    assert dear.backfill is not None
    assert dear.head.month is not None
    for money, key, rule in (
        (dear.backfill.money.p95, "per_backfill", "backfill-above-budget"),
        (dear.head.month.money.p95, "per_month", "month-above-budget"),
    ):
        generous = {"per_month": 1e9, "per_backfill": 1e9, "currency": "USD"}
        for share, wanted in ((0.999, [rule]), (1.001, [])):
            head = hosted(budget={**generous, key: money * share})
            assert [each.rule for each in refusals(cost(None, head), head)] == wanted


def test_a_budget_that_the_backfill_goes_beyond_is_counted_in_the_repetitions_that_it_stops() -> None:
    load = Workload(200, SAMPLE, 1.0, 1.0, 16)
    whole = cost(None, hosted(), load).backfill
    assert whole is not None
    for budget, share in ((whole.money.p50 / 2, 1.0), (whole.money.p95 * 10, 0.0)):
        head = hosted(budget={"per_backfill": budget})
        found = cost(None, head, load).backfill
        assert found is not None
        assert found.beyond_budget == share
        assert found.money == whole.money  # it says what the whole would cost


def test_an_unknown_load_stays_unknown_and_is_refused_where_it_costs_money() -> None:
    head = hosted()
    found = cost(None, head, declared(head))
    assert found.head.month is None
    assert found.backfill is None
    assert [each.rule for each in refusals(found, head)] == ["load-unknown"]
    assert any(line.startswith("month: unknown") for line in found.assumptions)
    local = make_release()
    assert refusals(cost(None, local, declared(local)), local) == ()


def test_a_declared_load_is_the_releases_and_without_lengths_a_backfill_stays_unknown() -> None:
    expected = {"documents": 300, "changes_per_day": 0, "queries_per_hour": 7, "query_tokens": 9}
    head = hosted(expected=expected)
    load = declared(head)
    assert (load.documents, load.changes_per_day, load.queries_per_hour, load.query_tokens) == (300, 0.0, 7.0, 9)
    found = cost(None, head, load)
    assert found.head.month is not None  # nothing changes, so lengths aren't needed for it
    assert found.head.month.tokens.p50 == pytest.approx(720 * 7 * (9 + 2), rel=0.1)
    assert found.backfill is None
    assert [each.rule for each in refusals(found, head)] == ["load-unknown"]
    known = cost(None, head, load.with_sample(SAMPLE, "measured: the rehearsal's sample"))
    assert known.backfill is not None
    assert "tokens of a document: measured: the rehearsal's sample" in known.assumptions
    assert refusals(known, head) == ()


def test_a_month_embeds_what_changes_and_what_is_asked_and_no_more_than_the_limit_lets_through() -> None:
    load = Workload(20_000, (50,) * 10, 100.0, 10.0, 16)
    found = cost(None, hosted(), load, provider=Provider(failing=0, lost=0)).head.month
    assert found is not None
    assert found.tokens.p50 == pytest.approx(30 * (100 * 52 + 24 * 10 * 18), rel=0.01)
    assert list(found.samples) == sorted(found.samples)
    assert len(found.samples) == 100
    flood = cost(None, hosted(), Workload(20_000, (50,) * 10, 1e9, 1e9, 16)).head.month
    assert flood is not None
    assert flood.money.p95 <= 2 * 30 * 24 * worst_hour(hosted()).money


def test_both_views_take_room_while_they_coexist_and_one_view_only_once() -> None:
    small, large = hosted(), hosted(chunk={"size": 128})
    apart, same = cost(small, large).sizes, cost(small, small).sizes
    assert apart.base_disk_bytes is not None
    assert apart.head_disk_bytes is not None
    assert apart.both_disk_bytes == apart.base_disk_bytes + apart.head_disk_bytes
    assert same.both_disk_bytes == same.head_disk_bytes
    scaled = calibrated(cost(small, large), 1.5).sizes
    assert scaled.head_disk_bytes == round(apart.head_disk_bytes * 1.5)
    assert scaled.head_ram_bytes == apart.head_ram_bytes


def test_every_figure_says_where_it_came_from() -> None:
    found = cost(hosted(), hosted(), declared(hosted()))
    for word in ("documents:", "tokens of a document:", "changes per day:", "queries per hour:", "tokens of a query:"):
        assert any(line.startswith(word) for line in found.assumptions), word
    assert any("Retry-After" in line for line in found.assumptions)


def test_a_figure_that_is_measured_comes_before_one_that_is_declared() -> None:
    measured = Workload(documents=5, changes_per_day=0.0, sources={"documents": "m", "changes_per_day": "m"})
    both = measured.or_else(Workload(documents=9, changes_per_day=9.0, query_tokens=9, sources={"query_tokens": "d"}))
    assert (both.documents, both.changes_per_day, both.query_tokens) == (5, 0.0, 9)
    assert both.sources == {"documents": "m", "changes_per_day": "m", "query_tokens": "d"}
