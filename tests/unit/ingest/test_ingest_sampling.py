"""Drawing a sample: all that is judged, a rest that is the same each time, nothing that an ingestion wouldn't store."""

from __future__ import annotations

from turnout.ingest import SourceDocument, Unreadable
from turnout.ingest.sampling import draw, listed_hash, usable


def document(name: str, text: str = "words") -> SourceDocument:
    return SourceDocument(source_id=name, title=name, text=text)


DOCUMENTS = [document(f"d{n}") for n in range(50)]


def test_all_judged_documents_are_drawn_and_a_rest_up_to_the_size() -> None:
    drawn = draw(DOCUMENTS, {"d7", "d9", "unknown"}, size=10)
    assert {"d7", "d9"} < drawn.keys()
    assert len(drawn) == 10
    assert list(drawn) == sorted(drawn)


def test_the_order_of_the_source_changes_nothing() -> None:
    assert draw(DOCUMENTS, {"d7"}, size=10) == draw(DOCUMENTS[::-1], {"d7"}, size=10)


def test_judged_documents_are_all_drawn_even_if_they_are_more() -> None:
    assert draw(DOCUMENTS, {"d1", "d2", "d3"}, size=2).keys() == {"d1", "d2", "d3"}


def test_zero_draws_all() -> None:
    assert len(draw(DOCUMENTS, (), size=0)) == 50


def test_what_an_ingestion_would_not_store_is_not_drawn() -> None:
    second = document("a", "other words")
    source = [
        document("a"),
        second,
        SourceDocument(source_id="b", title=" ", text="\n"),
        Unreadable(place="x", reason="y"),
    ]
    assert [each.text for each in usable(source)] == ["words"]
    assert draw([*source, document("tab\tin it")], (), size=0) == {"a": listed_hash(document("a"))}


def test_the_hash_tells_another_text_title_or_field() -> None:
    plain = document("a")
    others = [
        SourceDocument(source_id="a", title="a", text="words", fields={"kind": "x"}),
        SourceDocument(source_id="a", title="b", text="words"),
        SourceDocument(source_id="a", title="a", text="word"),
    ]
    assert listed_hash(plain) not in {listed_hash(other) for other in others}
    assert len(listed_hash(plain)) == 16
