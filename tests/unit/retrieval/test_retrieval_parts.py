"""The small parts: admission, kept answers, what is asked, what is shown, which view."""

import asyncio
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.releases import make_release
from turnout.elastic.state import ReleaseRecord
from turnout.elastic.views import View, ViewMeta
from turnout.errors import BadInput
from turnout.query.passage import MARK_END, MARK_START
from turnout.retrieval.admission import Admission, Shed
from turnout.retrieval.asked import as_query, parse_filters
from turnout.retrieval.cache import LastGood
from turnout.retrieval.choosing import NoView, choose
from turnout.retrieval.messages import SearchRequest
from turnout.retrieval.page import PAGE, PAGE_HEADERS
from turnout.retrieval.shown import Shown, highlights

RELEASE = make_release()


# admission


def test_what_does_not_fit_the_queue_is_turned_away_at_once():
    async def crowd():
        admission = Admission(limit=2, queue=1)
        release = asyncio.Event()

        async def one():
            async with admission.slot(10):
                await release.wait()

        tasks = [asyncio.create_task(one()) for _ in range(4)]
        await asyncio.sleep(0.01)
        shed = [task for task in tasks if task.done()]
        release.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(task.exception()) for task in shed] == [Shed]
        async with admission.slot(10):  # all places were given back
            pass

    asyncio.run(crowd())


def test_nobody_waits_longer_than_half_of_the_deadline():
    async def slow():
        admission = Admission(limit=1, queue=5)
        async with admission.slot(1):
            with pytest.raises(Shed):
                async with admission.slot(0.05):
                    pass

    asyncio.run(slow())


# kept answers


def test_a_kept_answer_gets_too_old_and_the_least_used_goes_first():
    now = [0.0]
    kept = LastGood(entries=2, age_s=10, clock=lambda: now[0])
    kept.put("a", 1)
    kept.put("b", 2)
    assert kept.get("a") == 1
    kept.put("c", 3)
    assert (kept.get("a"), kept.get("b"), kept.get("c")) == (1, None, 3)
    now[0] = 10.5
    assert kept.get("a") is None


# what is asked


def test_what_is_left_out_comes_from_the_release():
    query = as_query(RELEASE, SearchRequest(query="rail"), "default")
    assert (query.mode, query.k, query.filters, query.passages) == ("hybrid", 10, {}, False)


@pytest.mark.parametrize(
    ("changes", "tenant", "where"),
    [
        ({"k": 101}, "default", "k"),
        ({"query": "x" * 1001}, "default", "query"),
        ({}, "a:b", "header X-Tenant"),
        ({}, "", "header X-Tenant"),
        ({}, "a\n", "header X-Tenant"),
        ({}, "x" * 129, "header X-Tenant"),
    ],
)
def test_what_goes_beyond_the_limits_is_refused_with_its_place(changes, tenant, where):
    with pytest.raises(BadInput) as refused:
        as_query(RELEASE, SearchRequest(**{"query": "rail", **changes}), tenant)
    assert refused.value.where == where


def test_filters_of_the_url_gather_by_field_and_values_may_hold_colons():
    assert parse_filters(["kind:a", "kind:b:c", "x:"]) == {"kind": ["a", "b:c"], "x": [""]}
    with pytest.raises(BadInput):
        parse_filters(["kind"])


# what is shown


def test_marks_become_offsets_in_code_points():
    assert highlights("🚂 red rail", [f"🚂 {MARK_START}red{MARK_END} {MARK_START}rail{MARK_END}"]) == [(2, 5), (6, 10)]


def test_a_text_that_holds_marks_itself_is_shown_unmarked():
    text = f"{MARK_START}a{MARK_END} b"
    assert highlights(text, [f"{MARK_START}a{MARK_END} {MARK_START}b{MARK_END}"]) == []


@given(st.lists(st.tuples(st.text(alphabet="ab 🚂<&", max_size=4), st.booleans()), max_size=6))
def test_offsets_always_cut_out_what_was_marked(parts):
    parts = [(text, marked and bool(text)) for text, marked in parts]
    text = "".join(part for part, _ in parts)
    whole = "".join(f"{MARK_START}{part}{MARK_END}" if marked else part for part, marked in parts)
    assert [text[start:end] for start, end in highlights(text, [whole])] == [part for part, marked in parts if marked]


def test_a_hit_has_its_source_id_title_and_fields_and_never_the_whole_text():
    shown = Shown(RELEASE)
    assert shown.source == ("title", "kind")
    raw = {"_id": "acme:a:b", "_source": {"title": "T", "kind": "x"}}
    found = shown.hit(raw, tenant="acme", score=1.5)
    assert (found.id, found.title, found.fields, found.passage) == ("a:b", "T", {"kind": "x"}, None)


# which view


def view(name, *, fingerprint=RELEASE.fingerprints.index, at="1"):
    meta = ViewMeta(
        collection="toys",
        index_fingerprints=(fingerprint,),
        embedding_fingerprint="e",
        documents="d",
        built_for="r",
        created_at=at,
    )
    return View(index=name, uuid=f"uuid-{name}", meta=meta, mappings={}, settings={}, aliases=frozenset())


def record(state, view_name, release_id="r-other"):
    return ReleaseRecord(collection="toys", at="1", release_id=release_id, state=state, view=view_name, release={})


def test_the_newest_view_of_the_fingerprint_is_chosen_and_then_kept():
    views = [view("a"), view("b", fingerprint="i-other"), view("c")]
    assert choose(RELEASE, views, [], current=None).index == "c"
    assert choose(RELEASE, views, [], current=views[0]).index == "a"


@pytest.mark.parametrize("state", ["building", "verifying", "failed", "retired"])
def test_a_view_that_is_not_complete_is_waited_for(state):
    with pytest.raises(NoView, match="not complete") as missing:
        choose(RELEASE, [view("a")], [record(state, "a")], current=None)
    assert missing.value.reason == "view_not_complete"
    with pytest.raises(NoView):
        choose(RELEASE, [view("a")], [record(state, None, RELEASE.id)], current=None)


@pytest.mark.parametrize("state", ["ready", "live", "former"])
def test_a_view_that_another_release_completed_serves_one_that_was_never_applied_too(state):
    assert choose(RELEASE, [view("a")], [record(state, "a")], current=None).index == "a"


@pytest.mark.parametrize("own", ["building", "verifying", "failed", "retired"])
def test_a_release_that_is_not_ready_itself_is_not_served_from_a_view_that_others_completed(own):
    records = [record("live", "a"), record(own, "a", RELEASE.id)]
    with pytest.raises(NoView, match=f"{RELEASE.id} is {own}") as missing:
        choose(RELEASE, [view("a")], records, current=None)
    assert missing.value.reason == "release_not_ready"


def test_a_release_that_is_judged_again_stays_with_the_view_in_use():
    views = [view("a")]
    assert choose(RELEASE, views, [record("failed", "a", RELEASE.id)], current=views[0]).index == "a"


def test_a_pod_serves_only_what_was_verified():
    for records in ([], [record("live", "a")]):
        with pytest.raises(NoView, match="not verified yet") as missing:
            choose(RELEASE, [view("a")], records, current=None, verified_only=True)
        assert missing.value.reason == "release_not_ready"
    records = [record("ready", "a", RELEASE.id)]
    assert choose(RELEASE, [view("a")], records, current=None, verified_only=True).index == "a"


def test_without_a_view_of_the_fingerprint_there_is_nothing_to_serve():
    with pytest.raises(NoView) as missing:
        choose(RELEASE, [view("a", fingerprint="i-other")], [], current=None)
    assert missing.value.reason == "no_view"


def test_the_view_that_the_releases_own_record_names_is_preferred():
    views = [view("a"), view("b")]
    assert choose(RELEASE, views, [record("ready", "a", RELEASE.id)], current=None).index == "a"


# the page and the package


def test_the_page_loads_nothing_from_elsewhere_and_its_policy_names_its_own_blocks():
    assert b"http://" not in PAGE
    assert b"https://" not in PAGE
    assert b"innerHTML" not in PAGE
    policy = PAGE_HEADERS["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert policy.count("'sha256-") == 2
    assert "unsafe" not in policy


def test_the_service_never_loads_what_can_write():
    code = (
        "import sys, turnout.cli.serve, turnout.retrieval, turnout.embedding.store;"
        "sys.exit(any(name == 'turnout.elastic.writer' for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_kept_answers_are_bounded_by_what_they_weigh_together():
    kept = LastGood(entries=100, age_s=60, clock=lambda: 0.0, weigh=len, weight=10)
    for key in "abc":
        kept.put(key, [0] * 4)
    kept.put("c", [0] * 5)
    assert [key for key in "abc" if kept.get(key)] == ["b", "c"]
    kept.put("huge", [0] * 11)
    assert [key for key in ("a", "b", "c", "huge") if kept.get(key)] == []
    kept.put("a", [0] * 10)
    assert kept.get("a")
