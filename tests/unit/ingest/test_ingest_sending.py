"""Retries, and what is said when they don't help; the server is a fake that answers as told."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

import pytest

from turnout.elastic.names import Names
from turnout.elastic.reader import Reader
from turnout.elastic.writer import BulkItem, BulkOutcome, Writer
from turnout.errors import BadInput, EnvironmentProblem, Unavailable
from turnout.ingest import Documents, SourceDocument, Unacknowledged

Answer = Callable[[BulkItem], BulkOutcome]


def ok(item: BulkItem) -> BulkOutcome:
    return BulkOutcome(item.id, 200, "updated")


def status(code: int, kind: str) -> Answer:
    return lambda item: BulkOutcome(item.id, code, "", kind, "told so")


class FakeWriter:
    """Answers request n with plan[n], and everything after that with success; an exception is raised."""

    def __init__(self, *plan: dict[str, Answer] | Exception) -> None:
        self.plan = list(plan)
        self.requests: list[list[str]] = []

    def bulk(self, index: str, items: Iterable[BulkItem], **_: Any) -> Iterator[BulkOutcome]:
        batch = list(items)
        self.requests.append([item.id for item in batch])
        answers = self.plan.pop(0) if self.plan else {}
        if isinstance(answers, Exception):
            raise answers
        for item in batch:
            yield answers.get(item.id, ok)(item)


def documents(writer: FakeWriter, patience_s: float = 5.0) -> Documents:
    return Documents(cast(Reader, None), cast(Writer, writer), Names("toys"), patience_s=patience_s)


def some(*ids: str) -> list[SourceDocument]:
    return [SourceDocument(source_id=key, title="t", text="x") for key in ids]


def test_only_what_met_a_conflict_or_a_busy_server_is_sent_again() -> None:
    writer = FakeWriter(
        {"default:a": status(409, "version_conflict_engine_exception"), "default:c": status(429, "rejected")},
        Unavailable("away"),
    )
    outcomes = documents(writer).upsert_many(some("a", "b", "c"))
    assert [(outcome.source_id, outcome.result) for outcome in outcomes] == [
        (key, "written") for key in ("a", "b", "c")
    ]
    again = ["default:a", "default:c"]
    assert writer.requests == [["default:a", "default:b", "default:c"], again, again]


def test_after_its_patience_it_says_what_was_acknowledged_and_what_was_not() -> None:
    class Stubborn(FakeWriter):
        def bulk(self, index: str, items: Iterable[BulkItem], **_: Any) -> Iterator[BulkOutcome]:
            for item in items:
                yield (status(503, "unavailable_shards_exception") if item.id == "default:b" else ok)(item)

    with pytest.raises(Unacknowledged) as caught:
        documents(Stubborn(), patience_s=0.05).upsert_many(some("a", "b", "c"))
    assert caught.value.acknowledged == ("a", "c")
    assert caught.value.unacknowledged == ("b",)
    assert "told so" in str(caught.value)
    assert isinstance(caught.value, Unavailable)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # noqa: S301


def test_operations_on_one_document_stay_in_order_when_a_part_is_sent_again() -> None:
    writer = FakeWriter({"default:a": status(409, "version_conflict_engine_exception")})
    documents(writer).upsert_many(some("a", "b", "a"))
    assert writer.requests == [["default:a", "default:b"], ["default:a"], ["default:a"]]


def test_what_can_never_be_stored_is_rejected_alone() -> None:
    writer = FakeWriter({"default:b": status(400, "document_parsing_exception")})
    bad = [SourceDocument(source_id="", title="", text="x"), SourceDocument(source_id="c", title="\ud800", text="")]
    outcomes = documents(writer).upsert_many([*some("a", "b"), *bad])
    assert [outcome.result for outcome in outcomes] == ["written", "rejected", "rejected", "rejected"]
    assert all(outcome.reason for outcome in outcomes[1:])


@pytest.mark.parametrize(
    ("source_id", "tenant", "fields"),
    [("", "t", {}), ("a", "", {}), ("a", "t:u", {}), ("a" * 600, "t", {}), ("a", "t", {"x": object()})],
)
def test_a_single_call_raises_what_is_wrong_with_the_input(source_id: str, tenant: str, fields: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        documents(FakeWriter()).upsert(source_id, title="", text="x", fields=fields, tenant=tenant)


@pytest.mark.parametrize(
    ("code", "kind", "expected"),
    [(404, "index_not_found_exception", "no documents index"), (403, "cluster_block_exception", "takes no writes")],
)
def test_an_index_that_is_gone_or_blocked_is_said_at_once(code: int, kind: str, expected: str) -> None:
    with pytest.raises(EnvironmentProblem, match=expected):
        documents(FakeWriter({"default:a": status(code, kind)})).upsert("a", title="", text="x")


def test_deleting_what_was_never_there_is_reported_and_no_error() -> None:
    writer = FakeWriter({"default:a": status(404, "document_missing_exception")})
    assert documents(writer).delete("a").result == "missing"
