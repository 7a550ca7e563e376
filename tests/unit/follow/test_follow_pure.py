"""Bodies, vectors, counts and jobs: what following does without a server."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.fake_embedder import FakeEmbedder
from support.releases import make_release
from turnout.elastic.documents import Document, external_version
from turnout.elastic.names import Names
from turnout.elastic.reader import Hit
from turnout.elastic.views import View, ViewMeta, decode_vector, encode_vector
from turnout.elastic.writer import BulkItem, BulkOutcome
from turnout.embedding.attestation import PROBES, probe_vectors
from turnout.errors import EnvironmentProblem, Refused, Unavailable
from turnout.follow import Counts, Job, Lag, Progress, ViewGone, attest
from turnout.follow.body import Refusal, read_document, too_large, view_item
from turnout.follow.reuse import Passage, passages_from, text_hash
from turnout.follow.vectors import embedded
from turnout.follow.write import write

RELEASE = make_release()
FIELDS = RELEASE.pipeline.index


def make_document(**changes: Any) -> Document:
    given = {
        "id": "t:a",
        "tenant": "t",
        "source_id": "a",
        "owner": "o",
        "deleted": False,
        "content_hash": "h",
        "updated_at": "2026-01-01T00:00:00+00:00",
        "title": "T",
        "text": "one two",
        "fields": {"kind": "k", "secret": 1},
    }
    return Document(**(given | changes))


class FakeWriter:
    """Answers each bulk with the next list of outcomes; a number is an HTTP status for all items."""

    def __init__(self, *answers: int | list[int]) -> None:
        self.answers = list(answers)
        self.sent: list[list[BulkItem]] = []

    def bulk(self, index: str, items, *, refresh: bool = False, require_alias: bool = False):
        assert require_alias
        items = list(items)
        self.sent.append(items)
        answer = self.answers.pop(0)
        statuses = answer if isinstance(answer, list) else [answer] * len(items)
        return [
            BulkOutcome(item.id, status, "", "some_exception", "a reason")
            for item, status in zip(items, statuses, strict=True)
        ]


class FakeReader:
    """Documents of a view by id."""

    def __init__(self, **hits: Hit) -> None:
        self.hits = hits
        self.asked: list[tuple[list[str], bool]] = []

    def get_many(self, index: str, ids, *, fields=None, vectors: bool = False, realtime: bool = True) -> dict[str, Hit]:
        self.asked.append((list(ids), vectors))
        return {id_: self.hits[id_] for id_ in ids if id_ in self.hits}


def item(id_: str, version: int = 7) -> BulkItem:
    return BulkItem("index", id_, {"turnout": {"id": id_, "tenant": "t", "version": version}, "title": "x"}, version)


def make_view(embedder: FakeEmbedder | None = None) -> View:
    vectors = probe_vectors(embedder, PROBES) if embedder else []
    from turnout.elastic.views import Probe

    probes = tuple(
        Probe(text=text, kind=kind, vector=encode_vector(vector))
        for (kind, text), vector in zip(PROBES, vectors, strict=False)
    )
    meta = ViewMeta(
        collection="toys",
        index_fingerprints=(RELEASE.fingerprints.index,),
        embedding_fingerprint=RELEASE.fingerprints.embedding,
        documents="toys.documents",
        built_for=RELEASE.id,
        created_at="",
        probes=probes,
    )
    return View(index="v", uuid="u", meta=meta, mappings={}, settings={}, aliases=frozenset())


def test_a_live_document_has_the_copied_fields_and_nothing_else() -> None:
    made = view_item("t:a", make_document(), 9, fields=FIELDS, passages=[Passage("one two", "AAA=")], hashed="hh")
    system = {"id": "t:a", "tenant": "t", "owner": "o", "version": 9, "state": "live", "text_hash": "hh"}
    assert made == BulkItem(
        "index",
        "t:a",
        {
            "turnout": system,
            "title": "T",
            "body": "one two",
            "kind": "k",
            "passages": [{"text": "one two", "vector": "AAA="}],
        },
        9,
    )


def test_missing_and_empty_fields_are_left_out() -> None:
    document = make_document(title="", fields={"kind": None})
    made = view_item("t:a", document, 9, fields=FIELDS, passages=[], hashed="hh")
    assert made.body is not None
    assert set(made.body) == {"turnout", "body"}


def test_a_tombstone_and_a_placeholder_hold_no_user_fields() -> None:
    tombstone = view_item("t:a", make_document(deleted=True, text=""), 9, fields=FIELDS, passages=[], hashed="")
    refused = view_item("t:a", make_document(), 9, fields=FIELDS, passages=Refusal("x" * 900), hashed="hh")
    broken = view_item("t:b", Refusal("not a document"), 9, fields=FIELDS, passages=[], hashed="")
    assert [set(made.body or {}) for made in (tombstone, refused, broken)] == [{"turnout"}] * 3
    states = [(made.body or {})["turnout"]["state"] for made in (tombstone, refused, broken)]
    assert states == ["deleted", "placeholder", "placeholder"]
    assert len((refused.body or {})["turnout"]["reason"]) == 500
    assert all(made.version == 9 for made in (tombstone, refused, broken))


def test_what_is_not_a_document_is_refused_with_a_reason() -> None:
    found = read_document(Hit(id="x", source={"id": 3}))
    assert isinstance(found, Refusal)
    assert found.reason.startswith("not a document: ")


def test_size_counts_all_of_the_content_in_bytes() -> None:
    limits = make_release(pipeline={"limits": {"max_document_bytes": 100}}).pipeline.limits
    assert too_large(make_document(text="a" * 50), limits) is None
    refusal = too_large(make_document(text="é" * 50), limits)
    assert refusal is not None
    assert "at most 100" in refusal.reason


def test_equal_passages_of_a_page_are_embedded_once() -> None:
    embedder = FakeEmbedder()
    made, asked = embedded({"a": "same text", "b": "same  text", "c": "other", "d": "  "}, embedder, RELEASE)
    assert asked == 2
    assert embedder.calls == [["same text", "other"]]
    assert made["a"] == made["b"]
    assert made["d"] == []
    (passage,) = made["c"]
    assert isinstance(passage, Passage)
    assert np.allclose(decode_vector(passage.vector), embedder.embed(["other"], kind="passage")[0])


def test_a_vector_that_no_index_can_hold_refuses_its_document_only() -> None:
    class Broken(FakeEmbedder):
        def embed(self, texts, *, kind):
            vectors = super().embed(texts, kind=kind)
            vectors[[text.startswith("zero") for text in texts]] = 0
            vectors[[text.startswith("nan") for text in texts], 3] = np.nan
            return vectors

    made, _ = embedded({"a": "zero", "b": "nan", "c": "fine"}, Broken(), RELEASE)
    assert isinstance(made["a"], Refusal)
    assert isinstance(made["b"], Refusal)
    assert len(made["c"]) == 1


def test_vectors_of_another_length_are_the_wrong_model_and_stop_everything() -> None:
    with pytest.raises(Refused, match=r"shape \(1, 8\), not \(1, 16\)"):
        embedded({"a": "text"}, FakeEmbedder(dims=8), RELEASE)


def test_vectors_are_fetched_only_where_the_text_is_the_same_and_live() -> None:
    def stored(text: str, state: str = "live") -> Hit:
        source = {"turnout": {"state": state, "text_hash": text_hash(text)}}
        return Hit(id="", source=source | {"passages": [{"text": text, "vector": [1.0, 2.0]}]})

    reader = FakeReader(a=stored("one"), b=stored("two"), c=stored("three", "placeholder"))
    hashes = {"a": text_hash("one"), "b": text_hash("changed"), "c": text_hash("three"), "d": text_hash("four")}
    for sparse in (True, False):
        found = passages_from(reader, make_view(), hashes, sparse=sparse)  # type: ignore[arg-type]
        assert list(found) == ["a"]
        assert decode_vector(found["a"][0].vector).tolist() == [1.0, 2.0]
    assert reader.asked == [(list(hashes), False), (["a"], True), (list(hashes), True)]


def test_a_vector_from_the_translog_is_passed_on_as_it_was_sent() -> None:
    vector = encode_vector(np.array([1, 2], np.float32))
    source = {"turnout": {"state": "live", "text_hash": "h"}, "passages": [{"text": "x", "vector": vector}]}
    reader = FakeReader(a=Hit(id="a", source=source))
    assert passages_from(reader, make_view(), {"a": "h"}) == {"a": [Passage("x", vector)]}  # type: ignore[arg-type]


def write_with(writer: FakeWriter, *items: BulkItem, reader: FakeReader | None = None) -> dict[str, str]:
    return write(reader or FakeReader(), writer, "v", items)  # type: ignore[arg-type]


def test_a_rejected_document_is_replaced_by_a_placeholder_of_the_same_version() -> None:
    writer = FakeWriter([201, 400], 201)
    assert write_with(writer, item("a"), item("b")) == {"b": "placeholder"}
    (sent,) = writer.sent[1]
    assert (sent.id, sent.version) == ("b", 7)
    assert sent.body == {
        "turnout": {
            "id": "b",
            "tenant": "t",
            "version": 7,
            "state": "placeholder",
            "reason": "some_exception: a reason",
        }
    }


def test_a_placeholder_that_is_rejected_too_is_an_error() -> None:
    with pytest.raises(EnvironmentProblem, match="refused a write"):
        write_with(FakeWriter(400, 400), item("a"))


def test_a_conflict_needs_this_version_or_a_newer_one_in_the_view() -> None:
    same = FakeReader(a=Hit(id="a", source={}, version=7), b=Hit(id="b", source={}, version=8))
    assert write_with(FakeWriter(409), item("a"), item("b"), reader=same) == {"a": "superseded", "b": "superseded"}
    with pytest.raises(Unavailable, match="version 6"):
        write_with(FakeWriter(409), item("a"), reader=FakeReader(a=Hit(id="a", source={}, version=6)))
    with pytest.raises(Unavailable, match="nothing"):
        write_with(FakeWriter(409), item("a"))


def test_only_what_the_server_was_too_busy_for_is_sent_again() -> None:
    writer = FakeWriter([201, 429, 201], [201])
    assert write_with(writer, item("a"), item("b"), item("c")) == {}
    assert [[sent.id for sent in batch] for batch in writer.sent] == [["a", "b", "c"], ["b"]]


def test_a_view_that_is_gone_and_a_blocked_one_are_told_apart() -> None:
    with pytest.raises(ViewGone):
        write_with(FakeWriter(404), item("a"))
    with pytest.raises(EnvironmentProblem, match="HTTP 403"):
        write_with(FakeWriter(403), item("a"))


def test_attestation_names_view_and_least_cosine() -> None:
    view = make_view(FakeEmbedder())
    attest(FakeEmbedder(), view, RELEASE)
    with pytest.raises(Refused, match="least cosine") as caught:
        attest(FakeEmbedder(salt="other"), view, RELEASE)
    assert caught.value.where == "v"
    with pytest.raises(Refused, match="least cosine"):
        attest(FakeEmbedder(dims=8), view, RELEASE)
    with pytest.raises(Refused, match="no probes"):
        attest(FakeEmbedder(), make_view(), RELEASE)


def test_a_job_crosses_process_boundaries_and_hides_its_key() -> None:
    job = Job("http://x", "top-secret", Names("toys"), RELEASE, "v", Path("m"), processes=2)
    assert pickle.loads(pickle.dumps(job)) == job  # noqa: S301
    assert "top-secret" not in repr(job)
    assert replace(job, reuse_from="w").reuse_from == "w"


def test_counts_add_up_and_the_rest_is_estimated() -> None:
    one, two = Counts(documents=2, live=2, embedded=3), Counts(documents=1, deleted=1)
    assert one + two == Counts(documents=3, live=2, deleted=1, embedded=3)
    assert one + two - two == one
    assert Progress(counts=one, total=10, seconds=4.0).eta_s == 16.0
    assert Progress(counts=Counts(), total=10, seconds=4.0).eta_s is None
    assert Lag({0: 2, 1: 3}).total == 5


def test_versions_of_a_later_epoch_are_above_all_earlier_ones() -> None:
    assert external_version(1, 2**41) < external_version(2, -1) < external_version(2, 0)
