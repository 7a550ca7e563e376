"""Thirty days of following changes and embedding queries. Called by `simulate` for base and head with the same luck."""

from __future__ import annotations

import numpy as np

from turnout.cost.documents import Numbers, Population, prefix_tokens
from turnout.cost.provider import Provider, numbers
from turnout.cost.repetitions import spread
from turnout.cost.result import Month
from turnout.cost.workload import Workload
from turnout.cost.worst_hour import fullest_request
from turnout.embedding.hosted import backfilling
from turnout.embedding.hosted.request import Terms
from turnout.embedding.hosted.tokens import SPECIAL
from turnout.release.artifacts import Release

DAYS = 30
_HOUR_S = 3600.0
_DAY_AND_NIGHT = 0.6
"""The busiest hour of a day has 1.6 times the mean, the calmest 0.4 times: a sine."""
_ANY_NUMBER = 1 << 40


def month(release: Release, workload: Workload, provider: Provider, *, seed: int, repetitions: int) -> Month | None:
    """Tokens and money of a month; None if something of the load is unknown."""
    if workload.missing():
        return None
    rng = numbers(seed, "month")
    found = _changed(release, workload, rng, repetitions) + _asked(release, workload, rng, repetitions)
    if release.model.hosted:
        found *= provider.billed_per_token * provider.billed_attempts
    money = found / 1e6 * release.model.price.per_million_tokens
    return Month(tokens=spread(found), money=spread(money), samples=tuple(np.sort(money).tolist()))


def _changed(release: Release, workload: Workload, rng: np.random.Generator, repetitions: int) -> Numbers:
    """Tokens of the documents that change: as many as arrive by a Poisson process, each of them embedded as a whole."""
    if not workload.changes_per_day or not workload.sample_tokens:
        return np.zeros(repetitions)
    documents = _ANY_NUMBER if workload.documents is None else workload.documents
    population = Population.of(documents, workload.sample_tokens, release)
    counts = rng.poisson(workload.changes_per_day * DAYS, repetitions)
    tokens: Numbers = rng.multinomial(counts, population.weights(rng, repetitions)) @ population.per_document[:, 1]
    if not release.model.hosted:
        return tokens
    # What doesn't fit into one hour goes into the next; what doesn't fit into the month isn't embedded in it.
    terms = _terms(release)
    fullest = fullest_request(terms, release)
    return np.minimum(tokens, terms.limiter.flow(fullest) * fullest * DAYS * 24 * _HOUR_S)


def _asked(release: Release, workload: Workload, rng: np.random.Generator, repetitions: int) -> Numbers:
    """Tokens of the queries that are embedded: a Poisson process that knows day and night, one request each.

    A query that the rate limit has no room for is answered by words alone, so it doesn't wait for the next hour.
    """
    if not workload.queries_per_hour or not workload.query_tokens:
        return np.zeros(repetitions)
    each = workload.query_tokens + SPECIAL + prefix_tokens(release.model.prefixes.query)
    each = min(each, release.model.max_tokens)
    hours = 1 + _DAY_AND_NIGHT * np.sin(2 * np.pi * np.arange(24) / 24)
    rates = np.tile(hours, DAYS) * workload.queries_per_hour
    counts = rng.poisson(rates, (repetitions, rates.size)).astype(np.float64)
    if release.model.hosted:
        counts = np.minimum(counts, _terms(release).limiter.flow(each) * _HOUR_S)
    tokens: Numbers = counts.sum(axis=1) * each
    return tokens


def _terms(release: Release) -> Terms:
    return Terms(release.model, backfilling(release, None), url=release.model.id, now=0.0)
