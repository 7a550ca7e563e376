"""Queries that come together go through the model together, and a bad model never blocks the service."""

import asyncio
import threading
import time

import numpy as np
import pytest

from support.fake_embedder import FakeEmbedder
from support.releases import make_release
from turnout.retrieval.batching import Batching, EmbeddingProblem, QueryEmbedder
from turnout.retrieval.metrics import Metrics


class Gated(FakeEmbedder):
    """Waits in `embed` until told."""

    def __init__(self):
        super().__init__()
        self.gate = threading.Event()

    def embed(self, texts, *, kind):
        self.gate.wait(5)
        return super().embed(texts, kind=kind)


def started(embedder, **changes):
    return QueryEmbedder(embedder, Metrics(make_release()), Batching(**changes))


def test_each_query_gets_its_own_vector_and_queries_share_calls():
    async def many():
        queries = started(model)
        first = asyncio.create_task(queries.embed("first"))
        await asyncio.sleep(0.02)
        rest = [asyncio.create_task(queries.embed(f"query {n}")) for n in range(20)]
        await asyncio.sleep(0.02)
        model.gate.set()
        return await asyncio.gather(first, *rest)

    model = Gated()
    vectors = asyncio.run(many())
    expected = FakeEmbedder().embed(["first", *[f"query {n}" for n in range(20)]], kind="query")
    assert np.array_equal(np.stack(vectors), expected)
    assert [len(call) for call in model.calls] == [1, 16, 4]


def test_a_lone_query_does_not_wait_for_company():
    async def timed():
        queries = started(FakeEmbedder())
        await queries.embed("warm")
        begin = time.perf_counter()
        for _ in range(50):
            await queries.embed("one")
        return time.perf_counter() - begin

    assert asyncio.run(timed()) / 50 < 0.02


def test_a_query_that_nobody_waits_for_any_more_is_not_embedded():
    async def cancelled():
        queries = started(model)
        first = asyncio.create_task(queries.embed("first"))
        await asyncio.sleep(0.02)
        second = asyncio.create_task(queries.embed("second"))
        await asyncio.sleep(0.02)
        second.cancel()
        model.gate.set()
        await first
        await asyncio.sleep(0.05)

    model = Gated()
    asyncio.run(cancelled())
    assert model.calls == [["first"]]


def test_nothing_waits_behind_a_call_that_is_stuck():
    async def stuck():
        queries = started(model, stuck_s=0.05)
        first = asyncio.create_task(queries.embed("first"))
        await asyncio.sleep(0.1)
        with pytest.raises(EmbeddingProblem, match="embedding_slow"):
            await queries.embed("second")
        model.gate.set()
        await first

    model = Gated()
    asyncio.run(stuck())


def test_the_queue_is_bounded():
    async def full():
        queries = started(model, waiting=2)
        tasks = [asyncio.create_task(queries.embed("first"))]
        await asyncio.sleep(0.02)
        tasks += [asyncio.create_task(queries.embed(f"q{n}")) for n in range(4)]
        await asyncio.sleep(0.02)
        model.gate.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    model = Gated()
    assert [type(result) for result in asyncio.run(full())].count(EmbeddingProblem) >= 1


@pytest.mark.parametrize("row", [np.zeros(16), np.full(16, np.nan)])
def test_a_vector_without_a_direction_is_a_failure(row):
    class Broken(FakeEmbedder):
        def embed(self, texts, *, kind):
            return np.stack([row] * len(texts)).astype(np.float32)

    with pytest.raises(EmbeddingProblem, match="embedding_failed"):
        asyncio.run(started(Broken()).embed("x"))


def test_a_model_that_raises_fails_this_query_and_not_the_next():
    class Once(FakeEmbedder):
        def embed(self, texts, *, kind):
            if texts == ["bad"]:
                raise RuntimeError("no")
            return super().embed(texts, kind=kind)

    async def both():
        queries = started(Once())
        with pytest.raises(EmbeddingProblem, match="embedding_failed"):
            await queries.embed("bad")
        return await queries.embed("good")

    assert asyncio.run(both()).shape == (16,)
