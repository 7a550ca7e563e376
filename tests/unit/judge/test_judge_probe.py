"""Asking releases through their pods: whole answers count, all others are asked for again and never count."""

import asyncio
import gzip
import threading
import time
from contextlib import ExitStack

import httpx
import pytest

from support.fake_pods import pod, reply
from turnout.evaluation import JudgedQuery
from turnout.judge.probe import Manner, Stopped, ask
from turnout.judge.probe_request import Problem, Side, request

QUERIES = [JudgedQuery(id=f"q{number}", text=f"text {number}") for number in range(12)]
FAST = Manner(per_s=500, timeout_s=2.0, again_after_s=(0.02, 0.02))


@pytest.fixture
def pods():
    """Start pods that live as long as the test."""
    with ExitStack() as stack:
        yield lambda answer: stack.enter_context(pod(answer))


def side(*started, release="r-1", mode="lexical"):
    return Side(release, mode, lambda: [each.url for each in started])


def asked(sides, queries=QUERIES, *, k=3, manner=FAST, stopped=lambda: False, progress=lambda _: None):
    return ask(sides, queries, k=k, manner=manner, stopped=stopped, progress=progress)


def test_both_sides_are_asked_every_query_once_in_changing_order(pods):
    order = []
    one = pods(lambda body: order.append(("one", body["query"])) or reply(["a", "b", "c", "d"]))
    two = pods(lambda body: order.append(("two", body["query"])) or reply(["c"], "r-2"))
    seen = []
    slowly = Manner(per_s=100, at_once=1, again_after_s=())
    found = asked([side(one), side(two, release="r-2")], manner=slowly, progress=seen.append)
    assert found.runs[0] == {query.id: ("a", "b", "c") for query in QUERIES}
    assert found.runs[1] == {query.id: ("c",) for query in QUERIES}
    assert (found.missing, found.views, seen[-1]) == ({}, ("v-r-1", "v-r-2"), len(QUERIES))
    assert [name for name, _ in order[:4]] == ["one", "two", "two", "one"]
    assert [text for _, text in order[::2]] == [query.text for query in QUERIES]
    assert one.asked[0] == {"query": "text 0", "k": 3}
    assert one.paths == {"/probe"}


def test_filters_of_a_query_are_asked_too(pods):
    one = pods(lambda _: reply([]))
    asked([side(one)], [JudgedQuery(id="q", text="t", filters={"kind": ("a", "b")})])
    assert one.asked == [{"query": "t", "k": 3, "filters": {"kind": ["a", "b"]}}]


def test_pods_of_a_release_are_asked_in_turn_and_one_that_goes_away_is_replaced(pods):
    here, there = pods(lambda _: reply(["a"])), pods(lambda _: (503, b""))
    gone = "http://127.0.0.1:9"
    found = asked([Side("r-1", "lexical", lambda: [here.url, there.url, gone])])
    assert len(found.runs[0]) == len(QUERIES)
    assert len(here.asked) == len(QUERIES)
    assert len(there.asked) < len(QUERIES)
    both = [pods(lambda _: reply(["a"])), pods(lambda _: reply(["a"]))]
    asked([side(*both)])
    assert [len(each.asked) for each in both] == [6, 6]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (reply(["a"], degraded="embedding_slow"), "answers degraded (embedding_slow)"),
        (reply(["a"], stale=True), "answers degraded (stale)"),
        (reply(["a"], mode="vector"), "answers in mode vector instead of lexical"),
        (reply(["a"], "r-9"), "is not the one that answers at its pods"),
        (reply(["a", "a"]), "names a document twice in one answer"),
        (reply(["a" * 513]), "gives a reply that isn't one of a search"),
        (reply(["a"], view="*"), "gives a reply that isn't one of a search"),
        (reply(["a"], view="_all"), "gives a reply that isn't one of a search"),
        (reply(["a"], view=""), "gives a reply that isn't one of a search"),
        ((200, b"<html>"), "gives a reply that isn't one of a search"),
        ((200, b'{"hits": [1]}'), "gives a reply that isn't one of a search"),
        ((500, b""), "answers with HTTP 500"),
        ((400, b""), "answers with HTTP 400"),
    ],
)
def test_an_answer_that_is_not_whole_counts_for_nobody(pods, answer, said):
    good, bad = pods(lambda _: reply(["a"], "r-2")), pods(lambda _: answer)
    found = asked([side(bad), side(good, release="r-2")], QUERIES[:3])
    assert found.runs == ({}, {})
    assert found.missing == {query.id: f"release r-1 {said}" for query in QUERIES[:3]}
    assert found.share_missing == 1.0
    assert found.why_missing() == f"3 of 3 queries got no whole answer: release r-1 {said}"


def test_what_is_degraded_for_a_while_is_asked_again_later(pods):
    times = {}

    def answer(body):
        times[body["query"]] = times.get(body["query"], 0) + 1
        return reply(["a"], degraded="embedding_slow" if times[body["query"]] < 3 else None)

    found = asked([side(pods(answer))])
    assert (len(found.runs[0]), found.missing) == (len(QUERIES), {})
    assert set(times.values()) == {3}


def test_a_query_that_is_refused_is_not_asked_again(pods):
    one = pods(lambda _: (400, b""))
    asked([side(one)])
    assert len(one.asked) == len(QUERIES)


def test_a_release_without_pods_answers_nothing(pods):
    found = asked([side()], QUERIES[:2])
    assert found.missing == dict.fromkeys(["q0", "q1"], "release r-1 has no ready pod")


def test_it_asks_no_faster_and_no_more_at_once_than_it_may(pods):
    inside, most, lock = [0], [0], threading.Lock()

    def slow(_):
        with lock:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        time.sleep(0.1)
        with lock:
            inside[0] -= 1
        return reply(["a"])

    asked([side(pods(slow))], manner=Manner(per_s=200, at_once=2, again_after_s=()))
    assert most[0] == 2
    began = time.monotonic()
    asked([side(pods(lambda _: reply(["a"])))], QUERIES[:5], manner=Manner(per_s=20, again_after_s=()))
    assert time.monotonic() - began >= 0.2


def test_it_stops_soon_while_a_pod_is_silent(pods):
    release = threading.Event()
    silent = pods(lambda _: (release.wait(10), reply([]))[1])
    stop = threading.Event()
    threading.Timer(0.2, stop.set).start()
    began = time.monotonic()
    with pytest.raises(Stopped):
        asked([side(silent)], manner=Manner(per_s=500, timeout_s=30.0), stopped=stop.is_set)
    assert time.monotonic() - began < 8  # the pod is silent for 10
    release.set()


def test_a_pod_that_says_nothing_is_given_up_after_the_timeout(pods):
    release = threading.Event()
    silent = pods(lambda _: (release.wait(10), reply([]))[1])
    found = asked([side(silent)], QUERIES[:1], manner=Manner(per_s=500, timeout_s=0.1, again_after_s=()))
    assert found.missing == {"q0": "release r-1 didn't answer within 0.1 s"}
    release.set()


def test_while_nobody_answers_a_round_of_questions_ends_and_what_was_not_asked_is_missing_too(pods):
    release = threading.Event()
    silent = pods(lambda _: (release.wait(10), reply([]))[1])
    many = [JudgedQuery(id=f"q{number}", text="text") for number in range(400)]
    hasty = Manner(per_s=500, timeout_s=0.05, again_after_s=(0.01, 0.01), in_vain_s=0.2)
    found = asked([side(silent)], many, manner=hasty)
    assert len(silent.asked) < 200
    assert found.missing == {query.id: "release r-1 didn't answer within 0.05 s" for query in many}
    release.set()


def test_what_was_not_asked_while_nobody_answered_is_asked_in_the_next_round(pods):
    since = time.monotonic()
    late = pods(lambda _: reply(["a"]) if time.monotonic() - since > 0.5 else (503, b""))
    many = [JudgedQuery(id=f"q{number}", text="text") for number in range(300)]
    found = asked([side(late)], many, manner=Manner(per_s=500, again_after_s=(0.5,), in_vain_s=0.05))
    assert (len(found.runs[0]), found.missing) == (300, {})


def test_an_answer_is_never_inflated():
    asked_for = []

    def answer(given):
        asked_for.append(given.headers["Accept-Encoding"])
        packed = httpx.ByteStream(gzip.compress(reply(["a"])[1]))
        return httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=packed)

    async def one():
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
            return await request(http, "http://pod", side(), QUERIES[0], k=3, timeout_s=1.0)

    assert isinstance(asyncio.run(one()), Problem)
    assert asked_for == ["identity"]
