"""What a rehearsal finds on a real server, and what it says that it is: model, index, mapping, sample."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest
from elasticsearch import Elasticsearch

from support.rehearsing import Stage, make_stage
from turnout.errors import EnvironmentProblem
from turnout.rehearsal import Rehearsal
from turnout.release.artifacts import Release


@pytest.fixture(scope="module")
def stage(client: Elasticsearch, elastic_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One base for all tests of this module: a kept space is what makes the next rehearsal quick."""
    prefix = "t-rehearsal-verdicts-"
    yield make_stage(elastic_url, prefix, tmp_path_factory.mktemp("models"))
    indexes = list(client.indices.get(index=f"{prefix}*", expand_wildcards="all"))
    if indexes:
        client.indices.delete(index=indexes)


@pytest.fixture(scope="module")
def base(stage: Stage) -> Release:
    return stage.release()


def rules(found: Rehearsal) -> list[tuple[str, str]]:
    return [(reason.rule, reason.verdict) for reason in found.found]


def test_a_good_change_passes_with_all_its_numbers(stage: Stage, base: Release) -> None:
    found = stage.rehearse(base, stage.release(pipeline={"retrieval": {"num_candidates": 80}}))
    assert found.reasons == ()
    assert found.verdict == "pass"
    assert found.sample.used == found.sample.listed == len(stage.documents)
    assert found.base is not None
    assert found.head is not None
    assert found.head.documents == found.base.documents == len(stage.documents)
    assert found.head.passages >= found.head.documents
    assert found.head.vector_disk_bytes
    assert found.base.recall is not None
    assert found.head.recall is not None
    assert found.comparison is not None
    assert found.comparison.metrics
    assert found.latency is not None
    assert found.latency.ratio_low <= found.latency.ratio <= found.latency.ratio_high
    assert found.spaces is not None
    assert found.spaces.neighbours_kept_at_10 == 1.0
    assert set(found.spaces.groups) == {"even", "odd"}
    assert len(found.head_scores) == len(found.base_scores) == 10 * len(stage.query_set.queries)
    assert [check.name for check in found.checks] == [
        *("attestation", "parity", "placeholders", "ann_recall", "quality"),
    ]


def test_a_field_more_is_put_into_the_base_in_place_and_the_next_rehearsal_has_a_clean_base(
    stage: Stage, base: Release
) -> None:
    head = stage.release(mapping={"mappings": {"properties": {"extra": {"type": "keyword"}}}})
    for _ in range(2):
        found = stage.rehearse(base, head)
        assert found.verdict == "pass", found.reasons
        assert found.upgrade[0].startswith("change the mapping of")
        assert found.base is not None
        assert found.head is not None
        assert found.head.view == found.base.view


def test_a_model_with_other_weights_of_the_same_dims_is_found_by_quality_and_not_by_the_index(
    stage: Stage, base: Release
) -> None:
    found = stage.rehearse(base, stage.release(stage.dull))
    assert found.verdict == "fail"
    assert rules(found) == [("quality", "fail")], found.reasons
    assert "the index is not the cause" in found.reasons[0]
    assert found.head is not None
    assert found.head.recall is not None
    assert found.head.recall.mean >= 0.9
    assert found.spaces is not None
    assert found.spaces.neighbours_kept_at_10 < 0.5


def test_a_quantisation_that_is_too_coarse_is_found_by_the_index_and_named_so(stage: Stage, base: Release) -> None:
    coarse = {"type": "bbq_flat", "rescore_vector": {"oversample": 0}}
    head = stage.release(index_options=coarse)
    found = stage.rehearse(base, head)
    assert found.verdict == "fail"
    assert ("ann-recall", "fail") in rules(found), found.reasons
    assert any(reason.startswith("ann-recall: index (ANN)") for reason in found.reasons)
    assert found.spaces is not None
    assert found.spaces.neighbours_kept_at_10 == 1.0


def test_a_mapping_that_the_server_refuses_fails_before_anything_is_built(stage: Stage, base: Release) -> None:
    head = stage.release(mapping={"mappings": {"properties": {"body": {"analyzer": "nowhere"}}}})
    found = stage.rehearse(base, head)
    assert rules(found) == [("confirm-mapping-invalid", "fail")]
    assert found.head is None


def test_an_operational_change_is_verified_by_the_gates_of_the_head_and_not_timed(stage: Stage, base: Release) -> None:
    strict = stage.release(gates={"verify": {"quality": {"min_queries": 17}}})
    found = stage.rehearse(base, strict)
    assert found.verdict == "inconclusive"
    assert {rule for rule, _ in rules(found)} == {"quality"}
    assert found.latency is None


def test_pooling_that_the_files_of_the_model_contradict_fails(stage: Stage, base: Release) -> None:
    head = stage.release(model={"pooling": "max"})
    found = stage.rehearse(base, head)
    assert rules(found) == [("model", "fail")]
    assert "the model's own files say mean" in found.reasons[0]


def test_a_prefix_that_the_files_of_the_model_contradict_fails(stage: Stage, base: Release) -> None:
    from turnout.embedding.files import write_json
    from turnout.embedding.store import folder_of

    digests = stage.dull.digests
    assert not isinstance(digests, msgspec.UnsetType)
    config = folder_of(digests.weights, stage.models) / "config_sentence_transformers.json"
    write_json(config, {"prompts": {"query": "query: ", "document": "passage: "}})
    try:
        found = stage.rehearse(base, stage.release(stage.dull))
    finally:
        config.unlink()
    assert rules(found) == [("model", "fail"), ("model", "fail")]


def test_a_model_that_is_not_in_the_store_is_a_problem_of_the_environment(stage: Stage, base: Release) -> None:
    with pytest.raises(EnvironmentProblem, match="not in the store"):
        stage.rehearse(base, stage.release(model={"digests": {"weights": "sha256:" + "1" * 64}}))


def test_without_a_sample_or_with_none_of_it_in_the_source_it_is_inconclusive(stage: Stage, base: Release) -> None:
    found = stage.rehearse(base, base, sample=None)
    assert (found.verdict, rules(found)) == ("inconclusive", [("no-sample", "inconclusive")])
    found = stage.rehearse(base, base, documents=tuple)
    assert (found.verdict, rules(found)) == ("inconclusive", [("empty-sample", "inconclusive")])
    assert found.sample.missing == len(stage.documents)


def test_without_a_query_set_it_is_inconclusive(stage: Stage, base: Release) -> None:
    found = stage.rehearse(base, stage.release(pipeline={"retrieval": {"num_candidates": 60}}), query_set=None)
    assert found.verdict == "inconclusive"
    assert ("no-query-set", "inconclusive") in rules(found)


def test_a_new_collection_is_built_and_judged_alone(stage: Stage, base: Release) -> None:
    found = stage.rehearse(None, base)
    assert found.verdict == "pass", found.reasons
    assert found.base is None
    assert found.head is not None
    assert found.comparison is not None


def test_a_sample_of_which_much_has_changed_is_used_and_inconclusive(stage: Stage, base: Release) -> None:
    changed = tuple(
        msgspec.structs.replace(each, title="other") if number < 20 else each
        for number, each in enumerate(stage.documents[5:])
    )
    found = stage.rehearse(
        base, stage.release(pipeline={"retrieval": {"num_candidates": 60}}), documents=lambda: changed
    )
    assert (found.sample.changed, found.sample.missing) == (20, 5)
    assert rules(found) == [("sample-changed", "inconclusive")], found.reasons
    assert found.comparison is not None


def test_a_base_whose_model_is_refused_leaves_nothing_to_compare_with(stage: Stage, base: Release) -> None:
    broken = stage.release(model={"max_tokens": 4000})
    found = stage.rehearse(broken, base)
    assert rules(found) == [("base-model", "inconclusive")]
