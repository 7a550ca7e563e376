"""Limiter, retries, budget, packing, tokens and answers of hosted models: no network, and time is passed in."""

from __future__ import annotations

import itertools
import json
import random
from email.utils import formatdate
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.releases import make_release
from turnout.embedding.hosted import MemoryLedger, tokens
from turnout.embedding.hosted.budget import Purse
from turnout.embedding.hosted.limiter import BURST_SHARE, Limiter
from turnout.embedding.hosted.packing import Text, packed
from turnout.embedding.hosted.protocols import WrongAnswer, protocol_of
from turnout.embedding.hosted.retry import Patience, pause_s, retry_after_s, worth_a_retry
from turnout.errors import EnvironmentProblem, Refused
from turnout.plan import throughput
from turnout.release.artifacts import Model, RateLimit

PROPERTY = settings(max_examples=150, deadline=None, derandomize=True)
SLACK = 1e-6


# the limiter


@PROPERTY
@given(
    requests=st.integers(1, 300),
    per_minute=st.integers(1, 50_000),
    steps=st.lists(st.tuples(st.floats(0, 30), st.integers(1, 60_000)), min_size=1, max_size=60),
)
def test_no_window_of_a_minute_holds_more_than_the_limit(
    requests: int, per_minute: int, steps: list[tuple[float, int]]
) -> None:
    limiter = Limiter(RateLimit(requests_per_minute=requests, tokens_per_minute=per_minute), now=0.0)
    now, sent = 0.0, []
    for pause, size in steps:
        now += pause
        start = limiter.book(size, now=now)
        assert start is not None
        assert start >= now
        sent.append((start, size))
    assert sent == sorted(sent, key=lambda pair: pair[0])
    for first in range(len(sent)):
        window = [pair for pair in sent[first:] if pair[0] < sent[first][0] + 60 - SLACK]
        assert len(window) <= requests
        # A request larger than the bucket can't be cut; it is what goes beyond, and nothing else.
        beyond = max(0, max(size for _, size in window) - int(per_minute * BURST_SHARE))
        assert sum(size for _, size in window) <= per_minute + beyond + 1


@PROPERTY
@given(requests=st.integers(1, 6000), per_minute=st.integers(1000, 1_000_000))
def test_a_busy_limiter_gives_the_steady_flow_that_the_plan_counts_with(requests: int, per_minute: int) -> None:
    limiter = Limiter(RateLimit(requests_per_minute=requests, tokens_per_minute=per_minute), now=0.0)
    size = limiter.batch_tokens
    starts = [limiter.book(size, now=0.0) or 0.0 for _ in range(200)]
    flow = (len(starts) - 1) / (starts[-1] - starts[0]) * 60
    by_requests, by_tokens = requests - max(1, requests * BURST_SHARE) + 1, per_minute * (1 - BURST_SHARE) / size
    assert flow == pytest.approx(min(by_requests, by_tokens), rel=0.1)
    assert limiter.flow(size) * 60 == pytest.approx(min(by_requests, by_tokens))


def test_the_plan_counts_with_the_limiters_burst() -> None:
    assert throughput.BURST_SHARE == BURST_SHARE


def test_nothing_is_booked_for_who_cannot_wait() -> None:
    limiter = Limiter(RateLimit(requests_per_minute=1, tokens_per_minute=1000), now=0.0)
    assert limiter.book(1, now=0.0) == 0.0
    assert limiter.book(1, now=0.0, latest=59.0) is None
    assert limiter.book(1, now=0.0) == pytest.approx(60.0)


def test_a_hold_holds_all_that_come_after() -> None:
    limiter = Limiter(RateLimit(requests_per_minute=600, tokens_per_minute=1000), now=0.0)
    limiter.hold(7.0)
    limiter.hold(3.0)
    assert limiter.book(1, now=1.0) == pytest.approx(7.0)


# retries


@pytest.mark.parametrize(
    ("status", "again"),
    [
        *((status, True) for status in (408, 429, 500, 502, 503, 504, 529)),
        *((status, False) for status in (301, 400, 401, 403, 404, 409, 413, 422)),
    ],
)
def test_only_what_may_get_better_is_tried_again(status: int, again: bool) -> None:
    assert worth_a_retry(status) is again


@PROPERTY
@given(seed=st.integers(0, 2**32), failures=st.integers(1, 10**6), spent=st.floats(0, 400))
def test_a_pause_lies_between_nothing_and_its_bound_and_within_the_patience(
    seed: int, failures: int, spent: float
) -> None:
    patience = Patience(total_s=300, first_s=0.5, most_s=30)
    pause = pause_s(failures, None, spent_s=spent, patience=patience, rng=random.Random(seed))
    if pause is None:
        assert spent + 30 > 300
    else:
        assert 0 <= pause <= min(30, 0.5 * 2 ** min(failures - 1, 60))
        assert spent + pause <= 300
    again = pause_s(failures, None, spent_s=spent, patience=patience, rng=random.Random(seed))
    assert again == pause


def test_jitter_is_full() -> None:
    rng = random.Random(1)
    pauses = [pause_s(4, None, spent_s=0, patience=Patience(), rng=rng) or 0.0 for _ in range(2000)]
    assert np.histogram(pauses, bins=4, range=(0, 4))[0].min() > 400


def test_a_server_gets_the_time_it_asks_for_or_is_not_asked_again() -> None:
    patience, rng = Patience(total_s=100), random.Random(1)
    assert 90 <= (pause_s(1, 90, spent_s=0, patience=patience, rng=rng) or 0) <= 90.5
    assert pause_s(1, 90, spent_s=20, patience=patience, rng=rng) is None
    assert pause_s(1, 10**9, spent_s=0, patience=patience, rng=rng) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("3", 3.0),
        (" 0 ", 0.0),
        (None, None),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("²", None),
        (formatdate(1_000_030, usegmt=True), 30.0),
        (formatdate(999_000, usegmt=True), 0.0),
        ("Mon, 99 Foo 2026 99:99:99 GMT", None),
        ("9" * 500, 999_999_999_999.0),
    ],
)
def test_retry_after_is_read_in_seconds_and_as_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after_s(value, wall=1_000_000.0) == seconds


# the budget


def purse(limit: float, ledger: MemoryLedger, price: float = 1e6) -> Purse:
    """One token costs 1."""
    return Purse(limit, currency="USD", per_million_tokens=price, ledger=ledger)


@PROPERTY
@given(
    limit=st.floats(0, 1000),
    steps=st.lists(st.tuples(st.integers(1, 200), st.floats(0, 1), st.booleans()), max_size=50),
)
def test_the_budget_is_never_exceeded_whatever_is_under_way(limit: float, steps: list[tuple[int, float, bool]]) -> None:
    ledger = MemoryLedger()
    own, flying = purse(limit, ledger), []
    for size, share, lands in steps:
        try:
            own.set_aside(size, where="x")
        except Refused:
            assert own.spent + sum(size for size, _ in flying) + size > limit
        else:
            flying.append((size, int(size * share)))
        if lands and flying:
            own.settle(*flying.pop(0))
        assert own.spent + sum(size for size, _ in flying) <= limit + SLACK
        assert ledger.load() == pytest.approx(own.spent + sum(size for size, _ in flying))


def test_a_used_up_budget_names_both_amounts_and_goes_on_when_it_is_raised() -> None:
    ledger = MemoryLedger()
    own = purse(10, ledger)
    own.set_aside(9, where="https://host")
    own.settle(9, 8)
    with pytest.raises(Refused, match=r"https://host.* 8 USD of 10 USD .* may cost 3 USD"):
        own.set_aside(3, where="https://host")
    later = purse(20, ledger)
    assert later.spent == 8
    later.set_aside(12, where="https://host")
    with pytest.raises(Refused):
        later.set_aside(1, where="https://host")


@pytest.mark.parametrize("known", [float("nan"), float("inf"), -1.0])
def test_a_ledger_that_holds_no_amount_is_no_reason_to_spend(known: float) -> None:
    with pytest.raises(EnvironmentProblem):
        purse(10, MemoryLedger(known))


# packing and tokens


@PROPERTY
@given(sizes=st.lists(st.integers(1, 100), max_size=60), texts=st.integers(1, 9), room=st.integers(1, 150))
def test_packing_keeps_order_and_limits_and_loses_nothing(sizes: list[int], texts: int, room: int) -> None:
    given_ = [Text(place, str(place), size) for place, size in enumerate(sizes)]
    batches = packed(given_, texts=texts, tokens=room)
    assert list(itertools.chain(*batches)) == given_
    for batch in batches:
        assert 1 <= len(batch) <= texts
        assert len(batch) == 1 or sum(text.tokens for text in batch) <= room


@PROPERTY
@given(text=st.text(max_size=200))
def test_estimated_tokens_are_in_order_inside_the_text_and_no_more_than_its_bytes(text: str) -> None:
    found = tokens.spans(text)
    assert found == sorted(found)
    assert all(0 <= start < end <= len(text) for start, end in found)
    assert len(found) + tokens.SPECIAL <= tokens.most_tokens(text)


def test_letters_digits_signs_and_other_scripts_count_as_documented() -> None:
    for text, count in {"word": 1, "words": 2, "a b": 2, "2026": 4, "x=y": 3, "é": 1, "東": 2, "🙂": 3, "": 0}.items():
        assert len(tokens.spans(text)) == count, text
    assert len(tokens.spans("a        b\n")) == 5


@PROPERTY
@given(text=st.text(max_size=100), most=st.integers(3, 50))
def test_a_cut_text_is_a_beginning_within_the_limit(text: str, most: int) -> None:
    short, size = tokens.cut(text, most)
    assert text.startswith(short)
    assert size <= most
    assert len(tokens.spans(short)) + tokens.SPECIAL <= most
    assert short == text or len(tokens.spans(text)) + tokens.SPECIAL > most


# protocols


def model(runtime: str = "openai", **changes: Any) -> Model:
    return make_release(model={"runtime": {"name": runtime}, "dims": 2, **changes}).model


def test_dimensions_are_asked_for_only_where_the_model_takes_them() -> None:
    for runtime, name, key in (
        ("openai", "text-embedding-3-small", "dimensions"),
        ("cohere", "embed-v4.0", "output_dimension"),
    ):
        assert json.loads(protocol_of(model(runtime, id=name)).question(["a"], "query"))[key] == 2
        assert key not in json.loads(protocol_of(model(runtime, id="other")).question(["a"], "query"))


def test_cohere_is_told_queries_from_passages() -> None:
    asked = {kind: json.loads(protocol_of(model("cohere")).question(["a"], kind)) for kind in ("query", "passage")}
    assert asked["query"]["input_type"] == "search_query"
    assert asked["passage"]["input_type"] == "search_document"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["data", "index", "embedding", "embeddings", "float", "meta"]), inner)
    ),
    max_leaves=12,
)


@PROPERTY
@given(value=JSON, junk=st.binary(max_size=20), runtime=st.sampled_from(["openai", "cohere"]))
def test_whatever_comes_back_is_an_answer_or_a_wrong_answer(value: Any, junk: bytes, runtime: str) -> None:
    for body in (json.dumps(value).encode("utf-8", "surrogatepass"), junk):
        try:
            found = protocol_of(model(runtime)).answer(body, ["a"])
        except WrongAnswer:
            continue
        assert found.vectors.shape == (1, 2)
        assert np.isfinite(found.vectors).all()


@pytest.mark.parametrize("billed", [-1, 0, None, 1e300, 7])
def test_only_a_sensible_number_of_billed_tokens_is_believed(billed: float | None) -> None:
    reply = {"embeddings": {"float": [[1, 2]]}, "meta": {"billed_units": {"input_tokens": billed}}}
    found = protocol_of(model("cohere")).answer(json.dumps(reply).encode(), ["a"])
    assert found.billed_tokens == (7 if billed == 7 else None)
