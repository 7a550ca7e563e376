"""What the rest of turnout relies on from Reader and Writer, on a real server."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from elasticsearch import Elasticsearch

from support.fake_embedder import FakeEmbedder
from support.releases import make_release
from support.served_views import toy_document, write_view
from turnout.elastic.client import connect
from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.state import Epoch, Freeze
from turnout.elastic.views import LIVE_FILTER, SYSTEM_FIELD, write_alias
from turnout.elastic.writer import BulkItem, Conflict, Writer
from turnout.errors import Unavailable

AT = "2026-01-01T00:00:00Z"
ONE_SHARD = {"number_of_shards": 1, "number_of_replicas": 0}


@pytest.fixture
def index(names: Names, writer: Writer) -> str:
    """An empty index of two shards that takes any document."""
    settings = {"number_of_shards": 2, "number_of_replicas": 0}
    assert writer.create_index(names.documents, mappings={"dynamic": False, "properties": {}}, settings=settings)
    return names.documents


def test_creating_an_index_twice_says_so(index: str, writer: Writer) -> None:
    assert not writer.create_index(index, mappings={}, settings=ONE_SHARD)


def test_views_are_found_by_what_they_say_and_not_by_their_name(
    client: Elasticsearch, names: Names, reader: Reader, writer: Writer
) -> None:
    release = make_release()
    newer = write_view(client, names, release, FakeEmbedder(), [], attempt=1, created_at="2026-02-01T00:00:00Z")
    older = write_view(client, names, release, FakeEmbedder(), [], attempt=2, created_at="2026-01-01T00:00:00Z")
    writer.create_index(names.view("i-pretender", 1), mappings={}, settings=ONE_SHARD)
    client.indices.put_alias(index=newer, name=names.alias, filter=LIVE_FILTER)
    writer.update_aliases([{"add": {"index": newer, "alias": write_alias(newer), "is_hidden": True}}])
    views = reader.views(names)
    assert [view.index for view in views] == [older, newer]
    assert views[1].meta.index_fingerprints == (release.fingerprints.index,)
    assert views[1].aliases == {names.alias}
    assert reader.views(Names(collection="toy", prefix=names.prefix)) == ()


def test_changes_are_gap_free_up_to_the_checkpoint_and_in_order(index: str, reader: Reader, writer: Writer) -> None:
    items = [BulkItem("index", str(number), {"n": number}) for number in range(25)]
    assert all(outcome.ok for outcome in writer.bulk(index, items))
    checkpoints = reader.global_checkpoints(index)
    reader.refresh(index)
    list(writer.bulk(index, [BulkItem("index", "late", {"n": 99})], refresh=True))
    seen = []
    for shard, upto in checkpoints.items():
        pages = list(reader.changes(index, shard, after=-1, upto=upto, size=4))
        assert all(len(page) <= 4 for page in pages)
        numbers = [hit.seq_no for page in pages for hit in page]
        assert numbers == list(range(upto + 1))
        seen += [hit.id for page in pages for hit in page]
        rest = [hit.seq_no for page in reader.changes(index, shard, after=upto - 2, upto=upto) for hit in page]
        assert rest == numbers[-2:]
    assert sorted(seen, key=int) == [str(number) for number in range(25)]


def test_bulk_reports_each_item_in_order(index: str, writer: Writer) -> None:
    items = [
        BulkItem("index", "a", {"v": 5}, version=5),
        BulkItem("index", "a", {"v": 4}, version=4),
        BulkItem("index", "a", {"v": 5}, version=5),
        BulkItem("index", "a", {"v": 6}, version=6),
        BulkItem("create", "b", {}),
        BulkItem("create", "b", {}),
        BulkItem("update", "missing", {"doc": {}}),
        BulkItem("delete", "a", version=7),
    ]
    outcomes = list(writer.bulk(index, items))
    assert [outcome.id for outcome in outcomes] == [item.id for item in items]
    assert [outcome.status for outcome in outcomes] == [201, 409, 409, 200, 201, 409, 404, 200]
    assert outcomes[1].error_type == "version_conflict_engine_exception"
    assert not outcomes[1].ok


def test_bulk_splits_large_requests_and_loses_nothing(index: str, reader: Reader, writer: Writer) -> None:
    large = "x" * 1_500_000
    outcomes = list(writer.bulk(index, [BulkItem("index", str(n), {"t": large}) for n in range(5)], refresh=True))
    assert [outcome.status for outcome in outcomes] == [201] * 5
    assert reader.count(index) == 5


def test_a_bulk_that_requires_an_alias_creates_nothing(names: Names, reader: Reader, writer: Writer) -> None:
    gone = names.view("i-gone", 1)
    (outcome,) = writer.bulk(write_alias(gone), [BulkItem("index", "a", {})], require_alias=True)
    assert outcome.status == 404
    assert reader.describe(gone) is None
    assert reader.describe(write_alias(gone)) is None


def test_documents_are_read_in_real_time_with_and_without_vectors(
    client: Elasticsearch, names: Names, reader: Reader, writer: Writer
) -> None:
    view = write_view(client, names, make_release(), FakeEmbedder(), [toy_document("1", "a red signal")])
    whole = reader.get_many(view, ["default:1", "default:none"], vectors=True)
    assert list(whole) == ["default:1"]
    assert len(whole["default:1"].source["passages"][0]["vector"]) == 16
    without = reader.get_many(view, ["default:1"])["default:1"].source
    assert "vector" not in without["passages"][0]
    only = reader.get_many(view, ["default:1"], fields=["title"])["default:1"].source
    assert only == {"title": "1"}
    list(writer.bulk(view, [BulkItem("index", "default:2", {"title": "unrefreshed"})]))
    assert reader.get_many(view, ["default:2"])["default:2"].source == {"title": "unrefreshed"}
    assert reader.get_many(view, []) == {}


def test_a_scan_sees_one_point_in_time(client: Elasticsearch, names: Names, reader: Reader) -> None:
    documents = [toy_document(f"{n:02}", "a") for n in range(7)]
    view = write_view(client, names, make_release(), FakeEmbedder(), documents)
    hits = reader.scan(view, sort=f"{SYSTEM_FIELD}.id", size=3)
    first = next(hits)
    client.delete_by_query(index=view, query={"match_all": {}}, refresh=True)
    ids = [first.id, *(hit.id for hit in hits)]
    assert ids == [f"default:{n:02}" for n in range(7)]


def test_a_record_changes_only_if_it_is_still_what_was_read(names: Names, reader: Reader, writer: Writer) -> None:
    writer.ensure_state_index(names)
    first = Epoch(collection="toys", at=AT, documents_uuid="a", epoch=1)
    writer.put_state(names, first, create=True)
    with pytest.raises(Conflict):
        writer.put_state(names, first, create=True)
    read = reader.state_versioned(names, first.key)
    assert read is not None
    second = Epoch(collection="toys", at=AT, documents_uuid="b", epoch=2)
    writer.put_state(names, second, expect=read)
    with pytest.raises(Conflict):
        writer.put_state(names, first, expect=read)
    assert reader.state(names, first.key) == second


def test_records_are_listed_by_kind_and_collection(names: Names, reader: Reader, writer: Writer) -> None:
    assert reader.states(names, Freeze) == ()
    writer.ensure_state_index(names)
    mine = Freeze(collection="toys", at=AT, frozen=True, reason="r", by="b")
    other = Freeze(collection="others", at=AT, frozen=True, reason="r", by="b")
    for record in (mine, other, Epoch(collection="toys", at=AT, documents_uuid="a", epoch=1)):
        writer.put_state(names, record)
    assert reader.states(names, Freeze) == (mine,)
    assert reader.state(names, "freeze:nobody") is None


def test_partial_results_are_refused(index: str, names: Names, reader: Reader, client: Elasticsearch) -> None:
    """One shard of two fails on a query that the other can answer: that is no answer."""
    client.indices.create(
        index=names.view("i-bad", 1), mappings={"properties": {"n": {"type": "text"}}}, settings=ONE_SHARD
    )
    body = {"sort": [{"n": "asc"}]}
    both = f"{index},{names.view('i-bad', 1)}"
    client.indices.put_mapping(index=index, properties={"n": {"type": "long"}})
    assert client.search(index=both, body=body)["_shards"]["failed"] > 0
    with pytest.raises(Exception, match="search_phase_execution_exception"):
        reader.search(both, body)


@pytest.fixture
def silent_server() -> Iterator[str]:
    """Accepts connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        held: list[socket.socket] = []

        def accept() -> None:
            try:
                while True:
                    held.append(listener.accept()[0])
            except OSError:
                return

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        for connection in held:
            connection.close()


def test_a_server_that_is_down_or_silent_is_unavailable(names: Names, silent_server: str) -> None:
    for url in ("http://127.0.0.1:1", silent_server):
        with connect(url, timeout_s=0.2) as client:
            for call in (
                lambda: Reader(client).server_version(),
                lambda: Reader(client).views(names),
                lambda: list(Writer(client).bulk("x", [BulkItem("index", "1", {})])),
                lambda: Writer(client).update_aliases([{"add": {"index": "x", "alias": "y"}}]),
            ):
                with pytest.raises(Unavailable) as raised:
                    call()
                assert raised.value.where == url
