"""What a backfill costs: every request of every repetition where that is little work, a resampled part where it isn't.

Called by `simulate`.
"""

from __future__ import annotations

import numpy as np

from turnout.cost.documents import Numbers, Population
from turnout.cost.pool import Pool
from turnout.cost.provider import Provider, numbers
from turnout.cost.repetitions import Runs, row
from turnout.cost.run import Run
from turnout.release.artifacts import Release

EXACT_WORK = 40_000.0
"""Requests of all repetitions together up to which each of them is simulated; a passage counts for a twentieth."""
_PASSAGE_WORK = 0.05


def backfill(release: Release, population: Population, provider: Provider, *, seed: int, repetitions: int) -> Runs:
    """Fill a view of a hosted model from all documents, `repetitions` times."""
    each = population.per_document.mean(axis=0)
    requests = _requests_per_document(release, each)
    work = (requests + each[0] * _PASSAGE_WORK + 0.01) * population.documents
    if work * repetitions <= EXACT_WORK:
        return _exact(release, population, provider, seed=seed, repetitions=repetitions)
    return Pool(release, population, provider, seed).runs(repetitions, requests + each[0] * _PASSAGE_WORK)


def _requests_per_document(release: Release, each: Numbers) -> float:
    terms = Run(release, Provider(), seed=(0,)).client.terms
    passages, tokens = float(each[0]), float(each[1])
    return max(passages / terms.most_texts, min(passages, tokens / terms.limiter.batch_tokens))


def _exact(release: Release, population: Population, provider: Provider, *, seed: int, repetitions: int) -> Runs:
    per_token = release.model.price.per_million_tokens / 1e6
    rows, peaks, gave_up = [], [], []
    for repetition in range(repetitions):
        documents = population.drawn(numbers(seed, repetition, "documents"))
        run = Run(release, provider, seed=(seed, repetition))
        run.whole(documents)
        rows.append(row(run.client.tally, sum(map(len, documents))))
        peaks.append(max(run.ledger.peak, run.client.tally.tokens * per_token))
        gave_up.append(run.gave_up)
    return Runs(np.array(rows), np.array(peaks), np.array(gave_up, np.float64), "every request is simulated")
