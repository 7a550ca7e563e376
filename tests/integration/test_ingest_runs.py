"""Whole ingestion runs against the real server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.writer import Writer
from turnout.errors import EnvironmentProblem, Refused
from turnout.ingest import Documents, SourceDocument, Unreadable
from turnout.ingest.ingestion import RunSettings, run
from turnout.ingest.journal import IngestReport

Item = SourceDocument | Unreadable
BROKEN_OFF = EnvironmentProblem("the source broke off")


class Source:
    """A source in memory; an exception in it is raised at that point."""

    identity = "memory"

    def __init__(self, *items: Item | BaseException) -> None:
        self._items = items

    def read(self) -> Iterator[Item]:
        for item in self._items:
            if isinstance(item, BaseException):
                raise item
            yield item


class Bench:
    """Runs sources into one collection and looks at what came of it."""

    def __init__(self, client: Elasticsearch, reader: Reader, writer: Writer, names: Names) -> None:
        self._client = client
        self._reader = reader
        self.names = names
        ticks = count()
        self._now = lambda: f"2026-01-01T00:00:00.{next(ticks):06d}+00:00"
        self.documents = Documents(reader, writer, names, now=self._now)

    def run(self, *items: Item | BaseException, owner: str = "test:a", **settings: Any) -> IngestReport:
        given = RunSettings(owner=owner, max_document_bytes=1000, **settings)
        return run(Source(*items), self.documents, given, now=self._now)

    def all(self, index: str) -> list[dict[str, Any]]:
        self._reader.refresh(index)
        found = self._client.search(index=index, size=1000, sort=[{"_doc": "asc"}])
        return [hit["_source"] for hit in found["hits"]["hits"]]

    def live(self) -> set[str]:
        return {doc["source_id"] for doc in self.all(self.names.documents) if not doc["deleted"]}

    def log(self) -> list[dict[str, Any]]:
        return sorted(self.all(self.names.ingest_log), key=lambda entry: str(entry["started_at"]))

    def letters(self) -> dict[str, tuple[str, bool]]:
        return {doc["place"]: (doc["reason"], doc["resolved"]) for doc in self.all(self.names.dead_letters)}

    def checkpoints(self) -> dict[int, int]:
        return self._reader.global_checkpoints(self.names.documents)


@pytest.fixture
def bench(client: Elasticsearch, reader: Reader, writer: Writer, names: Names) -> Bench:
    return Bench(client, reader, writer, names)


def docs(*ids: str, text: str = "text") -> Sequence[SourceDocument]:
    return [SourceDocument(source_id=key, title=key, text=text) for key in ids]


def numbered(n: int) -> Sequence[SourceDocument]:
    return docs(*(f"d{i:03d}" for i in range(n)))


def test_a_second_run_over_an_unchanged_source_writes_nothing(bench: Bench) -> None:
    first = bench.run(*numbered(600))
    before = bench.checkpoints()
    second = bench.run(*numbered(600))
    assert (first.seen, first.written, first.unchanged) == (600, 600, 0)
    assert (second.seen, second.written, second.unchanged, second.deleted) == (600, 0, 600, 0)
    assert bench.checkpoints() == before
    assert [entry["state"] for entry in bench.log()] == ["done", "done"]
    assert bench.log()[0]["written"] == 600


def test_a_vanished_document_becomes_a_tombstone_and_comes_back_when_its_source_has_it_again(bench: Bench) -> None:
    bench.run(*docs("a", "b"))
    assert bench.run(*docs("a")).deleted == 1
    assert bench.live() == {"a"}
    assert bench.run(*docs("a")).deleted == 0
    assert bench.run(*docs("a", "b")).written == 1
    assert bench.live() == {"a", "b"}


def test_documents_of_other_owners_and_tenants_are_left_alone(bench: Bench) -> None:
    bench.run(*docs("a", "b"), owner="test:one")
    bench.run(*docs("c"), owner="test:two")
    bench.run(*docs("d"), owner="test:one", tenant="other")
    bench.documents.upsert("e", title="", text="by an application")
    report = bench.run(*docs("a"), owner="test:one")
    assert report.deleted == 1
    assert bench.live() == {"a", "c", "d", "e"}


def test_the_last_source_that_delivers_a_document_owns_it(bench: Bench) -> None:
    bench.run(*docs("a"), owner="test:old")
    assert bench.run(*docs("a"), owner="test:new").written == 1
    assert bench.run(owner="test:old").deleted == 0
    assert bench.live() == {"a"}
    assert bench.run(owner="test:new").deleted == 1


def test_too_many_vanished_documents_at_once_are_refused_unless_allowed(bench: Bench) -> None:
    bench.run(*numbered(70))
    with pytest.raises(Refused, match="22 of 70"):
        bench.run(*numbered(48), *docs("new"))
    assert len(bench.live()) == 71
    last = bench.log()[-1]
    assert (last["state"], last["written"], last["deleted"]) == ("failed", 1, 0)
    assert bench.run(*numbered(48), *docs("new"), allow_mass_delete=True).deleted == 22


def test_exactly_the_allowed_share_may_vanish(bench: Bench) -> None:
    bench.run(*numbered(70))
    assert bench.run(*numbered(49)).deleted == 21


def test_a_small_source_may_lose_most_of_its_documents(bench: Bench) -> None:
    bench.run(*numbered(21))
    assert bench.run(*numbered(1)).deleted == 20


def test_what_fails_becomes_one_dead_letter_and_is_resolved_when_it_works_again(bench: Bench) -> None:
    bad = Unreadable(place="b.txt", reason="broken " + "x" * 5000, source_id="b")
    report = bench.run(*docs("a"), bad, *docs("c"))
    assert (report.seen, report.written, report.failed) == (3, 2, 1)
    bench.run(*docs("a"), bad, *docs("c"))
    ((place, (reason, resolved)),) = bench.letters().items()
    assert (place, len(reason), resolved) == ("b.txt", 1000, False)
    assert bench.run(*docs("a", "b", "c")).failed == 0
    assert bench.letters()["b.txt"][1] is True


def test_a_document_that_cannot_be_read_today_has_not_vanished(bench: Bench) -> None:
    bench.run(*docs("a", "b"))
    assert bench.run(*docs("a"), Unreadable(place="b.txt", reason="locked", source_id="b")).deleted == 0
    too_large = docs("b", text="x" * 2000)
    assert bench.run(*docs("a"), *too_large).deleted == 0
    assert bench.live() == {"a", "b"}


def test_something_unreadable_without_an_id_holds_back_deletes(bench: Bench) -> None:
    bench.run(*docs("a", "b"))
    nameless = Unreadable(place="d.jsonl:2", reason="not JSON")
    report = bench.run(*docs("a"), nameless)
    assert (report.deleted, report.kept) == (0, 1)
    assert bench.run(*docs("a"), nameless, allow_mass_delete=True).deleted == 1


def test_hostile_documents_are_dead_letters_and_the_rest_goes_on(bench: Bench) -> None:
    odd = [
        SourceDocument(source_id="big", title="", text="x" * 2000, place="f:1"),
        SourceDocument(source_id="empty", title=" ", text="\n", place="f:2"),
        SourceDocument(source_id="i" * 600, title="", text="x", place="f:3"),
        SourceDocument(source_id="surrogate", title="", text="\ud800", place="f:4"),
        SourceDocument(source_id="huge-number", title="", text="x", fields={"n": 2**70}, place="f:5"),
        SourceDocument(source_id="half\ud800", title="", text="x", place="f:7"),
    ]
    repeated = SourceDocument(source_id="a", title="", text="again", place="f:6")
    report = bench.run(*odd, *docs("a"), repeated, *docs("z"))
    assert (report.seen, report.written, report.failed) == (9, 2, 7)
    assert bench.live() == {"a", "z"}
    reasons = {place: reason for place, (reason, _) in bench.letters().items()}
    assert set(reasons) == {f"f:{n}" for n in range(1, 8)}
    assert "limits.max_document_bytes" in reasons["f:1"]
    assert "already read" in reasons["f:6"]
    assert next(doc["text"] for doc in bench.all(bench.names.documents) if doc["source_id"] == "a") == "text"


@pytest.mark.parametrize(("error", "state"), [(BROKEN_OFF, "failed"), (KeyboardInterrupt(), "interrupted")])
def test_a_run_that_ends_early_deletes_nothing_and_says_so_in_the_log(
    bench: Bench, error: BaseException, state: str
) -> None:
    bench.run(*docs("a", "b"))
    with pytest.raises(type(error)):
        bench.run(*docs("a"), error)
    assert bench.live() == {"a", "b"}
    assert bench.log()[-1]["state"] == state
    assert bench.run(*docs("a")).deleted == 1


def test_a_killed_run_stays_visible_and_the_next_one_works(bench: Bench) -> None:
    class Killed(Exception):
        pass

    bench.run(*docs("a"))

    def die(_: IngestReport) -> None:
        (entry,) = [entry for entry in bench.log() if entry["state"] == "running"]
        assert entry["ended_at"] is None
        raise Killed

    with pytest.raises(Killed):
        run(
            Source(*docs("a", "b")),
            bench.documents,
            RunSettings(owner="test:a", max_document_bytes=1000),
            now=lambda: "2026-01-01T01:00:00+00:00",
            progress=die,
        )
    assert bench.run(*docs("a", "b")).unchanged == 2


def test_a_document_written_while_the_source_was_read_has_not_vanished(bench: Bench) -> None:
    bench.run(*docs("a", "b"))

    class Meanwhile(Source):
        def read(self) -> Iterator[Item]:
            bench.documents.upsert("b", title="b", text="newer", owner="test:a")
            bench.documents.upsert("c", title="c", text="new", owner="test:a")
            yield from docs("a")

    settings = RunSettings(owner="test:a", max_document_bytes=1000)
    report = run(Meanwhile(), bench.documents, settings, now=lambda: "2026-01-01T01:00:00+00:00")
    assert report.deleted == 0
    assert bench.live() == {"a", "b", "c"}
