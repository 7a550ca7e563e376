"""The hour that rate limits exist for: something asks without end, and only the limit stops it. Used by `simulate`."""

from __future__ import annotations

from turnout.cost.result import WorstHour
from turnout.embedding.hosted import backfilling
from turnout.embedding.hosted.request import Terms
from turnout.release.artifacts import Release

_HOUR_S = 3600.0
_SIZES = (1, 2, 4)
_MOST_BOOKED = 20_000


def worst_hour(release: Release) -> WorstHour:
    """The most that one process can make embedding cost within an hour, by requests booked one after the other.

    The limiter is the one that runs. Requests are full, or half or a quarter full where more of those fit into the
    hour. Where more than 20,000 requests go within it, the rest are reckoned with the steady flow of the second half
    of those. A local model costs nothing.
    """
    if not release.model.hosted:
        return WorstHour(tokens=0.0, requests=0.0, money=0.0)
    full = fullest_request(_terms(release), release)
    sizes = [max(1, full // part) for part in _SIZES]
    tokens, requests = max((size * count, count) for size in sizes for count in [_requests(_terms(release), size)])
    price = release.model.price.per_million_tokens
    return WorstHour(tokens=tokens, requests=requests, money=tokens / 1e6 * price)


def fullest_request(terms: Terms, release: Release) -> int:
    """Tokens of the largest request that packing makes of many short and long texts."""
    return min(terms.limiter.batch_tokens, terms.most_texts * release.model.max_tokens)


def _terms(release: Release) -> Terms:
    return Terms(release.model, backfilling(release, None), url=release.model.id, now=0.0)


def _requests(terms: Terms, tokens: int) -> float:
    starts: list[float] = []
    while len(starts) < _MOST_BOOKED:
        start = terms.limiter.book(tokens, now=0.0)
        if start is None or start >= _HOUR_S:
            return float(len(starts))
        starts.append(start)
    half = len(starts) // 2
    flow = (len(starts) - 1 - half) / max(starts[-1] - starts[half], 1e-9)
    return len(starts) + (_HOUR_S - starts[-1]) * flow
