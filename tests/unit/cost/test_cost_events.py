"""The client on a virtual clock: what limits, failures, storms and budgets do to it."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.releases import make_release
from turnout.cost.events import Client, GaveUp
from turnout.cost.provider import Luck, Provider, storms
from turnout.cost.run import PAGE, PeakLedger, Run
from turnout.embedding.hosted import backfilling
from turnout.embedding.hosted.request import Size
from turnout.embedding.hosted.retry import Patience
from turnout.errors import Refused
from turnout.follow import Job
from turnout.release.artifacts import Release

PROPERTY = settings(max_examples=60, deadline=None, derandomize=True)
CALM = Provider(failing=0.0, lost=0.0, storms_per_hour=0.0, latency_spread=0.0)
STEADY = replace(CALM, latency_spread=0.4)


def hosted(requests: int, tokens: int) -> Release:
    """One token costs 1."""
    limit = {"requests_per_minute": requests, "tokens_per_minute": tokens}
    return make_release(
        model={"runtime": {"name": "openai"}, "price": {"per_million_tokens": 1e6}},
        pipeline={"embed": {"batch_size": 8, "rate_limit": limit}},
    )


def client(provider: Provider, *, seed: int = 1, requests: int = 600, tokens: int = 10**7) -> Client:
    release = hosted(requests, tokens)
    hosting = replace(backfilling(release, None), budget=float("inf"))
    return Client(release.model, hosting, provider, luck=Luck(provider, seed), storms=storms(provider, seed))


def backfill(provider: Provider, requests: int, tokens: int, *, seed: int = 1, documents: int = 300) -> Run:
    run = Run(hosted(requests, tokens), provider, seed=(seed,))
    run.whole([(20 + place % 40,) for place in range(documents)])
    return run


def test_nothing_goes_wrong_and_the_time_is_that_of_the_answers() -> None:
    own = client(CALM, requests=10**6)
    own.embed([Size(10, 40)] * 40)
    assert own.now == pytest.approx(40 / CALM.concurrency * CALM.latency_s)
    assert (own.tally.requests, own.tally.retried, own.tally.tokens) == (40, 0, 400)


def test_no_more_than_the_limit_goes_in_a_minute() -> None:
    own = client(replace(CALM, latency_s=0.01), requests=60)
    own.embed([Size(10, 40)] * 120)
    assert 60 < own.now < 140  # 6 at once, then 55 a minute


def test_no_call_begins_before_the_one_before_it_has_ended() -> None:
    together, apart = client(CALM, requests=10**6), client(CALM, requests=10**6)
    together.embed([Size(10, 40)] * 10)
    for _ in range(2):
        apart.embed([Size(10, 40)] * 5)
    assert apart.now > together.now


def test_a_lost_answer_is_waited_for_and_billed_and_a_failed_one_isnt() -> None:
    lossy = replace(CALM, lost=0.5, timeout_s=7.0)
    failing = replace(CALM, failing=0.5)
    size = [Size(10, 40)] * 50
    for provider, billed in ((lossy, True), (failing, False)):
        own = client(provider)
        own.embed(size)
        done = own.tally
        assert done.retried > 20
        assert done.requests == 50 + done.retried
        assert done.tokens == 500 + (10 * done.retried if billed else 0)
    assert own.now < 50 * 7


@PROPERTY
@given(seed=st.integers(0, 2**32), low=st.floats(0, 0.5), high=st.floats(0, 0.5))
def test_more_failures_never_cost_fewer_requests(seed: int, low: float, high: float) -> None:
    low, high = sorted((low, high))
    few, many = (client(replace(STEADY, failing=share), seed=seed) for share in (low, high))
    for own in (few, many):
        own.embed([Size(10, 40)] * 30)
    assert few.tally.requests <= many.tally.requests
    assert few.tally.tokens <= many.tally.tokens


@PROPERTY
@given(seed=st.integers(0, 2**32), requests=st.integers(2, 2000), tokens=st.integers(1000, 200_000))
def test_half_the_limit_never_shortens_a_backfill(seed: int, requests: int, tokens: int) -> None:
    whole = backfill(STEADY, requests, tokens, seed=seed)
    for half in ((requests // 2, tokens), (requests, tokens // 2), (requests // 2, tokens // 2)):
        assert backfill(STEADY, *half, seed=seed).client.now >= whole.client.now - 1e-6


@PROPERTY
@given(seed=st.integers(0, 2**32), budget=st.floats(0, 12_000))
def test_the_purse_stops_a_backfill_before_it_goes_beyond_the_budget(seed: int, budget: float) -> None:
    provider = replace(STEADY, failing=0.1, lost=0.05, timeout_s=3.0)
    documents = [(20 + place % 40,) for place in range(200)]
    free = Run(hosted(600, 10**6), provider, seed=(seed,))
    free.whole(documents)
    assert free.ledger.peak >= free.client.tally.tokens
    bound = Run(hosted(600, 10**6), provider, seed=(seed,), budget=budget)
    if free.ledger.peak > budget:
        with pytest.raises(Refused, match="used up"):
            bound.whole(documents)
        assert bound.client.tally.tokens <= budget
        assert bound.client.terms.purse.spent == pytest.approx(bound.client.tally.tokens)
    else:
        bound.whole(documents)
        assert bound.client.tally == free.client.tally


def test_a_storm_is_sat_out_for_as_long_as_the_provider_asks() -> None:
    provider = replace(CALM, retry_after_s=20.0)
    release = hosted(600, 10**7)
    hosting = replace(backfilling(release, None), budget=float("inf"))
    own = Client(release.model, hosting, provider, luck=Luck(provider, 1), storms=[(0.0, 30.0)])
    own.embed([Size(10, 40)] * 20)
    assert 40 < own.now < 50  # two rests, and little more
    assert provider.concurrency <= own.tally.retried <= 3 * provider.concurrency
    assert own.tally.tokens == 200


def test_a_storm_that_outlasts_the_patience_ends_the_backfill_and_it_is_begun_again() -> None:
    provider = replace(CALM, patience=Patience(total_s=10.0), restart_s=100.0)
    run = Run(hosted(600, 10**7), provider, seed=(1,), spells=[(1.0, 60.0)])
    with pytest.raises(GaveUp):
        stormy_client(provider).embed([Size(10, 40)] * 200)
    run.page([(30,)] * 400)
    assert run.gave_up
    assert run.client.now > 100
    assert run.client.tally.tokens > 400 * 30 * 0.9


def stormy_client(provider: Provider) -> Client:
    release = hosted(600, 10**7)
    hosting = replace(backfilling(release, None), budget=float("inf"))
    return Client(release.model, hosting, provider, luck=Luck(provider, 1), storms=[(1.0, 60.0)])


def test_storms_come_as_often_and_last_as_long_as_said() -> None:
    provider = Provider(storms_per_hour=2.0, storm_s=60.0)
    found = list(itertools.islice(storms(provider, 1), 4000))
    assert all(begin <= end <= following for (begin, end), (following, _) in itertools.pairwise(found))
    assert sum(end - begin for begin, end in found) / len(found) == pytest.approx(60, rel=0.06)
    assert found[-1][1] / 3600 / len(found) == pytest.approx(0.5 + 1 / 60, rel=0.06)


def test_a_provider_that_is_mostly_down_cannot_be_reckoned_with() -> None:
    for wrong in ({"failing": 0.4, "lost": 0.2}, {"storms_per_hour": 60, "storm_s": 60}, {"failing": -0.1}):
        with pytest.raises(ValueError, match=r"share|down"):
            Provider(**wrong)


def test_a_page_is_that_of_the_followers() -> None:
    assert Job.page_size == PAGE


def test_the_peak_is_the_most_that_was_ever_on_the_way() -> None:
    ledger = PeakLedger()
    for amount in (1.0, 5.0, 3.0):
        ledger.save(amount)
    assert (ledger.peak, ledger.load()) == (5.0, 0.0)
