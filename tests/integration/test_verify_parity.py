"""Parity on a real server: it finds what differs between documents and a view, whatever the counts say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from elasticsearch import Elasticsearch

from turnout.elastic.documents import DOCUMENTS_MAPPING, Document, document_id, external_version
from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.state import Epoch
from turnout.elastic.views import META_KEY, SYSTEM_MAPPING, View, ViewMeta
from turnout.elastic.writer import BulkItem, Writer
from turnout.verify import Check, tally
from turnout.verify.parity import parity

EPOCH = 3
WHEN = "2026-01-01T00:00:00Z"
COUNT = 12


class Side:
    """A documents index and a view that a test can bring out of step; `follow` is what a follower would do."""

    def __init__(self, client: Elasticsearch, reader: Reader, writer: Writer, names: Names) -> None:
        self.client, self.reader, self.writer, self.names = client, reader, writer, names
        writer.ensure_state_index(names)
        settings = {"number_of_shards": 2, "number_of_replicas": 0, "translog.durability": "async"}
        writer.create_index(names.documents, mappings=DOCUMENTS_MAPPING, settings=settings)
        self.record_epoch()
        self.index = names.view("i-1", 1)
        meta = ViewMeta(
            collection=names.collection,
            index_fingerprints=("i-1",),
            embedding_fingerprint="e-1",
            documents=names.documents,
            built_for="r-1",
            created_at=WHEN,
        )
        mappings = {
            "dynamic": False,
            "properties": {"turnout": SYSTEM_MAPPING},
            "_meta": {META_KEY: msgspec.to_builtins(meta)},
        }
        writer.create_index(self.index, mappings=mappings, settings=settings | {"refresh_interval": "-1"})
        self.view = reader.views(names)[0]

    def record_epoch(self) -> None:
        shards = self.reader.shards(self.names.documents)
        assert shards is not None
        epoch = Epoch(collection=self.names.collection, at=WHEN, documents_uuid=shards.identity, epoch=EPOCH)
        self.writer.put_state(self.names, epoch)

    def put(self, source_id: str, *, deleted: bool = False) -> int:
        """Write one document of documents and return the version that a view must hold."""
        whole = document_id("default", source_id)
        document = Document(
            id=whole,
            tenant="default",
            source_id=source_id,
            owner="test",
            deleted=deleted,
            content_hash="",
            updated_at=WHEN,
        )
        found = self.client.index(index=self.names.documents, id=whole, document=msgspec.to_builtins(document))
        return external_version(EPOCH, found["_seq_no"])

    def show(self, source_id: str, version: int, state: str = "live", **system: Any) -> None:
        """Write one document of the view, newer than what it holds of that id."""
        whole = document_id("default", source_id)
        body = {"turnout": {"id": whole, "tenant": "default", "state": state, "version": version, **system}}
        assert all(outcome.ok for outcome in self.writer.bulk(self.index, [BulkItem("index", whole, body, version)]))

    def drop(self, source_id: str) -> None:
        """Take one document out of the view."""
        self.client.delete(
            index=self.index, id=document_id("default", source_id), version=1 << 61, version_type="external"
        )

    def follow(self) -> None:
        """Bring the view up to documents."""
        self.reader.refresh(self.names.documents)
        items = []
        for hit in self.reader.scan(self.names.documents, sort="id"):
            version = external_version(EPOCH, hit.seq_no)
            state = "deleted" if hit.source["deleted"] else "live"
            items.append(
                BulkItem("index", hit.id, {"turnout": {"id": hit.id, "state": state, "version": version}}, version)
            )
        for outcome in self.writer.bulk(self.index, items):
            assert outcome.ok or outcome.status == 409

    def check(self, catch_up: Callable[[], None] = lambda: None, *, view: View | None = None) -> Check:
        return parity(self.reader, self.names, view or self.view, catch_up=catch_up, rounds=3)


@pytest.fixture
def side(client: Elasticsearch, reader: Reader, writer: Writer, names: Names) -> Side:
    """Documents with a few tombstones among them, and a view that holds them all."""
    side = Side(client, reader, writer, names)
    for number in range(COUNT):
        side.put(f"d{number}", deleted=number % 5 == 0)
    side.follow()
    return side


def differences(check: Check) -> dict[str, list[str]]:
    return {kind: found["examples"] for kind, found in check.evidence["differences"].items()}


def counts(side: Side) -> tuple[int, int]:
    for index in (side.names.documents, side.index):
        side.reader.refresh(index)
    return side.reader.count(side.names.documents), side.reader.count(side.index)


def test_a_view_that_follows_passes_and_says_what_it_holds(side: Side) -> None:
    side.show("p", side.put("p"), "placeholder", reason="too long")
    side.drop("d10")  # a tombstone, purged from the view
    check = side.check()
    assert check.verdict == "pass"
    assert (check.evidence["documents"], check.evidence["view"]) == (COUNT + 1, COUNT)
    assert (check.evidence["tombstones"], check.evidence["tombstones_only_in_documents"]) == (3, 1)
    assert check.evidence["placeholder_examples"] == ["default:p"]


def test_a_resurrected_document_is_found_although_the_counts_agree(side: Side) -> None:
    side.put("d7", deleted=True)
    check = side.check()
    assert counts(side) == (COUNT, COUNT)
    assert check.verdict == "fail"
    assert differences(check) == {"resurrected": ["default:d7"]}


def test_each_kind_of_difference_is_found_although_the_counts_agree(side: Side) -> None:
    side.drop("d2")
    side.show("stranger", external_version(EPOCH, 999))
    side.put("d3")
    side.show("d4", external_version(EPOCH + 1, 0))
    side.show("d6", side.put("d6"), "deleted")
    side.show("d8", side.put("d8"), id="default:zzz")
    check = side.check()
    assert counts(side) == (COUNT, COUNT)
    assert differences(check) == {
        "missing": ["default:d2", "default:d6"],
        "stale": ["default:d3"],
        "ahead": ["default:d4"],
        "unknown": ["default:d8", "default:stranger"],
    }


def test_what_the_follower_catches_up_with_is_no_finding_even_under_writes_and_hides_none(side: Side) -> None:
    def follow_under_writes() -> None:
        side.follow()
        side.put("hot")
        side.put("gone", deleted=True)

    side.put("new")
    side.put("d8", deleted=True)
    assert side.check(follow_under_writes).verdict == "pass"
    side.show("stranger", external_version(EPOCH, 999))
    assert differences(side.check(follow_under_writes)) == {"unknown": ["default:stranger"]}


def test_differences_beyond_the_bounds_are_still_a_finding(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(25):
        side.put(f"more{number:02d}")
    found = side.check().evidence["differences"]["missing"]
    assert (found["count"], len(found["examples"])) == (25, 20)
    monkeypatch.setattr(tally, "MAX_SUSPECTS", 5)
    check = side.check()
    assert check.verdict == "fail"
    assert "more that were not counted" in check.reason
    assert side.check(side.follow).verdict == "pass"


def test_versions_of_another_incarnation_can_not_be_compared(side: Side) -> None:
    assert side.check(view=msgspec.structs.replace(side.view, uuid="another")).verdict == "inconclusive"
    side.client.indices.delete(index=side.names.documents)
    assert "no index" in side.check().reason
    side.writer.create_index(side.names.documents, mappings=DOCUMENTS_MAPPING, settings={"number_of_shards": 2})
    assert "restored or made anew" in side.check().reason
    side.client.delete(index=side.names.state, id=f"epoch:{side.names.collection}")
    assert "no follower" in side.check().reason
