"""What changes a hash, and what doesn't."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from support.artifact_files import GATES, LOCK, MAPPING, MODEL, PIPELINE, QRELS, QUERIES, TEXTS, checked, locked
from support.releases import make_release
from turnout.errors import Refused
from turnout.passages import CODE_VERSIONS
from turnout.release import fingerprint
from turnout.release.artifacts import Release
from turnout.release.checking import MOST_FINDINGS, lock


def release_of(texts: dict[str, str]) -> Release:
    release = checked(texts).release
    assert release is not None
    return release


def _shuffled(value: Any, order: random.Random) -> Any:
    if isinstance(value, dict):
        pairs = list(value.items())
        order.shuffle(pairs)
        return {key: _shuffled(inner, order) for key, inner in pairs}
    return [_shuffled(inner, order) for inner in value] if isinstance(value, list) else value


def test_a_valid_collection_has_no_findings_once_it_is_locked() -> None:
    assert not checked(locked(TEXTS)).findings


@pytest.mark.parametrize("file", [MODEL, PIPELINE, GATES])
def test_comments_blank_lines_and_quotes_change_no_hash(file: str) -> None:
    changed = "# why\n\n" + TEXTS[file].replace("\n", "   # so\n\n").replace("kind: ", '"kind":   ', 1)
    texts = locked(TEXTS) | {file: changed}
    assert yaml.safe_load(changed) == yaml.safe_load(TEXTS[file])
    assert not checked(texts).findings


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_keys_changes_no_hash(seed: int) -> None:
    order = random.Random(seed)
    texts = locked(TEXTS)
    texts[MAPPING] = json.dumps(_shuffled(json.loads(texts[MAPPING]), order))
    for file in (MODEL, PIPELINE, GATES):
        texts[file] = yaml.safe_dump(_shuffled(yaml.safe_load(texts[file]), order), sort_keys=False)
    assert not checked(texts).findings


def test_a_default_that_is_written_out_changes_no_hash() -> None:
    without = {
        MODEL: TEXTS[MODEL].replace("  precision: fp32\n", ""),
        PIPELINE: TEXTS[PIPELINE].replace("  timeout_ms: 1000\n", ""),
    }
    assert not checked(locked(TEXTS) | without).findings


@pytest.mark.parametrize(
    ("file", "old", "new", "changed"),
    [
        (MODEL, "sha256:0", "sha256:1", {"embedding", "index", "query"}),
        (MODEL, 'query: ""', 'query: "q: "', {"query"}),
        (MODEL, 'passage: ""', 'passage: "p: "', {"embedding", "index"}),
        (MODEL, "per_million_tokens: 0.5", "per_million_tokens: 0.6", set()),
        (MODEL, "license: Apache-2.0", "license: MIT", set()),
        (PIPELINE, "size: 64", "size: 63", {"embedding", "index"}),
        (PIPELINE, "collapse_whitespace: true", "collapse_whitespace: false", {"embedding", "index"}),
        (PIPELINE, "k: 10", "k: 11", {"query"}),
        (PIPELINE, "batch_size: 16", "batch_size: 8", set()),
        (PIPELINE, "size: fields.size", "size: fields.bytes", {"index"}),
        (MAPPING, '"number_of_shards": 1', '"number_of_shards": 2', {"index"}),
        (GATES, "alpha: 0.05", "alpha: 0.01", set()),
        (QUERIES, "spinning", "humming", set()),
    ],
)
def test_a_change_moves_the_fingerprints_that_it_concerns_and_always_the_id(
    file: str, old: str, new: str, changed: set[str]
) -> None:
    before, after = release_of(TEXTS), release_of(TEXTS | {file: TEXTS[file].replace(old, new)})
    names = ("embedding", "index", "query")
    assert {n for n in names if getattr(before.fingerprints, n) != getattr(after.fingerprints, n)} == changed
    assert before.id != after.id


def test_a_release_survives_encoding() -> None:
    release = release_of(TEXTS)
    assert fingerprint.decode(fingerprint.encode(release)) == release


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=6), inner, max_size=4)
    ),
    max_leaves=15,
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(value=VALUES, seed=st.integers(0, 1000))
def test_the_canonical_form_is_one_for_all_orders_and_loses_nothing(value: Any, seed: int) -> None:
    written = fingerprint.canonical(value)
    assert fingerprint.canonical(_shuffled(value, random.Random(seed))) == written
    assert json.loads(written) == value
    assert fingerprint.canonical(json.loads(written)) == written


@settings(max_examples=50, deadline=None, derandomize=True)
@given(settings_=st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3))
def test_a_mapping_goes_through_the_release_file_unchanged(settings_: dict[str, Any]) -> None:
    release = make_release(mapping={"settings": {"x": settings_}})
    assert fingerprint.decode(fingerprint.encode(release)) == release


@pytest.mark.parametrize("file", [MAPPING, MODEL, PIPELINE, GATES, QUERIES])
def test_a_missing_file_is_a_finding(file: str) -> None:
    texts = locked(TEXTS)
    del texts[file]
    result = checked(texts)
    assert result.release is None
    assert [(f.file, f.rule) for f in result.findings] == [(file, "missing-file")]


def test_a_missing_lock_is_a_finding_and_the_release_is_there_all_the_same() -> None:
    result = checked(TEXTS)
    assert [(f.file, f.rule) for f in result.findings] == [(LOCK, "missing-lock")]
    assert "turnout lock toys" in result.findings[0].remedy
    assert result.release is not None


def test_without_an_evaluation_folder_the_release_has_none() -> None:
    texts = {file: text for file, text in TEXTS.items() if "/evaluation/" not in file}
    assert release_of(texts).evaluation is None


def test_a_hand_edited_lock_is_told_from_a_stale_one() -> None:
    texts = locked(TEXTS)
    edited = checked(texts | {LOCK: texts[LOCK].replace('"k": 10', '"k": 99')})
    assert "by hand" in edited.findings[0].problem
    stale = checked(texts | {MODEL: texts[MODEL].replace("MIT", "x").replace("Apache-2.0", "MIT")})
    assert "the artifacts give r-" in stale.findings[0].problem


def test_a_dot_product_needs_vectors_of_length_one() -> None:
    model = (
        TEXTS[MODEL]
        .replace("normalize: true", "normalize: false")
        .replace("similarity: cosine", "similarity: dot_product")
    )
    mapping = TEXTS[MAPPING].replace('"cosine"', '"dot_product"')
    result = checked(TEXTS | {MODEL: model, MAPPING: mapping})
    assert [f.rule for f in result.findings] == ["dot-product-needs-normalize"]


def test_nothing_is_guessed_from_a_bad_file() -> None:
    model = TEXTS[MODEL].replace("dims: 16", "dims: 17x").replace("similarity: cosine", "similarity: l2_norm")
    result = checked(TEXTS | {MODEL: model, PIPELINE: TEXTS[PIPELINE].replace("body: 1", "words: 1")})
    assert [f.rule for f in result.findings] == ["wrong-type", "field-missing"]


@pytest.mark.parametrize(
    "name", ["Toys", "toys_2", "-toys", "toys-", "a.b", "", "x" * 41, "../toys", "töys", "definitions", "toys\n"]
)
def test_a_weird_collection_name_is_refused(name: str) -> None:
    result = checked(TEXTS, collection=name)
    assert [f.rule for f in result.findings] == ["collection-name"]
    assert result.findings[0].file.isprintable()


def test_a_release_that_no_config_map_holds_is_refused() -> None:
    fields = {f"field_{number:05}": {"type": "keyword", "null_value": "x" * 90} for number in range(6_000)}
    mapping = json.loads(TEXTS[MAPPING])
    mapping["mappings"]["properties"].update(fields)
    text = json.dumps(mapping, separators=(",", ":"))
    result = checked(TEXTS | {MAPPING: text})
    assert len(text) < 900 * 1024
    assert "release-too-large" in [f.rule for f in result.findings]
    assert result.release is None


def test_lock_refuses_what_is_not_valid_and_says_where() -> None:
    files = {file: text.encode() for file, text in TEXTS.items()}
    files[MODEL] = files[MODEL].replace(b"dims: 16", b"dims: x")
    with pytest.raises(Refused) as caught:
        lock("toys", files, today="2026-06-15", code=CODE_VERSIONS)
    assert caught.value.where.startswith(f"{MODEL}:10:7")


@pytest.mark.parametrize(
    ("file", "junk"),
    [
        (QRELS, "x\n" * 200_000),
        (QUERIES, "{}\n" * 200_000),
        (MODEL, "".join(f"key{number}: 1\n" for number in range(15_000))),
        (MAPPING, "{" + '"a":1,' * 100_000 + '"b":1}'),
        (PIPELINE, "a: " + "{a: " * 60_000),
    ],
)
def test_a_hostile_file_costs_little_and_has_a_bounded_number_of_findings(file: str, junk: str) -> None:
    result = checked(TEXTS | {file: junk})
    assert result.release is None
    assert 1 <= len(result.findings) <= MOST_FINDINGS
