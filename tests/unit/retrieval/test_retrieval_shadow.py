"""The shadow: what is copied to the other release, what is made of its answers, and that no search waits for it."""

import asyncio
import json
import socket
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.loopback import listening
from support.releases import make_release
from turnout.cli.serve import shadow_from
from turnout.errors import BadInput
from turnout.retrieval.comparing import Changes, Difference, compare
from turnout.retrieval.messages import SearchHit, SearchReply, SearchRequest
from turnout.retrieval.metrics import Metrics
from turnout.retrieval.mirror import Mirror, NoReply, NotTaken, OtherReply
from turnout.retrieval.shadow import Shadow, ShadowPace, ShadowSettings

RELEASE = make_release()
ON = ShadowSettings(url="http://other", share=1.0)
FAST = ShadowPace(between=0.0, first=0.01, most=0.04)
RAIL = SearchRequest(query="rail")


# comparing


@given(
    st.lists(st.sampled_from("abcdefghijklmnop"), unique=True),
    st.lists(st.sampled_from("abcdefghijklmnop"), unique=True),
)
def test_overlap_is_what_both_tens_share_of_the_longer_one_and_what_is_left_came_or_went(own, other):
    found = compare(own, other)
    first, second = set(own[:10]), set(other[:10])
    assert found.overlap == (len(first & second) / max(len(first), len(second)) if first or second else 1.0)
    assert (set(found.gone), set(found.came)) == (first - second, second - first)
    assert found.overlap == compare(other, own).overlap
    assert (found.overlap == 1.0 and found.moved == 0) == (own[:10] == other[:10])


def changes(*, text=False, now=None):
    return Changes(secret=b"s", text=text, clock=lambda: now[0] if now else 0.0)


def changed(overlap, moved=0):
    return Difference(overlap=overlap, moved=moved, gone=("gone-id",), came=("came-id",))


def test_the_table_shows_the_twenty_that_changed_most_within_the_hour_and_each_search_once():
    now = [0.0]
    table = changes(now=now)
    for number in range(300):
        table.note(SearchRequest(query=f"q{number}"), "default", "r-2", changed(1 - number / 300))
    worst = [change.overlap for change in table.worst()]
    assert worst == sorted(worst)
    assert (len(worst), worst[0]) == (20, 1 - 299 / 300)
    assert len(table._kept) == 200
    now[0] = 3601.0
    table.note(RAIL, "default", "r-2", changed(0.5, moved=1))
    table.note(RAIL, "default", "r-2", changed(0.5, moved=3))
    table.note(RAIL, "acme", "r-2", changed(1.0, moved=1))
    assert [(change.overlap, change.moved) for change in table.worst()] == [(0.5, 3), (1.0, 1)]
    table.note(RAIL, "default", "r-2", changed(1.0))
    assert [change.overlap for change in table.worst()] == [1.0]


def test_without_leave_no_text_tenant_or_id_is_kept_and_a_guessed_query_cannot_be_confirmed():
    asked = SearchRequest(query="secretword", filters={"kind": ["secretkind"]})
    table, elsewhere = changes(), Changes(secret=b"another", text=False, clock=lambda: 0.0)
    for one in (table, elsewhere):
        one.note(asked, "secrettenant", "r-2", changed(0.1))
    assert not any(word in repr(table.__dict__) for word in ("secretword", "secretkind", "secrettenant", "-id"))
    assert table.worst()[0].search != elsewhere.worst()[0].search
    shown = changes(text=True)
    shown.note(asked, "acme", "r-2", changed(0.1))
    row = shown.worst()[0]
    assert (row.query, row.tenant, row.gone, row.came) == ("secretword", "acme", ["gone-id"], ["came-id"])


# mirroring


class FakeMirror:
    """Answers as it is told: ids, an exception, or never."""

    def __init__(self, answer=("a", "b"), release="r-other", **said):
        self.answer, self.release, self.said = answer, release, said
        self.asked = []
        self.at_once = self.most_at_once = 0

    async def ask(self, asked, tenant):
        self.asked.append((asked, tenant))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0 if self.answer is not None else 3600)
        self.at_once -= 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return OtherReply(
            release=self.release, hits=[SearchHit(id=name, score=1.0) for name in self.answer], **self.said
        )

    async def close(self):
        pass


def reply(*ids, degraded=None):
    hits = [SearchHit(id=name, score=1.0) for name in ids]
    return SearchReply(
        release=RELEASE.id, view="v", mode="lexical", degraded=degraded, stale=False, took_ms=1.0, hits=hits
    )


def mirrored(mirror, offers, *, settings=ON, pace=FAST, seconds=0.05):
    """The shadow and what it counted, after `offers` came at once and some time passed."""
    metrics = Metrics(RELEASE)
    shadow = Shadow(settings, RELEASE.id, metrics, connect=lambda: mirror, pace=pace)

    async def run():
        task = asyncio.create_task(shadow.run())
        await asyncio.sleep(0)
        for asked, tenant, found in offers:
            shadow.offer(asked, tenant, found)
        await asyncio.sleep(seconds)
        task.cancel()

    asyncio.run(run())
    return shadow, outcomes(metrics), metrics


def outcomes(metrics):
    found = [s for f in metrics.registry.collect() if f.name == "search_shadow" for s in f.samples]
    return {s.labels["outcome"]: s.value for s in found if s.value}


def test_it_is_off_by_default_and_then_has_no_series():
    shadow, counted, metrics = mirrored(FakeMirror(), [(RAIL, "default", reply("a"))], settings=ShadowSettings())
    assert (shadow.table().on, counted) == (False, {})
    assert not any(s.name.startswith("search_shadow") for f in metrics.registry.collect() for s in f.samples)


def test_a_copy_keeps_its_tenant_and_filters_and_its_overlap_is_told_by_the_other_release():
    mirror = FakeMirror(["a", "c"])
    asked = SearchRequest(query="rail", filters={"kind": ["x"]})
    shadow, counted, metrics = mirrored(mirror, [(asked, "acme", reply("a", "b"))])
    assert mirror.asked == [(asked, "acme")]
    assert counted == {"compared": 1}
    labels = {"release": RELEASE.id, "other_release": "r-other"}
    assert metrics.registry.get_sample_value("search_shadow_overlap_sum", labels) == 0.5
    table = shadow.table()
    assert (table.compared, table.redacted, table.changes[0].overlap, table.changes[0].query) == (1, True, 0.5, None)


@pytest.mark.parametrize(
    ("mirror", "outcome"),
    [
        (FakeMirror(release=RELEASE.id), "same_release"),
        (FakeMirror(NoReply("TimeoutError")), "unavailable"),
        (FakeMirror(RuntimeError("a bug")), "unavailable"),
        (FakeMirror(degraded="embedding_slow"), "degraded"),
    ],
)
def test_an_answer_of_no_use_makes_it_pause_and_nothing_is_compared(mirror, outcome):
    offers = [(RAIL, "default", reply("a"))] * 4
    shadow, counted, _ = mirrored(mirror, offers, pace=ShadowPace(between=0.0, first=9.0, most=9.0))
    assert counted == {outcome: 1, "paused": 3}
    assert (len(mirror.asked), shadow.table().paused, shadow.table().compared) == (1, True, 0)


def test_a_search_that_the_other_side_does_not_take_is_no_reason_to_pause():
    assert mirrored(FakeMirror(NotTaken()), [(RAIL, "default", reply("a"))] * 3)[1] == {"refused": 3}


def test_pauses_double_up_to_a_minute_and_end_with_a_useful_answer():
    now = [0.0]
    shadow = Shadow(ON, RELEASE.id, Metrics(RELEASE), clock=lambda: now[0])
    pauses = []
    for _ in range(40):
        shadow._learn("unavailable")
        pauses.append(shadow._paused_until - now[0])
    assert pauses[:8] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert set(pauses[8:]) == {60}
    shadow._learn("compared")
    shadow._learn("same_release")
    assert shadow._paused_until - now[0] == 1


def test_what_is_degraded_is_not_copied():
    mirror = FakeMirror()
    mirrored(mirror, [(RAIL, "default", reply("a", degraded="embedding_slow"))])
    assert mirror.asked == []


def test_one_is_under_way_at_a_time_at_most_two_start_in_a_second_and_few_wait():
    offers = [(RAIL, "default", reply("a"))] * 50
    mirror = FakeMirror()
    _, counted, _ = mirrored(mirror, offers, pace=ShadowPace(), seconds=0.7)
    assert (len(mirror.asked), mirror.most_at_once) == (2, 1)
    assert counted == {"compared": 2, "dropped": 46}


def test_a_target_that_hangs_holds_up_no_search_and_fills_no_memory():
    async def run():
        shadow = Shadow(ON, RELEASE.id, Metrics(RELEASE), connect=lambda: FakeMirror(None))
        task = asyncio.create_task(shadow.run())
        for _ in range(2000):  # an offer that waited for the target would wait for good
            shadow.offer(RAIL, "default", reply("a"))
            await asyncio.sleep(0)
        waiting = shadow._queue.qsize()
        task.cancel()
        return waiting

    assert asyncio.run(run()) == 4


def test_series_of_other_releases_are_bounded():
    metrics = Metrics(RELEASE, pod_template_hash="abc")
    for number in range(30):
        metrics.overlap(f"r-{number}", 0.5)
    text = [
        s.labels["other_release"] for f in metrics.registry.collect() for s in f.samples if "other_release" in s.labels
    ]
    assert set(text) == {"r-26", "r-27", "r-28", "r-29"}


# the other side on a socket


@contextmanager
def other_side(status=200, body=b"{}", *, delay_s=0.0):
    """A server that answers all the same; `seen` holds what it was asked."""
    seen = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            asked = self.rfile.read(int(self.headers["Content-Length"]))
            seen.append((self.path, self.headers["X-Tenant"], self.headers["Connection"], json.loads(asked)))
            time.sleep(delay_s)
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with listening(Handler) as url:
        yield url, seen


def ask(url, asked=RAIL, *, timeout_s=2.0):
    async def run():
        mirror = Mirror(url, timeout_s=timeout_s)
        try:
            return await mirror.ask(asked, "acme")
        finally:
            await mirror.close()

    return asyncio.run(run())


def test_it_asks_for_a_probe_with_what_was_asked_and_leaves_the_rest_to_the_other_releases_defaults():
    asked = SearchRequest(query="rail", k=3, filters={"kind": ["x"]}, passages=True)
    with other_side(body=b'{"release": "r-2", "hits": [{"id": "a", "score": 1}], "more": 1}') as (url, seen):
        assert [hit.id for hit in ask(url, asked).hits] == ["a"]
    assert seen == [("/probe", "acme", "close", {"query": "rail", "k": 3, "filters": {"kind": ["x"]}})]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (503, b"{}"),
        (404, b"{}"),
        (302, b"{}"),
        (200, b"{"),
        (200, b"[]"),
        (200, b'{"release": "r\\n", "hits": []}'),
        (200, b'{"release": "%s", "hits": []}' % (b"r" * 65)),
        (200, b'{"release": "r-2", "hits": [{"id": "%s"}]}' % (b"d" * 513)),
        (200, b"[" * 500_000),
        (200, b'{"release": "r-2", "hits": []}' + b" " * (2 << 20)),
    ],
)
def test_anything_but_the_reply_of_a_search_is_no_reply(status, body):
    with other_side(status, body) as (url, _), pytest.raises(NoReply):
        ask(url)


def test_a_refusal_is_told_from_a_failure_and_slow_is_a_failure():
    with other_side(400) as (url, _), pytest.raises(NotTaken):
        ask(url)
    with other_side(delay_s=0.3) as (url, _), pytest.raises(NoReply):
        ask(url, timeout_s=0.05)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(NoReply):
            ask(f"http://127.0.0.1:{closed.getsockname()[1]}")


# settings


def test_settings_are_off_unless_both_are_given():
    assert not shadow_from({}).on
    assert not shadow_from({"TURNOUT_SHADOW_URL": "", "TURNOUT_SHADOW_SHARE": "0.5"}).on
    assert not shadow_from({"TURNOUT_SHADOW_URL": "http://search-canary-docs"}).on
    given_all = {"TURNOUT_SHADOW_URL": "http://x:80", "TURNOUT_SHADOW_SHARE": "0.1", "TURNOUT_SHADOW_TEXT": "True"}
    assert shadow_from(given_all) == ShadowSettings(url="http://x:80", share=0.1, text=True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"TURNOUT_SHADOW_URL": "search-canary"},
        {"TURNOUT_SHADOW_URL": "ftp://x"},
        {"TURNOUT_SHADOW_URL": "http://a:b@x"},
        {"TURNOUT_SHADOW_URL": "http://x:y"},
        {"TURNOUT_SHADOW_SHARE": "2"},
        {"TURNOUT_SHADOW_SHARE": "nan"},
        {"TURNOUT_SHADOW_SHARE": "much"},
        {"TURNOUT_SHADOW_TEXT": "yes"},
    ],
)
def test_settings_that_make_no_sense_are_refused_by_name(wrong):
    with pytest.raises(BadInput) as refused:
        shadow_from(wrong)
    assert refused.value.where == next(iter(wrong))
