"""Deleting views on a real server: never the live one, never the one to go back to, never one that is searched."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from support.fake_embedder import FakeEmbedder
from support.releases import make_release
from support.served_views import write_view
from turnout.alias import flip, freeze, retire
from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.state import ReleaseRecord
from turnout.elastic.views import View
from turnout.elastic.writer import Writer

A, B, C = (make_release(pipeline={"chunk": {"size": size}}) for size in (64, 48, 32))


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


@pytest.fixture
def history(client: Elasticsearch, names: Names, reader: Reader, writer: Writer) -> dict[str, View]:
    """A, then B, then C went live; the views by release."""
    for release in (A, B, C):
        write_view(client, names, release, FakeEmbedder(), [], created_at=now())
    views = {view.meta.built_for: view for view in reader.views(names)}
    for release in (A, B, C):
        flip(reader, writer, names, to=views[release.id], release=release, reason="test", now=now)
    return views


@pytest.fixture
def clean_up(reader: Reader, writer: Writer, names: Names) -> Callable[..., tuple[str, ...]]:
    """Retire; `during` happens while the drain is waited for."""

    def run(during: Callable[[], object] = lambda: None, *, keep: int = 1) -> tuple[str, ...]:
        result = retire(reader, writer, names, now=now, keep=keep, drain_s=1, sleep=lambda seconds: during())
        assert set(result.kept) & set(result.retired) == set()
        return result.retired

    return run


def test_the_live_view_and_the_rollback_target_stay(
    history: dict[str, View], clean_up: Callable[..., tuple[str, ...]], reader: Reader, names: Names
) -> None:
    assert clean_up() == (history[A.id].index,)
    assert {view.index for view in reader.views(names)} == {history[B.id].index, history[C.id].index}
    states = {record.release_id: record.state for record in reader.states(names, ReleaseRecord)}
    assert states == {A.id: "retired", B.id: "former", C.id: "live"}
    assert clean_up() == ()
    assert clean_up(keep=0) == (history[B.id].index,)


def test_a_view_that_is_searched_stays(
    client: Elasticsearch, history: dict[str, View], clean_up: Callable[..., tuple[str, ...]]
) -> None:
    old = history[A.id].index
    assert clean_up(lambda: client.search(index=old, size=0)) == ()
    point = client.open_point_in_time(index=old, keep_alive="1m")["id"]
    assert clean_up() == ()
    client.close_point_in_time(id=point)
    assert clean_up() == (old,)


def test_a_view_that_the_alias_comes_back_to_during_the_drain_stays(
    history: dict[str, View],
    clean_up: Callable[..., tuple[str, ...]],
    reader: Reader,
    writer: Writer,
    client: Elasticsearch,
    names: Names,
) -> None:
    def revert() -> None:
        flip(reader, writer, names, to=history[A.id], release=A, reason="revert", now=now)

    assert clean_up(revert) == ()
    assert reader.alias_targets(names.alias) == {history[A.id].index}


def test_a_freeze_that_comes_during_the_drain_stops_it(
    history: dict[str, View], clean_up: Callable[..., tuple[str, ...]], writer: Writer, names: Names
) -> None:
    assert clean_up(lambda: freeze(writer, names, reason="r", by="b", at=now())) == ()
    assert clean_up() == ()


def test_a_view_that_goes_live_while_its_records_are_written_stays(
    client: Elasticsearch, history: dict[str, View], reader: Reader, names: Names
) -> None:
    view = history[A.id]

    class Overtaken(Writer):
        def put_state(self, *args: Any, **options: Any) -> None:
            super().put_state(*args, **options)
            flip(reader, Writer(client), names, to=view, release=A, reason="revert", now=now)

    result = retire(reader, Overtaken(client), names, now=now, drain_s=0, sleep=lambda _: None)
    assert result.retired == ()
    assert reader.alias_targets(names.alias) == {view.index}
    assert reader.index_uuid(view.index) == view.uuid
