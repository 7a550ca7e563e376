"""The space of a rehearsal: reused, left clean whatever happens, and never shared by two at once."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from support.rehearsing import Stage, later, make_stage
from support.switchable_proxy import proxy_to
from turnout.apply import Started
from turnout.elastic.reader import Reader
from turnout.elastic.writer import Writer
from turnout.errors import EnvironmentProblem, Unavailable
from turnout.plan import ChangeMapping, Verify
from turnout.rehearsal import Phase, Rehearsal
from turnout.rehearsal.space import opened, spaces
from turnout.release.artifacts import Release

SMALL = 30


@pytest.fixture
def stage(elastic_url: str, prefix: str, tmp_path: Path) -> Stage:
    return make_stage(elastic_url, prefix, tmp_path, documents=SMALL, queries=12)


def head_of(stage: Stage) -> Release:
    """A head with a view of its own."""
    return stage.release(pipeline={"chunk": {"size": 32}})


def views(client: Elasticsearch, prefix: str) -> set[str]:
    return {index for index in client.indices.get(index=f"{prefix}*", expand_wildcards="all") if ".view." in index}


def hand_over(client: Elasticsearch, prefix: str, *, owner: str = "dead", until: int = 0) -> None:
    """The only space is held by somebody else, until then in milliseconds."""
    (space,) = spaces(Reader(client), prefix)
    client.update(index=space.marker, id="lock", doc={"owner": owner, "until": until})


def test_a_second_rehearsal_finds_the_base_and_nothing_of_the_first_head(
    stage: Stage, client: Elasticsearch, prefix: str
) -> None:
    base = stage.release()
    first = stage.rehearse(base, head_of(stage))
    assert len(views(client, prefix)) == 1
    second = stage.rehearse(base, stage.release(pipeline={"chunk": {"size": 24}}))
    assert first.base is not None
    assert second.base is not None
    assert (first.base.reused, second.base.reused) == (False, True)
    assert second.base.view == first.base.view
    assert "backfill" not in second.base.stage_seconds
    assert views(client, prefix) == {first.base.view}
    assert len(spaces(Reader(client), prefix)) == 1


def test_without_reuse_nothing_is_left(stage: Stage, client: Elasticsearch, prefix: str) -> None:
    stage.rehearse(stage.release(), head_of(stage), reuse=False)
    assert not client.indices.get(index=f"{prefix}*", expand_wildcards="all")


@pytest.mark.parametrize("reuse", [True, False])
def test_an_interrupted_rehearsal_leaves_nothing_of_the_head(
    stage: Stage, client: Elasticsearch, prefix: str, reuse: bool
) -> None:
    base = stage.release()
    seen: list[str] = []

    def interrupt(event: object) -> None:
        if isinstance(event, Started) and isinstance(event.stage, Verify):
            seen.extend(views(client, prefix))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stage.rehearse(base, head_of(stage), listen=interrupt, reuse=reuse)
    assert len(seen) == 2
    left = views(client, prefix)
    assert len(left) == (1 if reuse else 0)
    assert not any(head_of(stage).fingerprints.index in index for index in left)
    if not reuse:
        assert not client.indices.get(index=f"{prefix}*", expand_wildcards="all")


def test_an_expired_space_is_swept_and_a_foreign_index_is_not(stage: Stage, client: Elasticsearch, prefix: str) -> None:
    reader, writer = Reader(client), Writer(client)
    foreign = [f"{prefix}turnout-rehearsal-mine", f"{prefix}toys"]
    for index in foreign:
        client.indices.create(index=index)
    with opened(reader, writer, stage.settings(), "0" * 16) as (old, _):
        client.indices.create(index=f"{old.prefix}toys.documents")
    with opened(reader, writer, stage.settings(now=lambda: later(5)), None) as (_, _):
        assert old.key in {space.key for space in spaces(reader, prefix)}
    with opened(reader, writer, stage.settings(now=lambda: later(7)), None) as (new, _):
        assert {space.key for space in spaces(reader, prefix)} == {new.key}
    assert sorted(client.indices.get(index=f"{prefix}*", expand_wildcards="all")) == sorted(foreign)


def test_a_marker_that_claims_other_indexes_is_none(stage: Stage, client: Elasticsearch, prefix: str) -> None:
    reader, writer = Reader(client), Writer(client)
    with opened(reader, writer, stage.settings(), None) as (space, _):
        meta = reader.indexes(space.marker)[space.marker]["mappings"]["_meta"]["turnout"]
    for claimed in (prefix, f"{prefix}turnout-rehearsal-", "logs-"):
        client.indices.create(
            index=f"{prefix}turnout-rehearsal-fake-turnout.space",
            mappings={"_meta": {"turnout": {**meta, "prefix": claimed}}},
        )
        assert spaces(reader, prefix) == ()
        client.indices.delete(index=f"{prefix}turnout-rehearsal-fake-turnout.space")


@pytest.mark.parametrize("end", ["soon", "2026-01-01T00:00:00", None])
def test_a_marker_that_names_no_time_is_none(stage: Stage, client: Elasticsearch, prefix: str, end: str | None) -> None:
    marker = f"{prefix}turnout-rehearsal-fake-turnout.space"
    meta = {
        "role": "rehearsal",
        "key": "fake",
        "prefix": marker.removesuffix("turnout.space"),
        "owner": "",
        "private": True,
    }
    client.indices.create(index=marker, mappings={"_meta": {"turnout": {**meta, "expires_at": end}}})
    with opened(Reader(client), Writer(client), stage.settings(), None) as (space, _):
        assert spaces(Reader(client), prefix) == (space,)


@pytest.mark.parametrize("key", ["0" * 16, None])
def test_the_clock_of_another_machine_frees_no_space_that_is_held(
    stage: Stage, client: Elasticsearch, prefix: str, key: str | None
) -> None:
    reader, writer = Reader(client), Writer(client)
    with opened(reader, writer, stage.settings(), key) as (held, lock):
        with opened(reader, writer, stage.settings(now=lambda: later(7)), key) as (other, _):
            assert other.key != held.key
        lock.check()
        assert held.key in {space.key for space in spaces(reader, prefix)}


def test_a_lock_that_another_had_meanwhile_is_lost_though_it_is_free_again(
    stage: Stage, client: Elasticsearch, prefix: str
) -> None:
    with opened(Reader(client), Writer(client), stage.settings(), "0" * 16) as (space, lock):
        lock.check()
        client.delete(index=space.marker, id="lock")  # as who took it over has left it
        for _ in range(2):
            with pytest.raises(EnvironmentProblem, match="took over the space"):
                lock.check()


def test_a_rehearsal_whose_space_was_taken_over_is_not_believed_and_deletes_nothing_there(
    stage: Stage, client: Elasticsearch, prefix: str
) -> None:
    def take_over(event: object) -> None:
        if event == Phase("sizes"):  # the last one
            hand_over(client, prefix, owner="another", until=10**15)

    with pytest.raises(EnvironmentProblem, match="took over the space"):
        stage.rehearse(stage.release(), head_of(stage), listen=take_over)
    assert len(views(client, prefix)) == 2


def test_a_half_made_change_in_place_is_not_taken_for_the_base(
    stage: Stage, client: Elasticsearch, prefix: str
) -> None:
    base = stage.release()
    extra = {"properties": {"extra": {"type": "keyword"}}}

    def die(event: object) -> None:
        if isinstance(event, Started) and isinstance(event.stage, ChangeMapping):
            client.indices.put_mapping(index=event.stage.view, body=extra)  # and not yet what `_meta` says
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stage.rehearse(base, stage.release(mapping={"mappings": extra}), listen=die)
    found = stage.rehearse(base, head_of(stage))
    assert found.verdict == "pass", found.reasons
    assert found.base is not None
    (mapping,) = client.indices.get_mapping(index=found.base.view).values()
    assert "extra" not in mapping["mappings"]["properties"]


def test_two_rehearsals_at_once_have_a_space_each(stage: Stage, client: Elasticsearch, prefix: str) -> None:
    base, head = stage.release(), head_of(stage)
    found: dict[str, Rehearsal] = {}
    first_is_at_work = threading.Event()
    second_is_done = threading.Event()

    def wait(event: object) -> None:
        if event == Phase("confirm"):
            first_is_at_work.set()
            assert second_is_done.wait(120)

    def work() -> None:
        found["first"] = stage.rehearse(base, head, listen=wait)

    thread = threading.Thread(target=work)
    thread.start()
    assert first_is_at_work.wait(120)
    try:
        found["second"] = stage.rehearse(base, head)
    finally:
        second_is_done.set()
        thread.join()
    assert found["first"].verdict == found["second"].verdict == "pass"
    assert found["first"].base is not None
    assert found["second"].base is not None
    assert found["first"].base.view != found["second"].base.view
    assert views(client, prefix) == {found["first"].base.view}


def test_when_elasticsearch_goes_away_it_says_so_and_the_next_rehearsal_cleans_up(
    stage: Stage, client: Elasticsearch, elastic_url: str, prefix: str
) -> None:
    base, head = stage.release(), head_of(stage)
    with proxy_to(elastic_url) as proxy:
        proxy.up()

        def cut(event: object) -> None:
            if isinstance(event, Started) and isinstance(event.stage, Verify):
                proxy.down()

        with pytest.raises(Unavailable):
            stage.rehearse(base, head, url=proxy.url, listen=cut)
    assert len(views(client, prefix)) == 2
    hand_over(client, prefix)  # a minute later nobody beats for the lock any more
    found = stage.rehearse(base, head)
    assert found.verdict == "pass", found.reasons
    assert found.base is not None
    assert found.base.reused
    assert views(client, prefix) == {found.base.view}
