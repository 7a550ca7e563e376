"""The documents of a rehearsal against the list: used, changed, missing."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from support.releases import make_release
from turnout.ingest import SourceDocument, Unreadable
from turnout.ingest.sampling import draw
from turnout.rehearsal import Settings
from turnout.rehearsal.documents import Used, read_sample
from turnout.rehearsal.reasons import of_sample, worst

DOCUMENTS = tuple(SourceDocument(source_id=f"d{n}", title=f"t{n}", text="words") for n in range(20))


def used(documents: Iterable[SourceDocument | Unreadable], sample: dict[str, str] | None) -> Used:
    settings = Settings(
        url="",
        prefix="",
        models=Path(),
        documents=lambda: documents,
        sample=sample,
        query_set=None,
        processes=0,
        now=str,
        listen=lambda event: None,
    )
    return read_sample(make_release(), settings)


def test_documents_outside_of_the_list_are_not_used() -> None:
    found = used([*DOCUMENTS, SourceDocument(source_id="new", title="", text="x")], draw(DOCUMENTS[:5], (), size=0))
    assert [each.source_id for each in found.documents] == sorted(f"d{n}" for n in range(5))
    assert (found.use.listed, found.use.used, found.use.changed, found.use.missing) == (5, 5, 0, 0)


def test_a_changed_document_is_used_and_counted_and_a_missing_one_is_counted() -> None:
    other = SourceDocument(source_id="d0", title="t0", text="other words")
    found = used(
        [other, *DOCUMENTS[1:-2], Unreadable(place="x", reason="y", source_id="d19")], draw(DOCUMENTS, (), size=0)
    )
    assert (found.use.used, found.use.changed, found.use.missing) == (18, 1, 2)
    assert other in found.documents


def test_the_content_is_named_by_what_is_used_and_not_by_its_order() -> None:
    sample = draw(DOCUMENTS, (), size=0)
    one = used(DOCUMENTS, sample)
    assert used(DOCUMENTS[::-1], sample).content == one.content
    assert used(DOCUMENTS[1:], sample).content != one.content


@pytest.mark.parametrize(
    ("gone", "rules"),
    [(0, []), (2, []), (3, ["sample-changed"]), (20, ["empty-sample"])],
)
def test_more_than_a_tenth_of_others_is_not_enough_evidence(gone: int, rules: list[str]) -> None:
    found = list(of_sample(used(DOCUMENTS[gone:], draw(DOCUMENTS, (), size=0)).use, named=True))
    assert [reason.rule for reason in found] == rules
    assert worst(found) == ("inconclusive" if rules else "pass")


def test_without_a_list_there_is_nothing_to_rehearse_with() -> None:
    found = used(DOCUMENTS, None)
    assert not found.documents
    assert [reason.rule for reason in of_sample(found.use, named=False)] == ["no-sample"]
