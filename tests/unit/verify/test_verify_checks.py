"""Reports, attestation and the overlap of approximate with exact search."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from support.fake_embedder import FakeEmbedder
from turnout.elastic.views import Probe, View, ViewMeta, encode_vector
from turnout.embedding.attestation import PROBES, probe_vectors
from turnout.evaluation.query_set import JudgedQuery, QuerySet
from turnout.release.artifacts import AnnRecallGate, AttestationGate
from turnout.verify import Check, Report, Verdict
from turnout.verify.ann import overlap, sample
from turnout.verify.attestation import attestation

GATE = AttestationGate(min_cosine=0.999)


def view_of(embedder: FakeEmbedder, vectors: np.ndarray | None = None) -> View:
    vectors = probe_vectors(embedder) if vectors is None else vectors
    probes = tuple(
        Probe(text=text, kind=kind, vector=encode_vector(vector))
        for (kind, text), vector in zip(PROBES, vectors, strict=False)
    )
    meta = ViewMeta(
        collection="toys",
        index_fingerprints=("i-1",),
        embedding_fingerprint="e-1",
        documents="toys.documents",
        built_for="r-1",
        created_at="2026-01-01T00:00:00Z",
        probes=probes,
    )
    return View(index="v", uuid="u", meta=meta, mappings={}, settings={}, aliases=frozenset())


def test_the_model_that_filled_the_view_is_attested() -> None:
    check = attestation(view_of(FakeEmbedder()), FakeEmbedder(), GATE)
    assert check.verdict == "pass"
    assert check.evidence["least_cosine"] == pytest.approx(1.0)


@pytest.mark.parametrize("other", [FakeEmbedder(salt="pooling"), FakeEmbedder(dims=8)])
def test_another_model_is_refused(other: FakeEmbedder) -> None:
    assert attestation(view_of(FakeEmbedder()), other, GATE).verdict == "fail"


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0])
def test_a_stored_vector_that_means_nothing_is_refused(bad: float) -> None:
    vectors = probe_vectors(FakeEmbedder())
    vectors[2] = bad
    assert attestation(view_of(FakeEmbedder(), vectors), FakeEmbedder(), GATE).verdict == "fail"


def test_a_model_that_gives_no_numbers_is_refused() -> None:
    class Broken(FakeEmbedder):
        def _vector(self, text: str) -> np.ndarray:
            return np.full(self.dims, np.nan)

    assert attestation(view_of(FakeEmbedder()), Broken(), GATE).verdict == "fail"


def test_a_view_without_probes_is_refused() -> None:
    check = attestation(view_of(FakeEmbedder(), np.zeros((0, 16), np.float32)), FakeEmbedder(), GATE)
    assert check.verdict == "fail"
    assert "no probes" in check.reason


@pytest.mark.parametrize(
    ("verdicts", "worst"),
    [
        (["pass", "pass"], "pass"),
        (["pass", "inconclusive"], "inconclusive"),
        (["inconclusive", "fail", "pass"], "fail"),
        ([], "inconclusive"),
    ],
)
def test_a_report_is_as_good_as_its_worst_check(verdicts: list[Verdict], worst: str) -> None:
    checks = tuple(Check(name=str(n), verdict=verdict, reason="r") for n, verdict in enumerate(verdicts))
    assert Report(release_id="r", view="v", checks=checks).verdict == worst


def test_a_stored_report_reads_back_equal_and_carries_its_verdict() -> None:
    report = Report(
        release_id="r", view="v", checks=(Check(name="n", verdict="fail", reason="x", evidence={"a": [1]}),)
    )
    record = msgspec.json.decode(msgspec.json.encode(report.as_record()))
    assert record["verdict"] == "fail"
    assert msgspec.convert(record, Report) == report
    assert report.check("n") is not None
    assert report.check("m") is None


def test_a_document_that_ties_with_the_last_exact_one_counts_as_found() -> None:
    exact = [("a", 0.9), ("b", 0.8), ("c", 0.8), ("d", 0.1)]
    assert overlap(["a", "c"], exact, 2) == 1.0
    assert overlap(["a", "d"], exact, 2) == 0.5
    assert overlap(["c", "b"], exact, 2) == 1.0


def test_overlap_is_taken_of_what_exists() -> None:
    assert overlap(["a"], [("a", 1.0)], 10) == 1.0
    assert overlap([], [("a", 1.0)], 10) == 0.0
    assert overlap([], [], 10) is None


def test_the_sample_of_queries_is_the_same_each_time_and_never_more_than_there_are() -> None:
    query_set = QuerySet(queries=tuple(JudgedQuery(id=str(n), text="t") for n in range(30)), qrels={})
    gate = AnnRecallGate(k=10, min=0.9, queries=10)
    assert sample(query_set, gate, seed=1) == sample(query_set, gate, seed=1) != sample(query_set, gate, seed=2)
    assert len({query.id for query in sample(query_set, gate, seed=1)}) == 10
    assert len(sample(query_set, AnnRecallGate(k=10, min=0.9, queries=50), seed=1)) == 30
