"""Every way to spoil a file that we know of, each refused under its name and in its place."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from support.artifact_files import (
    GATES,
    LOCK,
    MAPPING,
    MODEL,
    OVERRIDES,
    PIPELINE,
    QRELS,
    QUARANTINE,
    QUERIES,
    TEXTS,
    checked,
    locked,
)


class Case(NamedTuple):
    """In `file` the text `old` becomes `new`; a finding by `rule` must then point at `needle` in `at` (else `file`)."""

    file: str
    old: str
    new: str
    rule: str
    needle: str
    pointer: str
    at: str = ""


C = Case
ZEROS = "0" * 64
COPY = TEXTS[PIPELINE][TEXTS[PIPELINE].index("  copy:") : TEXTS[PIPELINE].index("retrieval:")]
SLO = "slo:\n  availability: 0.999\n  latency: {within_ms: 250, share: 0.99}\nverify:\n"
CANARY = "canary:\n  errors: {alpha_share: 0.4, tolerance: 1.3, margin: 2.0, floor: 0.01}\nverify:\n"
CASES = [
    # YAML
    C(MODEL, "dims: 16\n", "dims: 16\ndims: 32\n", "duplicate-key", "dims: 32", "/dims"),
    C(PIPELINE, "  size: 64\n", "  size: 64\n  size: 64\n", "duplicate-key", "size: 64\n  over", "/chunk/size"),
    C(MODEL, "dims: 16", "dims: [16", "yaml-syntax", "similarity: cosine", ""),
    C(MODEL, "dims: 16", "\tdims: 16", "yaml-syntax", "\tdims", ""),
    C(MODEL, "id: toy", "id: &toy toy", "yaml-anchor", "&toy", "/id"),
    C(PIPELINE, "    body: text", "    body: *text", "yaml-anchor", "*text", "/index/copy/body"),
    C(MODEL, "id: toy", "id: !!str toy", "yaml-tag", "!!str", "/id"),
    C(MODEL, "id: toy", "id: !python/object:os.system toy", "yaml-tag", "!python", "/id"),
    C(MODEL, "id: toy", "? [id]\n: toy", "yaml-key", "[id]", ""),
    C(PIPELINE, "    size: fields.size", "    1: fields.size", "yaml-key", "1: fields", "/index/copy/1"),
    C(MODEL, "normalize: true", "normalize: yes", "ambiguous-value", "yes", "/normalize"),
    C(MODEL, "dims: 16", "dims: 016", "ambiguous-value", "016", "/dims"),
    C(PIPELINE, "1000000\n", "1_000_000\n", "ambiguous-value", "1_000_000", "/embed/rate_limit/tokens_per_minute"),
    C(PIPELINE, "timeout_ms: 1000", "timeout_ms: 1:30", "ambiguous-value", "1:30", "/retrieval/timeout_ms"),
    C(GATES, "min: 0.9\n", "min: .nan\n", "not-finite", ".nan", "/verify/ann_recall/min"),
    C(GATES, "max_loss: 0.02", "max_loss: -.INF", "not-finite", "-.INF", "/verify/quality/max_loss"),
    C(PIPELINE, "per_month: 10", "per_month: 1e999", "not-finite", "1e999", "/budget/per_month"),
    C(GATES, "    min_queries: 2\n", "    min_queries: 2\n---\na: 1\n", "several-documents", "---", ""),
    C(GATES, TEXTS[GATES], "# nothing\n", "empty-file", "", ""),
    C(GATES, TEXTS[GATES], "just text\n", "wrong-type", "just", ""),
    C(GATES, "kind: Gates", "kind: \udcff", "not-utf8", "", ""),
    C(GATES, "kind: Gates", "kind: \x07", "yaml-syntax", "", ""),
    C(GATES, "kind: Gates", "kind: " + "[" * 40, "too-deep", "", "/kind" + "/0" * 19),
    C(GATES, "kind: Gates", "kind: " + "x" * 300_000, "file-too-large", "", ""),
    # schema: keys
    C(MODEL, "dims: 16", "dims: 16\ndimensions: 16", "unknown-key", "dimensions", "/dimensions"),
    C(
        PIPELINE,
        "    requests_per_minute",
        "    request_per_minute",
        "unknown-key",
        "request_per",
        "/embed/rate_limit/request_per_minute",
    ),
    C(PIPELINE, "  batch_size: 16\n", "", "missing-key", "embed:", "/embed"),
    C(
        PIPELINE,
        "  rate_limit:\n    requests_per_minute: 600\n    tokens_per_minute: 1000000\n",
        "",
        "missing-key",
        "embed:",
        "/embed",
    ),
    C(PIPELINE, "    tokens_per_minute: 1000000\n", "", "missing-key", "rate_limit:", "/embed/rate_limit"),
    C(PIPELINE, "budget:\n  per_month: 100\n  per_backfill: 1\n  currency: USD\n", "", "missing-key", "apiVersion", ""),
    C(MODEL, "dims: 16\n", "", "missing-key", "apiVersion", ""),
    C(GATES, "  quality:\n    metric", "  qualities:\n    metric", "missing-key", "verify:", "/verify"),
    C(MODEL, "apiVersion: turnout/v1", "apiVersion: turnout/v2", "not-allowed", "turnout/v2", "/apiVersion"),
    C(MODEL, "kind: Model", "kind: Pipeline", "not-allowed", "Pipeline", "/kind"),
    # schema: types and units
    C(PIPELINE, "timeout_ms: 1000", "timeout_ms: 2s", "wrong-type", "2s", "/retrieval/timeout_ms"),
    C(
        PIPELINE,
        "requests_per_minute: 600",
        "requests_per_minute: 10/s",
        "wrong-type",
        "10/s",
        "/embed/rate_limit/requests_per_minute",
    ),
    C(
        PIPELINE,
        "max_document_bytes: 100000",
        "max_document_bytes: 1MB",
        "wrong-type",
        "1MB",
        "/limits/max_document_bytes",
    ),
    C(PIPELINE, "per_month: 10", "per_month: $10", "wrong-type", "$10", "/budget/per_month"),
    C(MODEL, "dims: 16", "dims: 16.0", "wrong-type", "16.0", "/dims"),
    C(MODEL, "dims: 16", 'dims: "16"', "wrong-type", '"16"', "/dims"),
    C(MODEL, "dims: 16", "dims: true", "wrong-type", "true", "/dims"),
    C(MODEL, "dims: 16", "dims:", "wrong-type", "\nsimilarity", "/dims"),
    C(MODEL, 'revision: "1"', "revision: 1", "wrong-type", "1\nlicense", "/revision"),
    C(MODEL, "normalize: true", 'normalize: "true"', "wrong-type", '"true"', "/normalize"),
    C(MODEL, "runtime:\n  name: static\n  precision: fp32\n", "runtime: static\n", "wrong-type", "static", "/runtime"),
    C(
        PIPELINE,
        "  filter_fields:\n    - kind\n",
        "  filter_fields: kind\n",
        "wrong-type",
        "kind\n  timeout",
        "/retrieval/filter_fields",
    ),
    C(
        PIPELINE,
        "  options:\n    path: documents.jsonl",
        "  options:\n    path: [a]",
        "wrong-type",
        "[a]",
        "/source/options/path",
    ),
    # schema: ranges, enumerations, patterns
    C(MODEL, "dims: 16", "dims: 0", "out-of-range", "0\nsimilarity", "/dims"),
    C(MODEL, "dims: 16", "dims: 5000", "out-of-range", "5000", "/dims"),
    C(MODEL, "dims: 16", "dims: 99999999999999999999999", "wrong-type|out-of-range", "99999", "/dims"),
    C(
        PIPELINE,
        "requests_per_minute: 600",
        "requests_per_minute: 0",
        "out-of-range",
        "0\n    tokens",
        "/embed/rate_limit/requests_per_minute",
    ),
    C(PIPELINE, "  batch_size: 16", "  batch_size: 0", "out-of-range", "0\n  rate", "/embed/batch_size"),
    C(PIPELINE, "  overlap: 8", "  overlap: -1", "out-of-range", "-1", "/chunk/overlap"),
    C(PIPELINE, "    title: 2.0", "    title: 0", "out-of-range", "0\n    body: 1", "/retrieval/lexical_fields/title"),
    C(GATES, "min_cosine: 0.999", "min_cosine: 99.9", "out-of-range", "99.9", "/verify/attestation/min_cosine"),
    C(GATES, "alpha: 0.05", "alpha: 5", "out-of-range", "5\n    min", "/verify/quality/alpha"),
    C(MODEL, "similarity: cosine", "similarity: cosin", "not-allowed", "cosin", "/similarity"),
    C(MODEL, "  name: static", "  name: tensorflow", "not-allowed", "tensorflow", "/runtime/name"),
    C(PIPELINE, "mode: hybrid", "mode: both", "not-allowed", "both", "/retrieval/mode"),
    C(GATES, "metric: ndcg@10", "metric: ndcg", "not-allowed", "ndcg", "/verify/quality/metric"),
    C(MODEL, f"weights: sha256:{ZEROS}", "weights: sha256:abc", "bad-value", "sha256:abc", "/digests/weights"),
    C(MODEL, f"weights: sha256:{ZEROS}", f'weights: "sha256:{ZEROS}\\n"', "bad-value", '"sha256', "/digests/weights"),
    C(MODEL, "  currency: USD", "  currency: dollars", "bad-value", "dollars", "/price/currency"),
    C(PIPELINE, "    body: text", "    body: fields", "bad-value", "fields\n", "/index/copy/body"),
    C(PIPELINE, "    body: 1", "    body^3: 1", "bad-name", "body^3", "/retrieval/lexical_fields/body^3"),
    C(PIPELINE, "    - kind\n", "    - kind\n    - kind\n", "bad-value", "- kind", "/retrieval/filter_fields"),
    C(
        PIPELINE,
        COPY,
        "  copy: {}\n",
        "bad-value",
        "{}",
        "/index/copy",
    ),
    # the mapping by itself
    C(
        MAPPING,
        '"dims": 16,',
        '"dims": 16, "dims": 32,',
        "duplicate-key",
        '"dims": 32',
        "/mappings/properties/passages/properties/vector/dims",
    ),
    C(MAPPING, '"dims": 16,', '"dims": 16', "json-syntax", '"index": true', ""),
    C(
        MAPPING,
        '"dims": 16,',
        '"dims": NaN,',
        "not-finite",
        "NaN",
        "/mappings/properties/passages/properties/vector/dims",
    ),
    C(
        MAPPING,
        '"dims": 16,',
        '"dims": 1e999,',
        "not-finite",
        "1e999",
        "/mappings/properties/passages/properties/vector/dims",
    ),
    C(
        MAPPING,
        '"number_of_shards": 1',
        '"number_of_shards": 36893488147419103232',
        "not-canonical",
        "36893488147419103232",
        "/settings/number_of_shards",
    ),
    C(MAPPING, '"body": {', '"\\ud800": {', "not-canonical", '"\\ud800"', "/mappings/properties/\\ud800"),
    C(MAPPING, '"number_of_shards": 1', '"a": ' + "[" * 70 + "]" * 70, "too-deep", "", "/settings/a" + "/0" * 58),
    C(MAPPING, '"number_of_shards": 1', '"a": ' + "[" * 90_000 + "]" * 90_000, "too-deep", "", ""),
    C(MAPPING, '"number_of_shards": 1', '"a": ' + "9" * 5000, "not-finite", "", ""),
    C(MAPPING, TEXTS[MAPPING], "[]", "wrong-type", "[]", ""),
    C(MAPPING, TEXTS[MAPPING], "{}", "missing-key", "{}", ""),
    C(MAPPING, '"settings"', '"aliases": {"toys": {}},\n"settings"', "unknown-key", '"aliases"', "/aliases"),
    C(MAPPING, '"dynamic": "strict"', '"dynamic": true', "dynamic-mapping", "true,\n", "/mappings/dynamic"),
    C(MAPPING, '"dynamic": "strict"', '"dynamic": "runtime"', "dynamic-mapping", '"runtime"', "/mappings/dynamic"),
    C(MAPPING, '    "dynamic": "strict",\n', "", "dynamic-mapping", '"mappings"', "/mappings"),
    C(
        MAPPING,
        '"type": "nested",',
        '"type": "nested", "dynamic": "true",',
        "dynamic-mapping",
        '"true"',
        "/mappings/properties/passages/dynamic",
    ),
    C(
        MAPPING,
        '"dynamic": "strict"',
        '"dynamic": "strict", "_source": {"enabled": false}',
        "source-disabled",
        "false}",
        "/mappings/_source/enabled",
    ),
    C(
        MAPPING,
        '"settings": {',
        '"settings": {"translog.durability": "async", ',
        "not-durable",
        '"async"',
        "/settings/translog.durability",
    ),
    C(
        MAPPING,
        '"dynamic": "strict"',
        '"dynamic": "strict", "_source": {"excludes": ["passages"]}',
        "source-disabled",
        '"excludes"',
        "/mappings/_source/excludes",
    ),
    C(
        MAPPING,
        '"dynamic": "strict"',
        '"dynamic": "strict", "_meta": {"turnout": {}}',
        "reserved-meta",
        '"turnout"',
        "/mappings/_meta/turnout",
    ),
    C(
        MAPPING,
        '"kind": {',
        '"turnout": {"type": "keyword"},\n"kind": {',
        "reserved-field",
        '"turnout"',
        "/mappings/properties/turnout",
    ),
    C(
        MAPPING,
        '"kind": {',
        '"turnout.x": {"type": "keyword"},\n"kind": {',
        "reserved-field",
        '"turnout.x"',
        "/mappings/properties/turnout.x",
    ),
    C(MAPPING, '{ "type": "keyword" },\n', '"keyword",\n', "wrong-type", '"keyword",\n', "/mappings/properties/kind"),
    C(
        MAPPING,
        '"number_of_shards": 1',
        '"index.mapping.nested_objects.limit": "lots"',
        "wrong-type",
        '"lots"',
        "/settings/index.mapping.nested_objects.limit",
    ),
    # the mapping against the model
    C(
        MODEL,
        "dims: 16",
        "dims: 32",
        "dims-mismatch",
        "16,",
        "/mappings/properties/passages/properties/vector/dims",
        MAPPING,
    ),
    C(
        MAPPING,
        '"dims": 16,\n            ',
        "",
        "dims-mismatch",
        '"vector"',
        "/mappings/properties/passages/properties/vector/dims",
    ),
    C(
        MODEL,
        "similarity: cosine",
        "similarity: l2_norm",
        "similarity-mismatch",
        '"cosine"',
        "/mappings/properties/passages/properties/vector/similarity",
        MAPPING,
    ),
    C(
        MAPPING,
        '"dims": 16,',
        '"dims": 16, "element_type": "byte",',
        "element-type",
        '"byte"',
        "/mappings/properties/passages/properties/vector/element_type",
    ),
    C(
        MAPPING,
        '"index": true',
        '"index": false',
        "vector-not-indexed",
        "false,\n            ",
        "/mappings/properties/passages/properties/vector/index",
    ),
    C(
        MAPPING,
        '"index_options": { "type": "int8_hnsw" }',
        '"index_options": {}',
        "index-options-missing",
        "{}",
        "/mappings/properties/passages/properties/vector/index_options",
    ),
    # the mapping against the pipeline
    C(PIPELINE, "    body: text", "    bodies: text", "field-missing", "text\n    hidden", "/index/copy/bodies"),
    C(PIPELINE, "    title: title", "    title.exact: title", "field-type", "title.exact", "/index/copy/title.exact"),
    C(
        PIPELINE,
        "    title: title",
        "    passages.text: title",
        "field-type",
        "passages.text",
        "/index/copy/passages.text",
    ),
    C(
        PIPELINE,
        "    body: 1\n",
        "    content: 1\n",
        "field-missing",
        "1\n  filter",
        "/retrieval/lexical_fields/content",
    ),
    C(PIPELINE, "    body: 1\n", "    kind: 1\n", "field-type", "1\n  filter", "/retrieval/lexical_fields/kind"),
    C(PIPELINE, "    body: 1\n", "    hidden: 1\n", "field-type", "1\n  filter", "/retrieval/lexical_fields/hidden"),
    C(
        PIPELINE,
        "    body: 1\n",
        "    passages.text: 1\n",
        "field-type",
        "1\n  filter",
        "/retrieval/lexical_fields/passages.text",
    ),
    C(PIPELINE, "    body: text\n", "", "field-empty", "1\n  filter", "/retrieval/lexical_fields/body"),
    C(PIPELINE, "    - kind", "    - size", "field-type", "size\n  timeout", "/retrieval/filter_fields/0"),
    C(PIPELINE, "    - kind", "    - colour", "field-missing", "colour", "/retrieval/filter_fields/0"),
    C(PIPELINE, "index:\n", "index:\n  passages: parts\n", "field-missing", "parts", "/index/passages"),
    C(PIPELINE, "index:\n", "index:\n  passages: kind\n", "field-type", "kind\n  copy", "/index/passages"),
    C(
        PIPELINE,
        "index:\n",
        "index:\n  passage_vector: embedding\n",
        "field-missing",
        "embedding",
        "/index/passage_vector",
    ),
    C(
        MAPPING,
        '"text": { "type": "text" }',
        '"text": { "type": "keyword" }',
        "field-type",
        "index:",
        "/index/passage_text",
        PIPELINE,
    ),
    C(PIPELINE, "max_passages: 50", "max_passages: 10001", "too-many-passages", "10001", "/chunk/max_passages"),
    C(
        MAPPING,
        '"number_of_shards": 1',
        '"index": {"mapping.nested_objects.limit": "49"}',
        "too-many-passages",
        "50",
        "/chunk/max_passages",
        PIPELINE,
    ),
    # model and pipeline by themselves and against each other
    C(MODEL, "id: toy", "id: intfloat/e5-small-v2", "model-prefix", '""\n  passage', "/prefixes/query"),
    C(MODEL, "id: toy", "id: mirror/multilingual-E5-base", "model-prefix", '""\nruntime', "/prefixes/passage"),
    C(MODEL, 'prefixes:\n  query: ""\n  passage: ""\n', "", "", "", ""),
    C(MODEL, "normalize: true", "normalize: false", "", "", ""),
    C(MODEL, "  name: static", "  name: onnx", "", "", ""),
    C(MODEL, "pooling: mean", "pooling: cls", "static-pooling", "cls", "/pooling"),
    C(MODEL, "precision: fp32", "precision: bf16", "precision-runtime", "bf16", "/runtime/precision"),
    C(PIPELINE, "size: 64", "size: 127", "chunk-too-long", "127", "/chunk/size"),
    C(PIPELINE, "size: 64", "size: 126", "", "", ""),
    C(MODEL, '  passage: ""', '  passage: "' + "x" * 63 + '"', "chunk-too-long", "64", "/chunk/size", PIPELINE),
    C(PIPELINE, "overlap: 8", "overlap: 64", "overlap-too-large", "64\n  max", "/chunk/overlap"),
    C(PIPELINE, "max_k: 100\n", "max_k: 5\n", "k-above-max", "10\n  num", "/retrieval/k"),
    C(PIPELINE, "num_candidates: 50", "num_candidates: 9", "candidates-below-k", "9\n", "/retrieval/num_candidates"),
    C(PIPELINE, "rank_window: 60", "rank_window: 9", "rank-window-below-k", "9\n", "/retrieval/rank_window"),
    C(PIPELINE, "  currency: USD", "  currency: EUR", "currency-mismatch", "EUR", "/budget/currency"),
    # evaluation
    C(QUERIES, '{"_id": "q2", "text"', '{"_id": "q2", "txt"', "bad-query", '{"_id": "q2"', ""),
    C(QUERIES, '{"_id": "q2"', '["_id": "q2"', "bad-query", '["_id"', ""),
    C(QUERIES, "a spinning top", " ", "bad-query", '{"_id": "q2"', ""),
    C(QUERIES, '"q2"', '"q1"', "duplicate-query", '{"_id": "q1", "text": "a spin', "/_id"),
    C(QUERIES, TEXTS[QUERIES], "\n", "empty-file", "", ""),
    C(QUERIES, '{"kind": "toy"}', '{"size": "1"}', "unknown-filter", "{", "/filters"),
    C(QRELS, "q2\t", "q3\t", "unknown-query", "q3\t", ""),
    C(QRELS, "d3\t1", "d3\tgood", "bad-judgment", "q2\t", ""),
    C(QRELS, "d3\t1", "d3", "bad-judgment", "q2\t", ""),
    C(QRELS, "q1\td2", "q1\td1", "duplicate-judgment", "q1\td1\t0", ""),
    C(QRELS, "query-id\tcorpus-id\tscore\n", "", "bad-judgment", "q1\td1", ""),
    C(GATES, "min_queries: 2", "min_queries: 3", "too-few-queries", "3\n", "/verify/quality/min_queries"),
    C(GATES, "verify:\n", CANARY, "", "", ""),
    C(GATES, "verify:\n", CANARY.replace("0.4", "0.9"), "alpha-overspent", "errors", "/canary"),
    C(
        GATES,
        "verify:\n",
        CANARY.replace("margin: 2.0", "margin: 1.2"),
        "margin-below-tolerance",
        "1.2",
        "/canary/errors/margin",
    ),
    C(GATES, "verify:\n", CANARY.replace(", floor: 0.01", ""), "missing-key", "errors:", "/canary/errors"),
    C(GATES, "verify:\n", SLO, "", "", ""),
    C(GATES, "verify:\n", SLO.replace("250", "300"), "no-bound", "300", "/slo/latency/within_ms"),
    C(GATES, "verify:\n", SLO.replace("250", "0.5"), "no-bound", "0.5", "/slo/latency/within_ms"),
    C(GATES, "verify:\n", SLO.replace("250", "2.5"), "", "", ""),
    C(GATES, "verify:\n", SLO.replace("250", "0"), "out-of-range", "0, share", "/slo/latency/within_ms"),
    C(GATES, "verify:\n", SLO.replace("0.999", "99.9"), "out-of-range", "99.9", "/slo/availability"),
    C(GATES, "verify:\n", SLO.replace("0.999", "1.0"), "out-of-range", "1.0", "/slo/availability"),
    C(GATES, "verify:\n", SLO.replace("0.99}", "0.5}"), "out-of-range", "0.5", "/slo/latency/share"),
    C(GATES, "verify:\n", SLO.replace("within_ms", "within"), "unknown-key", "within", "/slo/latency/within"),
    # overrides
    C(OVERRIDES, "2026-07-01", "2026-06-14", "override-expired", "2026-06-14", "/overrides/0/expires"),
    C(OVERRIDES, "2026-07-01", "2026-06-15", "", "", ""),
    C(OVERRIDES, "2026-07-01", "2026-07-15", "", "", ""),
    C(OVERRIDES, "2026-07-01", "2026-07-16", "override-too-long", "2026-07-16", "/overrides/0/expires"),
    C(OVERRIDES, "2026-07-01", "2026-06-31", "bad-date", "2026-06-31", "/overrides/0/expires"),
    C(OVERRIDES, "2026-07-01", "next week", "bad-value", "next week", "/overrides/0/expires"),
    C(OVERRIDES, "    reason: the corpus doubled, see the ticket\n", "", "missing-key", "rule: cost", "/overrides/0"),
    C(OVERRIDES, "cost-above-budget", "cost-above-budgets", "override-unknown", "cost", "/overrides/0/rule"),
    C(OVERRIDES, "cost-above-budget", "frozen", "override-unknown", "frozen", "/overrides/0/rule"),
    C(OVERRIDES, "cost-above-budget", "quarantined", "override-unknown", "quarantined", "/overrides/0/rule"),
    C(OVERRIDES, "cost-above-budget", "unpinned", "", "", ""),
    # quarantine
    C(QUARANTINE, "2026-06-01", "2026-06-31", "bad-date", "2026-06-31", "/releases/0/since"),
    C(QUARANTINE, "2026-06-01", "2026-06-16", "quarantine-ahead", "2026-06-16", "/releases/0/since"),
    C(QUARANTINE, "2026-06-01", "2026-06-15", "", "", ""),
    C(QUARANTINE, "r-0123456789abcdef", "r-0123456789ABCDEF", "bad-value", "r-01", "/releases/0/release"),
    C(QUARANTINE, "    reason: half of the searches timed out\n", "", "missing-key", "release: r-", "/releases/0"),
    C(QUARANTINE, TEXTS[QUARANTINE], "# nothing\n", "empty-file", "", ""),
    # the lock
    C(
        LOCK,
        '"dims": 16',
        '"dims": 32',
        "stale-lock",
        "",
        "/mapping/mappings/properties/passages/properties/vector/dims",
    ),
    C(LOCK, '"alpha": 0.05', '"alpha": 0.06', "stale-lock", "", "/gates/verify/quality/alpha"),
    C(LOCK, "{\n", "<<<<<<< HEAD\n{\n", "stale-lock", "<<<<<<<", ""),
]


def _name(case: Case) -> str:
    return f"{case.file.rsplit('/', 1)[-1]} {case.new.strip()[:30]!r} {case.rule or 'accepted'}"


def _position(text: str, needle: str) -> tuple[int, int]:
    start = text.index(needle)
    return text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)


@pytest.mark.parametrize("case", CASES, ids=_name)
def test_a_spoiled_file_is_refused_in_its_place(case: Case) -> None:
    texts = locked(TEXTS)
    assert case.old in texts[case.file]
    texts[case.file] = texts[case.file].replace(case.old, case.new, 1)
    result = checked(texts)
    if not case.rule:
        assert result.release is not None
        return
    at = case.at or case.file
    matching = [
        f for f in result.findings if f.rule in case.rule.split("|") and f.file == at and f.pointer == case.pointer
    ]
    assert matching, result.findings
    finding = matching[0]
    if case.needle:
        line, column = _position(texts[at], case.needle)
        assert finding.line == line
        if not at.endswith(("jsonl", "tsv")) and not case.rule.endswith("-syntax"):
            assert finding.column == column
    assert finding.problem
    assert finding.remedy
    assert finding.problem.isprintable()
    if case.rule == "stale-lock":
        assert result.release is not None
    else:
        assert result.release is None


def test_there_are_more_than_sixty_of_them() -> None:
    assert len([case for case in CASES if case.rule]) > 60
    assert len(set(CASES)) == len(CASES)


@pytest.mark.parametrize("side", ["query", "passage"])
def test_a_prefix_for_a_model_that_was_trained_without_any_is_a_finding(side: str) -> None:
    model = TEXTS[MODEL].replace("id: toy", "id: sentence-transformers/all-MiniLM-L6-v2")
    assert not checked(locked(TEXTS | {MODEL: model})).findings
    spoiled = model.replace(f'  {side}: ""', f'  {side}: "search: "')
    (found,) = (each for each in checked(TEXTS | {MODEL: spoiled}).findings if each.rule == "model-prefix")
    assert (found.pointer, "trained with nothing" in found.problem) == (f"/prefixes/{side}", True)
