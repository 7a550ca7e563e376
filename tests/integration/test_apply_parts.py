"""An apply in parts, as Jobs on Kubernetes do it: filled shard by shard, verified, and no alias moved."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch
from msgspec.structs import replace

from support.applying import Heard, Site, make_site
from support.switchable_proxy import SwitchableProxy, proxy_to
from turnout.alias import freeze
from turnout.apply import Ended, Event, Started, Until, Waiting, apply, fill_shard, is_ready, persistently
from turnout.elastic.client import connect
from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.state import Quarantine, ReleaseRecord
from turnout.elastic.writer import Writer
from turnout.embedding import Embedder
from turnout.embedding.store import load
from turnout.errors import BadInput, Refused, Unavailable
from turnout.follow import Progress, lag
from turnout.plan import Verify
from turnout.release.artifacts import Release

DOCUMENTS = 12


class Killed(BaseException):
    """No code may catch it, like a kill."""


@pytest.fixture
def site(elastic_url: str, names: Names, tmp_path: Path) -> Site:
    return make_site(elastic_url, names, tmp_path, documents=DOCUMENTS)


def go(site: Site, head: Release, until: Until, listen: Callable[[Event], None] | None = None, **changes: Any) -> None:
    apply(site.plan(head), head, site.context(listen or Heard(), **changes), until=until)


def fill(site: Site, shard: int, listen: Callable[[Event], None] | None = None, **changes: Any) -> None:
    wait_s = changes.pop("wait_s", 60.0)
    context = site.context(listen or Heard(), **changes)
    fill_shard(partial(site.plan, site.a), site.a, context, shard, wait_s=wait_s)


def done(heard: Heard) -> list[str]:
    return [type(event.stage).__struct_config__.tag for event in heard.events if isinstance(event, Ended)]  # type: ignore[misc]


def behind(site: Site, release: Release) -> dict[int, int]:
    return lag(site.world.reader, site.world.names, site.view_of(release)).shards


def is_level(site: Site, release: Release) -> bool:
    return is_ready(site.world.reader, site.world.names, release)


def is_set_up_for_filling(site: Site) -> bool:
    described = site.world.reader.describe(site.view_of(site.a))
    return described is not None and described["settings"]["index"].get("refresh_interval") == "-1"


def condemn(site: Site, release: Release) -> None:
    record = Quarantine(
        collection="toys", at="2026-01-01", release_id=release.id, by="run-7 (error-ratio)", reason="20 % errors"
    )
    site.world.writer.put_state(site.world.names, record)


def test_it_is_filled_then_verified_then_made_live_each_by_a_process_of_its_own(site: Site) -> None:
    filled, ready, live = Heard(), Heard(), Heard()
    go(site, site.a, "filled", filled)
    assert done(filled) == ["create-view", "backfill"]
    assert (site.states(), site.targets()) == ({site.a.id: "building"}, set())
    assert not is_level(site, site.a)
    go(site, site.a, "ready", ready)
    assert (done(ready), site.states(), site.targets()) == (
        ["backfill", "catch-up", "verify"],
        {site.a.id: "ready"},
        set(),
    )
    assert not [event for event in ready.events if isinstance(event, Progress)]
    assert is_level(site, site.a)
    go(site, site.a, "live", live)
    assert (site.states(), site.targets()) == ({site.a.id: "live"}, {site.view_of(site.a)})
    assert is_level(site, site.a)


def test_a_release_that_was_compared_with_another_live_one_is_verified_again(site: Site) -> None:
    go(site, site.b, "ready")
    assert is_level(site, site.b)
    site.apply(site.a)
    assert (site.states()[site.b.id], is_level(site, site.b)) == ("ready", False)
    go(site, site.b, "ready")
    assert (site.record(site.b).report["compared_with"], is_level(site, site.b)) == (site.a.id, True)


def test_a_freeze_stops_only_what_moves_the_alias(site: Site) -> None:
    freeze(site.world.writer, site.world.names, reason="incident", by="me", at="2026-01-01")
    go(site, site.a, "ready")
    assert site.states() == {site.a.id: "ready"}
    with pytest.raises(Refused, match="frozen"):
        go(site, site.a, "live")


def test_each_shard_fills_its_own_part_and_little_is_left_for_the_verification(site: Site) -> None:
    told = Heard()
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(fill, site, 1, told)
        until(lambda: any(isinstance(event, Waiting) for event in told.events))
        assert not waiting.done()
        fill(site, 0)
        waiting.result(60)
    assert behind(site, site.a) == {0: 0, 1: 0}
    assert (site.states(), is_set_up_for_filling(site)) == ({site.a.id: "building"}, True)
    parts = [event.counts.documents for event in told.events if isinstance(event, Progress)]
    assert 0 < sum(parts) < DOCUMENTS
    heard = Heard()
    go(site, site.a, "ready", heard)
    assert (site.is_equal(site.a), is_set_up_for_filling(site)) == (True, False)
    assert not [event for event in heard.events if isinstance(event, Progress)]
    again = Heard()
    fill(site, 0, again)
    assert (again.events, site.states()) == ([], {site.a.id: "ready"})


def test_a_shard_that_is_killed_and_then_run_twice_at_once_ends_whole(site: Site) -> None:
    def dies(event: Event) -> None:
        if isinstance(event, Progress):
            raise Killed

    with pytest.raises(Killed):
        fill(site, 0, dies)
    assert behind(site, site.a)[1] > 0
    with ThreadPoolExecutor() as pool:
        for each in [pool.submit(fill, site, shard) for shard in (0, 1, 1)]:
            each.result(60)
    assert behind(site, site.a) == {0: 0, 1: 0}
    go(site, site.a, "ready")
    assert site.is_equal(site.a)


def test_two_that_make_the_view_at_the_same_moment_end_up_with_one(site: Site) -> None:
    both = threading.Barrier(2)

    def meeting(release: Release) -> Embedder:
        if not site.world.reader.views(site.world.names):
            with suppress(threading.BrokenBarrierError):
                both.wait(10)  # both have seen that there is no view, none has made it
        return load(release.model, site.world.models)

    def persistent() -> None:  # the slower one may find shards that are just being started
        persistently(lambda: fill(site, 0, load=meeting), Heard())

    site.world.writer.ensure_state_index(site.world.names)
    with ThreadPoolExecutor() as pool:
        for each in [pool.submit(persistent) for _ in range(2)]:
            each.result(60)
    (view,) = site.world.reader.views(site.world.names)
    assert (view.index, behind(site, site.a)[0]) == (site.view_of(site.a), 0)


def test_a_shard_that_is_not_there_and_one_that_waits_in_vain_say_so(site: Site) -> None:
    with pytest.raises(BadInput, match="no shard 2: the documents index has 2"):
        fill(site, 2)
    heard = Heard()
    with pytest.raises(Unavailable, match="no view for release"):
        fill(site, 1, heard, wait_s=0.1)
    assert [type(event) for event in heard.events] == [Waiting]
    assert site.world.reader.views(site.world.names) == ()


def test_a_view_that_a_record_calls_filled_before_its_end_is_finished_by_the_verification(site: Site) -> None:
    fill(site, 0)
    record = site.record(site.a)
    site.world.writer.put_state(site.world.names, replace(record, state="failed", reason="given up while it was built"))
    sibling = site.release(pipeline={"retrieval": {"rank_constant": 61}})
    go(site, sibling, "ready")
    assert (site.states()[sibling.id], site.is_equal(sibling), is_set_up_for_filling(site)) == ("ready", True, False)


class Watching(Writer):
    """Asks what the records say at the moment at which a view comes into being."""

    def __init__(self, site: Site) -> None:
        super().__init__(site.world.writer._client)
        self._site = site
        self.seen: list[tuple[str, set[tuple[str, str | None]]]] = []

    def create_index(self, index: str, **body: Any) -> bool:
        if ".view." in index:
            records = self._site.world.reader.states(self._site.world.names, ReleaseRecord)
            self.seen.append((index, {(record.state, record.view) for record in records}))
        return super().create_index(index, **body)


def test_an_empty_view_is_never_taken_for_a_full_one(site: Site, client: Elasticsearch) -> None:
    site.apply(site.a)
    lost = site.view_of(site.a)
    client.indices.delete(index=lost)
    writer = Watching(site)
    go(site, site.a, "filled", writer=writer)
    ((made, records),) = writer.seen
    assert made != lost
    assert records == {("building", made)}
    go(site, site.a, "ready")
    assert (site.states(), site.is_equal(site.a)) == ({site.a.id: "ready"}, True)


def test_a_release_in_quarantine_is_neither_built_nor_gone_back_to(site: Site) -> None:
    site.apply(site.a)
    site.apply(site.b)
    condemn(site, site.a)
    third = site.release(1, pipeline={"retrieval": {"rank_constant": 61}})
    condemn(site, third)
    with pytest.raises(Refused, match=r"since 2026-01-01 \(run-7 \(error-ratio\)\): 20 % errors") as refused:
        go(site, third, "ready")
    assert "make another release" in refused.value.remedy
    with pytest.raises(Refused, match="in quarantine"):
        fill(site, 0)
    with pytest.raises(Refused, match="in quarantine"):
        site.revert()
    assert (site.targets(), set(site.states())) == ({site.view_of(site.b)}, {site.a.id, site.b.id})


def test_a_server_that_goes_away_is_waited_for_by_pages_and_else_ends_it_to_go_on_where_it_was(site: Site) -> None:
    with proxy_to(site.world.url) as proxy:
        client = connect(proxy.url)
        through: dict[str, Any] = {"reader": Reader(client), "writer": Writer(client), "url": proxy.url}

        def back_soon(event: Event) -> None:
            if isinstance(event, Progress) and not pages:
                pages.append(event)
                proxy.down()
                threading.Timer(0.7, proxy.up).start()

        def gone(event: Event) -> None:
            if isinstance(event, Started) and isinstance(event.stage, Verify):
                proxy.down()

        pages: list[Event] = []
        proxy.up()
        go(site, site.a, "filled", back_soon, **through)
        assert (len(pages), behind(site, site.a)) == (1, {0: 0, 1: 0})
        with pytest.raises(Unavailable):
            go(site, site.a, "ready", gone, **through)
        waits = Heard()
        persistently(down_at_first(proxy, lambda: go(site, site.a, "ready", **through)), waits)
    assert [type(event) for event in waits.events] == [Waiting]
    assert (site.states(), site.is_equal(site.a)) == ({site.a.id: "ready"}, True)


def down_at_first(proxy: SwitchableProxy, work: Callable[[], None]) -> Callable[[], None]:
    """Does `work` with the server as it is, down, and up the next time."""
    states = iter((proxy.down, proxy.up))

    def attempt() -> None:
        next(states)()
        work()

    return attempt


def until(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(600):
        if condition():
            return
        pause.wait(0.05)
    raise AssertionError("it doesn't come to pass")
