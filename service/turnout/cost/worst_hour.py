"""The hour that rate limits exist for: something asks without end, and only the limit stops it. Used by `simulate`."""

from __future__ import annotations

from turnout.cost.result import WorstHour
from turnout.embedding.hosted import backfilling
from turnout.embedding.hosted.request import Terms
from turnout.release.artifacts import Release

_HOUR_S = 3600.0
_SLACK_S = 1e-6
_MOST_BOOKED = 20_000


def worst_hour(release: Release) -> WorstHour:
    """The most that one process can make embedding cost within an hour: full requests, booked one after the other.

    The limiter is the one that runs. Where more than 20,000 requests go within the hour, the rest are reckoned with
    the steady flow of the second half of those. A local model costs nothing.
    """
    if not release.model.hosted:
        return WorstHour(tokens=0.0, requests=0.0, money=0.0)
    terms = Terms(release.model, backfilling(release, None), url=release.model.id, now=0.0)
    tokens = fullest_request(terms, release)
    requests = _requests(terms, tokens)
    price = release.model.price.per_million_tokens
    return WorstHour(tokens=requests * tokens, requests=requests, money=requests * tokens / 1e6 * price)


def fullest_request(terms: Terms, release: Release) -> int:
    """Tokens of the largest request that packing makes of many short and long texts."""
    return min(terms.limiter.batch_tokens, terms.most_texts * release.model.max_tokens)


def _requests(terms: Terms, tokens: int) -> float:
    starts: list[float] = []
    while len(starts) < _MOST_BOOKED:
        start = terms.limiter.book(tokens, now=0.0)
        if start is None or start > _HOUR_S + _SLACK_S:
            return float(len(starts))
        starts.append(start)
    half = len(starts) // 2
    flow = (len(starts) - 1 - half) / max(starts[-1] - starts[half], _SLACK_S)
    return len(starts) + (_HOUR_S - starts[-1]) * flow
