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
from turnout.errors import Unavailable
from turnout.plan import Verify
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
    # A minute later nobody beats for the lock any more.
    found = stage.rehearse(base, head, now=lambda: later(0.1))
    assert found.verdict == "pass", found.reasons
    assert found.base is not None
    assert found.base.reused
    assert views(client, prefix) == {found.base.view}
