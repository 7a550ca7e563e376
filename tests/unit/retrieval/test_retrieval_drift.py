"""Where queries lie, as counters: the same everywhere, filled equally by anything, and of nobody but users."""

import asyncio
import hashlib
import time

import numpy as np
import pytest

from support.releases import make_release
from turnout.query import Query
from turnout.retrieval.drift import BINS, PROJECTIONS, Projections, directions, edges
from turnout.retrieval.metrics import Metrics
from turnout.retrieval.search import Searcher

RELEASE = make_release()


def test_directions_have_length_one_and_never_change():
    found = directions(384)
    assert (found.shape, found.dtype) == ((PROJECTIONS, 384), np.float32)
    assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-5)
    assert hashlib.sha256((found > 0).tobytes()).hexdigest()[:16] == "7dc70aea17ce3578"
    apart = np.abs(found @ found.T - np.eye(PROJECTIONS)).max()
    assert apart < 0.2, "or they would count the same thing"


@pytest.mark.parametrize("dims", [13, 384, 1024])
def test_vectors_of_any_direction_fill_the_bins_equally_whatever_their_length(dims):
    filled = np.zeros((PROJECTIONS, BINS))

    def counted(projection, place):
        filled[projection, place] += 1

    projections = Projections(dims, counted)
    random = np.random.default_rng(7)
    for vector in random.standard_normal((4000, dims)).astype(np.float32):
        projections.count(vector * random.uniform(0.1, 100))
    assert filled.sum(axis=1) == pytest.approx(4000)
    assert np.abs(filled / 4000 - 0.1).max() < (0.02 if dims > 100 else 0.04)
    assert len(edges(dims)) == BINS - 1


def test_a_vector_and_its_opposite_fall_into_opposite_bins():
    found = []
    projections = Projections(64, lambda _, place: found.append(place))
    vector = np.random.default_rng(3).standard_normal(64).astype(np.float32)
    projections.count(vector)
    projections.count(-vector)
    assert [BINS - 1 - place for place in found[:PROJECTIONS]] == found[PROJECTIONS:]


class Words:
    """A target whose model gives a vector, and a reader that finds nothing."""

    index, uuid = "toys.view", "u1"

    def __init__(self):
        self.embeds = self

    async def embed(self, text):
        return np.ones(16, dtype=np.float32)

    async def search(self, index, body, *, timeout_s):
        return []


def counted(metrics):
    samples = [s for family in metrics.registry.collect() if family.name == "query_projection" for s in family.samples]
    return len(samples), sum(s.value for s in samples)


def test_users_queries_are_counted_once_in_each_projection_and_all_series_are_there_before():
    metrics, words = Metrics(RELEASE), Words()
    searcher = Searcher(RELEASE, words, metrics)
    assert counted(metrics) == (PROJECTIONS * BINS, 0)
    for mode in ("hybrid", "vector", "lexical"):
        query = Query(text="rail", mode=mode, k=3, tenant="default")
        asyncio.run(searcher.answer(words, query, timeout_s=1.0))
        asyncio.run(searcher.answer(words, query, timeout_s=1.0, by_user=False))
        asyncio.run(searcher.warm(words, query, timeout_s=1.0))
    assert counted(metrics) == (PROJECTIONS * BINS, 2 * PROJECTIONS)


def test_a_release_that_searches_by_words_has_none():
    metrics = Metrics(RELEASE)
    release = make_release(pipeline={"retrieval": {"mode": "lexical"}})
    words = Words()
    searcher = Searcher(release, words, metrics)
    asyncio.run(searcher.answer(words, Query(text="rail", mode="vector", k=3, tenant="default"), timeout_s=1.0))
    assert counted(metrics) == (0, 0)


def test_counting_a_query_takes_no_time_worth_mentioning():
    metrics = Metrics(RELEASE)
    projections = Projections(1024, metrics.projections(PROJECTIONS, BINS))
    vector = np.random.default_rng(1).standard_normal(1024).astype(np.float32)
    taken = []
    for _ in range(500):
        started = time.perf_counter()
        projections.count(vector)
        taken.append(time.perf_counter() - started)
    assert sorted(taken)[250] < 0.0005, "ten times what it takes on an idle machine"
