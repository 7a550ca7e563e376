"""Harm to what is searched and how: fields, analysis, the vector index, retrieval, limits of the service.

Left out, because nobody is measurably hurt on this collection: `num_candidates` 10 (ANN recall 0.991), `rank_constant`
1 and 1000, a German stemmer with German stop words (nDCG@10 +0.006, by words alone -0.003, both within chance).
"""

from __future__ import annotations

from drill.edits import ANALYSIS, FIELDS, MAPPING, PIPELINE, VECTOR, drop, put
from drill.mutation import Mutation

ANALYZERS = tuple(f"{FIELDS}/{field}/analyzer" for field in ("title", "body", "passages/properties/text"))
SYNONYMS = (
    "list, file, string, number, object, class, wait, open, call, run, read, write, time, thread, error, text, path, "
    "code, value, function, program, name, way, make, get, find, check, turn, use, line, data, set, key, type, "
    "several, two, another, over, folder, page, server, message, command, print, log, start, keep, number, after, start"
)

FILLED = [
    Mutation(
        name="fields-swapped",
        what="title filled from the text, body from the title",
        hurts="the boost for titles goes to whole texts, and who shows a title shows a whole text",
        edits=(put(PIPELINE, {"/index/copy/title": "text", "/index/copy/body": "title"}),),
        change="copy",
        caught="rehearsal",
        canary="the ranking is as good as before (nDCG@10 -0.000, +0.003 by words alone; recall@100 loses 0.012, which "
        "falls to the correction for four metrics and the slices), and no judgment of a ranking looks at what is shown",
    ),
    Mutation(
        name="body-not-copied",
        what="body no longer filled",
        hurts="word search finds nothing in texts",
        edits=(drop(PIPELINE, "/index/copy/body"),),
        change="refused",
        caught="validate: field-empty",
    ),
    Mutation(
        name="body-forgotten",
        what="body neither filled nor searched",
        hurts="word search knows titles only",
        edits=(drop(PIPELINE, "/index/copy/body", "/retrieval/lexical_fields/body"),),
        change="copy",
        caught="rehearsal",
    ),
    Mutation(
        name="filters-swapped",
        what="module filled from kind, kind from module",
        hurts="every search with a filter comes back empty",
        edits=(put(PIPELINE, {"/index/copy/module": "fields.kind", "/index/copy/kind": "fields.module"}),),
        change="copy",
        caught="rehearsal",
        canary="no query of the set has a filter; with traffic the share of searches without a result shows it at once",
    ),
    Mutation(
        name="filter-dropped",
        what="kind removed from filter_fields",
        hurts="callers that filter by it get an error",
        edits=(put(PIPELINE, {"/retrieval/filter_fields": ["module"]}),),
        change="query",
        caught="policy",
    ),
    Mutation(
        name="filter-unmapped",
        what="kind removed from the mapping",
        hurts="no document can be written, and callers that filter by it get an error",
        edits=(drop(MAPPING, f"{FIELDS}/kind"),),
        change="refused",
        caught="validate: field-missing",
    ),
    Mutation(
        name="filter-analysed",
        what="module changed from keyword to text",
        hurts="a filter by a module with a dot in its name matches others too, or none",
        edits=(put(MAPPING, {f"{FIELDS}/module": {"type": "text"}}),),
        change="refused",
        caught="validate: field-type",
    ),
    Mutation(
        name="dynamic-mapping",
        what="dynamic: true",
        hurts="one odd document adds fields to the live index, until it takes no more",
        edits=(put(MAPPING, {"/mappings/dynamic": True}),),
        change="refused",
        caught="validate: dynamic-mapping",
    ),
    Mutation(
        name="source-off",
        what="_source disabled",
        hurts="no vector can be taken over by the next index: everything is paid for again",
        edits=(put(MAPPING, {"/mappings/_source": {"enabled": False}}),),
        change="refused",
        caught="validate: source-disabled",
    ),
    Mutation(
        name="translog-async",
        what="translog written every few seconds only",
        hurts="a crash takes back writes that were acknowledged",
        edits=(put(MAPPING, {"/settings/translog.durability": "async"}),),
        change="refused",
        caught="validate: not-durable",
    ),
]

ANALYSED = [
    Mutation(
        name="analyzer-dropped",
        what="analyzer removed from all text fields",
        hurts="word search no longer finds other forms of a word, nor the parts of a dotted name",
        edits=(drop(MAPPING, *ANALYZERS),),
        change="copy",
        caught="rehearsal",
    ),
    Mutation(
        name="char-filter-dropped",
        what="the character filter that splits dotted names removed",
        hurts="word search finds asyncio.gather by its whole name only",
        edits=(drop(MAPPING, f"{ANALYSIS}/analyzer/english_names/char_filter"),),
        change="copy",
        caught="rehearsal",
    ),
    Mutation(
        name="search-analyzer-keyword",
        what="queries no longer cut into words (search_analyzer: keyword)",
        hurts="word search finds nothing for a query of two words",
        edits=(
            put(MAPPING, {f"{FIELDS}/title/search_analyzer": "keyword", f"{FIELDS}/body/search_analyzer": "keyword"}),
        ),
        change="copy",
        caught="rehearsal",
    ),
    Mutation(
        name="synonyms-wrong",
        what="synonyms at search time, all in one group: the line breaks of their file are lost",
        hurts="a query with one of these words is searched with all of them",
        edits=(
            put(
                MAPPING,
                {
                    f"{ANALYSIS}/filter/names": {"type": "synonym_graph", "synonyms": [SYNONYMS]},
                    f"{ANALYSIS}/analyzer/with_names": {
                        "type": "custom",
                        "char_filter": ["split_names"],
                        "tokenizer": "standard",
                        "filter": ["english_possessive", "lowercase", "names", "english_stop", "english_stemmer"],
                    },
                    f"{FIELDS}/title/search_analyzer": "with_names",
                    f"{FIELDS}/body/search_analyzer": "with_names",
                },
            ),
        ),
        change="copy",
        caught="rehearsal",
    ),
    Mutation(
        name="word-weights-off",
        what="similarity boolean for title and body",
        hurts="a rare word counts no more than a common one",
        edits=(put(MAPPING, {f"{FIELDS}/{field}/similarity": "boolean" for field in ("title", "body")}),),
        change="copy",
        caught="rehearsal",
    ),
]

VECTORS = [
    Mutation(
        name="graph-thin",
        what="HNSW graph with m 2 and ef_construction 2",
        hurts="vector search walks past near documents",
        edits=(put(MAPPING, {f"{VECTOR}/index_options": {"type": "hnsw", "m": 2, "ef_construction": 2}}),),
        change="copy",
        caught="rehearsal",
    ),
    Mutation(
        name="quantised-unrescored",
        what="vectors of one bit a dimension, not scored again",
        hurts="near documents are told apart by rounding",
        edits=(put(MAPPING, {f"{VECTOR}/index_options": {"type": "bbq_hnsw", "rescore_vector": {"oversample": 0}}}),),
        change="copy",
        caught="rehearsal",
    ),
    Mutation(
        name="candidates-one",
        what="num_candidates 1",
        hurts="vector search finds one passage",
        edits=(put(PIPELINE, {"/retrieval/num_candidates": 1}),),
        change="refused",
        caught="validate: candidates-below-k",
    ),
]

RETRIEVAL = [
    Mutation(
        name="mode-lexical",
        what="retrieval mode lexical",
        hurts="whoever describes what they need in other words finds nothing",
        edits=(put(PIPELINE, {"/retrieval/mode": "lexical"}),),
        change="query",
        caught="rehearsal",
    ),
    Mutation(
        name="title-only",
        what="body removed from lexical_fields",
        hurts="word search looks at titles only",
        edits=(drop(PIPELINE, "/retrieval/lexical_fields/body"),),
        change="query",
        caught="rehearsal",
    ),
    Mutation(
        name="title-boosted",
        what="boost of the title 2 to 200",
        hurts="one word in a title beats a whole text that answers the question",
        edits=(put(PIPELINE, {"/retrieval/lexical_fields/title": 200}),),
        change="query",
        caught="rehearsal",
    ),
    Mutation(
        name="window-narrow",
        what="rank_window 10",
        hurts="who asks for 50 results gets 20 at most, and what both searches place 11th is lost",
        edits=(put(PIPELINE, {"/retrieval/rank_window": 10}),),
        change="query",
        caught="rehearsal",
    ),
    Mutation(
        name="timeout-tiny",
        what="timeout_ms 1",
        hurts="most searches are answered without vectors, or not at all",
        edits=(put(PIPELINE, {"/retrieval/timeout_ms": 1}),),
        change="query",
        caught="policy",
    ),
]

LIMITS = [
    Mutation(
        name="queries-cut",
        what="max_query_chars 30",
        hurts="a query of more than a few words is refused",
        edits=(put(PIPELINE, {"/limits/max_query_chars": 30}),),
        change="operational",
        caught="policy",
    ),
    Mutation(
        name="documents-refused",
        what="max_document_bytes 300",
        hurts="every longer document vanishes as soon as it is written again",
        edits=(put(PIPELINE, {"/limits/max_document_bytes": 300}),),
        change="operational",
        caught="policy",
    ),
    Mutation(
        name="searches-one-at-a-time",
        what="max_concurrent_searches 1",
        hurts="under load most searches are turned away",
        edits=(put(PIPELINE, {"/limits/max_concurrent_searches": 1}),),
        change="operational",
        caught="policy",
    ),
]

HARMFUL = FILLED + ANALYSED + VECTORS + RETRIEVAL + LIMITS
