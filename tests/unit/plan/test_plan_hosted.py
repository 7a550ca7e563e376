"""What a backfill through a hosted model is estimated to take: its rate limit is what is known of its speed."""

from __future__ import annotations

import math
from typing import Any

import pytest

from support.embedding_endpoint import EmbeddingEndpoint, hosted_release
from turnout.plan import Observed, make_plan
from turnout.plan.estimate import Estimate
from turnout.plan.throughput import HOSTED


def estimated(**embed: Any) -> Estimate:
    head = hosted_release(EmbeddingEndpoint(url="http://127.0.0.1:1"), pipeline={"embed": embed})
    seen = Observed(
        known=True, views=(), alias_targets=(), live_release_id=None, documents=1000, sample_tokens=(40, 60)
    )
    return make_plan(None, head, seen).estimate


def test_the_rate_limit_bounds_it_at_the_limiters_steady_flow() -> None:
    found = estimated(rate_limit={"requests_per_minute": 100_000, "tokens_per_minute": 10_000})
    assert found.tokens
    assert found.backfill_seconds == pytest.approx(found.tokens / 9_000 * 60)
    assert found.bound_by == "rate limit"
    assert HOSTED in found.assumptions


def test_requests_are_cut_at_a_tenth_of_the_tokens_per_minute_too() -> None:
    found = estimated(batch_size=1000, rate_limit={"requests_per_minute": 600, "tokens_per_minute": 10_000})
    assert found.provider_requests == math.ceil((found.tokens or 0) / 1000)
    assert estimated(batch_size=2).provider_requests == (found.passages or 0) / 2
