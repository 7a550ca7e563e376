"""Probes leave room: whoever asks /probe, however much, users' searches keep half of the places."""

import asyncio

from support.releases import make_release
from turnout.elastic.names import Names
from turnout.query.request import Query
from turnout.retrieval.admission import Shed
from turnout.retrieval.ports import Answer
from turnout.retrieval.service import Service, Source

QUERY = Query(text="rail", mode="lexical", k=3, tenant="default", passages=False)


def test_however_many_probes_come_users_searches_keep_half_of_the_places():
    async def flooded():
        release = make_release(pipeline={"limits": {"max_concurrent_searches": 4}, "retrieval": {"timeout_ms": 5000}})
        service = Service(Source(release=release, names=Names("toys"), reader=None, load_model=None))
        service.pinning._looked.set()
        go_on, inside = asyncio.Event(), []

        async def answer(query, left_s, *, by_user):
            inside.append(by_user)
            await go_on.wait()
            return release, Answer(mode="lexical", hits=())

        service._answer = answer
        release = type("Pinned", (), {"index": "v"})
        asked = [asyncio.create_task(service.search(QUERY, by_user=False)) for _ in range(20)]
        await asyncio.sleep(0.01)
        asked += [asyncio.create_task(service.search(QUERY)) for _ in range(6)]
        await asyncio.sleep(0.01)
        began = sorted(inside)
        go_on.set()
        found = await asyncio.gather(*asked, return_exceptions=True)
        return began, [isinstance(each, Shed) for each in found], service.metrics

    began, shed, metrics = asyncio.run(flooded())
    assert began == [False, False, True, True]
    assert (sum(shed[:20]), any(shed[20:])) == (16, False)
    assert metrics.shed._value.get() == 0
