"""Moving the alias on a real server: seamless for those who search through it, and only from where it was seen."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from elasticsearch import Elasticsearch

from support.fake_embedder import FakeEmbedder
from support.releases import make_release
from support.served_views import add_documents, toy_document, write_view
from turnout.alias import flip, freeze, frozen, unfreeze
from turnout.cli.freeze import command
from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.state import FlipRecord, ReleaseRecord
from turnout.elastic.views import LIVE_FILTER, View
from turnout.elastic.writer import Writer
from turnout.errors import BadInput, Refused, Unavailable
from turnout.release.artifacts import Release

A, B, C = (make_release(pipeline={"chunk": {"size": size}}) for size in (64, 48, 32))
FREEZE = {"reason": "incident", "by": "me@here", "at": "2026-01-01T00:00:00+00:00"}


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")


@pytest.fixture
def views(client: Elasticsearch, names: Names, reader: Reader) -> dict[str, View]:
    """Empty views of the three releases."""
    for release in (A, B, C):
        write_view(client, names, release, FakeEmbedder(), [], created_at=now())
    return {view.meta.built_for: view for view in reader.views(names)}


@pytest.fixture
def go(reader: Reader, writer: Writer, names: Names, views: dict[str, View]) -> Callable[..., FlipRecord]:
    """Flip to a release's view."""

    def flip_to(release: Release, **options: Any) -> FlipRecord:
        options = {"writer": writer, "to": views.get(release.id), "reason": "test", "now": now} | options
        return flip(reader, options.pop("writer"), names, release=release, **options)

    return flip_to


def states(reader: Reader, names: Names) -> dict[str, str]:
    return {record.release_id: record.state for record in reader.states(names, ReleaseRecord)}


@contextmanager
def searching(client: Elasticsearch, alias: str) -> Iterator[list[int | str]]:
    """Search through the alias until the block ends; each answer is the number of hits, or the error."""
    answers: list[int | str] = []
    done = threading.Event()
    once = client.options(max_retries=0)

    def search() -> None:
        while not done.is_set():
            try:
                answers.append(once.search(index=alias, allow_partial_search_results=False)["hits"]["total"]["value"])
            except Exception as error:
                answers.append(repr(error))

    thread = threading.Thread(target=search)
    thread.start()
    try:
        yield answers
    finally:
        done.set()
        thread.join()


def test_no_search_fails_over_20_flips(
    client: Elasticsearch, names: Names, reader: Reader, go: Callable[..., FlipRecord], views: dict[str, View]
) -> None:
    for view in views.values():
        documents = [toy_document("1", "a red signal"), toy_document("2", "gone", state="deleted")]
        add_documents(client, view.index, FakeEmbedder(), documents)
    go(A)
    with searching(client, names.alias) as answers:
        for number in range(20):
            go(A if number % 2 else B)
    assert len(answers) > 40
    assert set(answers) == {1}
    assert reader.alias_targets(names.alias) == {views[A.id].index}
    flips = reader.states(names, FlipRecord)
    assert [record.to_release for record in flips[-3:]] == [A.id, B.id, A.id]
    assert flips[-1].from_view == views[B.id].index
    assert states(reader, names) == {A.id: "live", B.id: "former"}


def test_flipping_to_where_it_points_changes_nothing(
    go: Callable[..., FlipRecord], reader: Reader, names: Names
) -> None:
    first = go(A)
    assert go(A) == first
    assert reader.states(names, FlipRecord) == (first,)
    assert (first.from_view, first.from_release) == (None, None)


def test_two_releases_on_one_view_change_places_without_moving_the_alias(
    go: Callable[..., FlipRecord], reader: Reader, names: Names, views: dict[str, View]
) -> None:
    go(A)
    query_change = make_release(pipeline={"chunk": {"size": 64}, "retrieval": {"k": 20}})
    assert query_change.fingerprints.index == A.fingerprints.index
    record = go(query_change, to=views[A.id])
    assert (record.from_release, record.to_release) == (A.id, query_change.id)
    assert states(reader, names) == {A.id: "former", query_change.id: "live"}


def test_an_alias_that_somebody_else_moved_is_left_alone_unless_expected(
    client: Elasticsearch, names: Names, reader: Reader, go: Callable[..., FlipRecord], views: dict[str, View]
) -> None:
    go(A)
    client.indices.put_alias(index=views[C.id].index, name=names.alias)
    both = frozenset({views[A.id].index, views[C.id].index})
    for expect in (None, frozenset({views[A.id].index}), frozenset()):
        with pytest.raises(Refused, match="somebody else moved it"):
            go(B, expect=expect)
    assert reader.alias_targets(names.alias) == both
    go(B, expect=both)
    assert reader.alias_targets(names.alias) == {views[B.id].index}


class Overtaken(Writer):
    """Lets something happen just before the call, or loses the answer just after it."""

    def __init__(
        self, client: Elasticsearch, *, before: Callable[[], object] = lambda: None, lose_answer: bool = False
    ) -> None:
        super().__init__(client)
        self._before, self._lose_answer = before, lose_answer

    def update_aliases(self, actions: Any) -> dict[str, Any]:
        self._before()
        answer = super().update_aliases(actions)
        if self._lose_answer:
            raise Unavailable("timed out")
        return answer


def test_a_flip_that_is_overtaken_fails_as_a_whole(
    client: Elasticsearch, names: Names, reader: Reader, go: Callable[..., FlipRecord], views: dict[str, View]
) -> None:
    go(A)
    a, c = views[A.id].index, views[C.id].index

    def somebody_else() -> None:
        client.indices.update_aliases(
            actions=[
                {"remove": {"index": a, "alias": names.alias}},
                {"add": {"index": c, "alias": names.alias}},
            ]
        )

    with pytest.raises(Refused, match="somebody else moved it"):
        go(B, writer=Overtaken(client, before=somebody_else))
    assert reader.alias_targets(names.alias) == {c}
    assert states(reader, names) == {A.id: "live"}


def test_a_flip_whose_answer_was_lost_is_a_flip(
    client: Elasticsearch, reader: Reader, names: Names, go: Callable[..., FlipRecord]
) -> None:
    go(A)
    record = go(B, writer=Overtaken(client, lose_answer=True))
    assert reader.states(names, FlipRecord)[-1] == record
    assert states(reader, names) == {A.id: "former", B.id: "live"}


def test_a_flip_that_ended_before_it_was_remembered_is_completed(
    client: Elasticsearch, reader: Reader, names: Names, go: Callable[..., FlipRecord], views: dict[str, View]
) -> None:
    go(A)

    class Dies(Writer):
        def put_state(self, *args: Any, **options: Any) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        go(B, writer=Dies(client))
    assert len(reader.states(names, FlipRecord)) == 1
    record = go(B)
    assert (record.from_view, record.from_release) == (views[A.id].index, A.id)
    assert states(reader, names) == {A.id: "former", B.id: "live"}


def test_a_record_whose_acknowledgement_was_lost_and_that_was_sent_again_is_no_error(
    client: Elasticsearch, reader: Reader, names: Names, go: Callable[..., FlipRecord]
) -> None:
    go(A)

    class SendsTwice(Writer):
        def put_state(self, *args: Any, **options: Any) -> None:
            super().put_state(*args, **options)
            if options.get("create"):
                super().put_state(*args, **options)

    record = go(B, writer=SendsTwice(client))
    assert reader.states(names, FlipRecord)[-1] == record
    assert states(reader, names) == {A.id: "former", B.id: "live"}


def test_frozen_collections_dont_flip_unless_forced(
    go: Callable[..., FlipRecord], reader: Reader, writer: Writer, names: Names
) -> None:
    go(A)
    freeze(writer, names, **FREEZE)
    with pytest.raises(Refused, match=r"frozen by me@here.*incident"):
        go(B)
    go(B, force_frozen=True)
    unfreeze(writer, names, **FREEZE)
    go(A)


def test_an_index_with_the_name_of_the_alias_is_a_clear_error(
    client: Elasticsearch, names: Names, go: Callable[..., FlipRecord]
) -> None:
    client.indices.create(index=names.alias)
    with pytest.raises(Refused, match="an index has the name"):
        go(A)


def test_a_view_that_is_gone_or_serves_another_release_is_refused(
    client: Elasticsearch, go: Callable[..., FlipRecord], views: dict[str, View]
) -> None:
    with pytest.raises(Refused, match="doesn't serve release"):
        go(A, to=views[B.id])
    client.indices.delete(index=views[A.id].index)
    with pytest.raises(Refused, match="the view is gone"):
        go(A)


def test_the_alias_shows_live_documents_only_and_takes_no_writes(
    client: Elasticsearch, names: Names, go: Callable[..., FlipRecord], views: dict[str, View]
) -> None:
    index = views[A.id].index
    client.indices.put_alias(index=index, name=names.alias)
    go(A, expect=frozenset({index}))
    alias = client.indices.get_alias(name=names.alias)[index]["aliases"][names.alias]
    assert alias["filter"] == LIVE_FILTER
    with pytest.raises(Exception, match="no write index is defined"):
        client.index(index=names.alias, document={})


def test_the_order_of_history_survives_a_clock_that_goes_back(
    go: Callable[..., FlipRecord], reader: Reader, names: Names
) -> None:
    go(A)
    go(B, now=lambda: "2026-01-01T00:00:00.000000+00:00")
    assert [record.to_release for record in reader.states(names, FlipRecord)] == [A.id, B.id]


def test_the_verb_freezes_and_lets_go_and_knows_its_collections(
    elastic_url: str, prefix: str, names: Names, reader: Reader, tmp_path: Path
) -> None:
    (tmp_path / "pipelines" / "toys").mkdir(parents=True)
    env = {
        "TURNOUT_ELASTICSEARCH_URL": elastic_url, "TURNOUT_INDEX_PREFIX": prefix, "TURNOUT_ROOT": str(tmp_path),
        "LOGNAME": "ann",
    }  # fmt: skip
    run = CliRunner().invoke
    assert run(command, ["toys"], env=env).exit_code == 2
    answer = run(command, ["toys", "--reason", "because"], env=env, catch_exceptions=False)
    assert "toys is frozen" in answer.output
    switch = frozen(reader, names)
    assert switch is not None
    assert switch.reason == "because"
    assert switch.by.startswith("ann@")
    answer = run(command, ["toys", "--off"], env=env, catch_exceptions=False)
    assert "frozen by ann@" in answer.output
    assert frozen(reader, names) is None
    for unknown in ("toyz", "../toys", "*", "a,b"):
        result = run(command, [unknown, "--off"], env=env)
        assert isinstance(result.exception, BadInput)
