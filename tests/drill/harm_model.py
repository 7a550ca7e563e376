"""Harm to vectors: the model, how it is asked, and what text it gets."""

from __future__ import annotations

from drill.edits import MAPPING, MODEL, PIPELINE, VECTOR, put
from drill.mutation import Mutation

MODELS = [
    Mutation(
        name="query-prefix-wrong",
        what="another model's query prefix added",
        hurts="every query is embedded as a sentence that the model never learned to search with",
        edits=(put(MODEL, {"/prefixes/query": "Represent this sentence for searching relevant passages: "}),),
        change="refused",
        caught="validate: model-prefix",
    ),
    Mutation(
        name="passage-prefix-wrong",
        what="another model's passage prefix added",
        hurts="all passages move towards the prefix, and away from the queries",
        edits=(put(MODEL, {"/prefixes/passage": "Represent this document for retrieval by a question: "}),),
        change="refused",
        caught="validate: model-prefix",
    ),
    Mutation(
        name="prefix-of-known-model-missing",
        what="e5-small named as the model, without the prefixes that it needs",
        hurts="vectors look right and rank worse",
        edits=(put(MODEL, {"/id": "intfloat/e5-small-v2"}),),
        change="refused",
        caught="validate: model-prefix",
    ),
    Mutation(
        name="pooling-cls",
        what="the model exported again with cls pooling",
        hurts="the first token's vector, which was never trained to mean a text, answers for it",
        edits=(put(MODEL, {"/pooling": "cls"}),),
        change="embed",
        caught="rehearsal",
        variant="cls",
    ),
    Mutation(
        name="pooling-misdeclared",
        what="pooling: cls written for a model that pools the mean",
        hurts="whoever runs the model by what the release says gets other vectors than those in the index",
        edits=(put(MODEL, {"/pooling": "cls"}),),
        change="embed",
        caught="rehearsal",
    ),
    Mutation(
        name="normalize-off",
        what="the model exported again without normalisation, similarity max_inner_product",
        hurts="long vectors win over near ones",
        edits=(
            put(MODEL, {"/normalize": False, "/similarity": "max_inner_product"}),
            put(MAPPING, {f"{VECTOR}/similarity": "max_inner_product"}),
        ),
        change="embed",
        caught="rehearsal",
        variant="raw",
    ),
    Mutation(
        name="other-weights",
        what="a damaged checkpoint of the same dims",
        hurts="vectors of the right length that mean something else",
        edits=(),
        change="embed",
        caught="rehearsal",
        variant="damaged",
    ),
    Mutation(
        name="normalize-off-dot-product",
        what="normalisation off, similarity dot_product",
        hurts="the server refuses every document, or ranks by length",
        edits=(
            put(MODEL, {"/normalize": False, "/similarity": "dot_product"}),
            put(MAPPING, {f"{VECTOR}/similarity": "dot_product"}),
        ),
        change="refused",
        caught="validate: dot-product-needs-normalize",
    ),
    Mutation(
        name="precision-claimed",
        what="bf16 claimed for a runtime that computes in fp32",
        hurts="the release says of its vectors what they are not, and pods of another runtime disagree with the index",
        edits=(put(MODEL, {"/runtime/precision": "bf16"}),),
        change="refused",
        caught="validate: precision-runtime",
    ),
    Mutation(
        name="dims-wrong",
        what="dims 768 in model.yaml, 384 in the mapping",
        hurts="no document can be written",
        edits=(put(MODEL, {"/dims": 768}),),
        change="refused",
        caught="validate: dims-mismatch",
    ),
    Mutation(
        name="similarity-one-sided",
        what="similarity l2_norm in the mapping only",
        hurts="scores mean something else than whoever reads model.yaml believes",
        edits=(put(MAPPING, {f"{VECTOR}/similarity": "l2_norm"}),),
        change="refused",
        caught="validate: similarity-mismatch",
    ),
]

TEXTS = [
    Mutation(
        name="max-tokens-cut",
        what="max_tokens cut to 16, passages of 200 tokens",
        hurts="the model silently reads the first 16 tokens of each passage",
        edits=(put(MODEL, {"/max_tokens": 16}),),
        change="refused",
        caught="validate: chunk-too-long",
    ),
    Mutation(
        name="max-tokens-beyond-model",
        what="max_tokens 512 and passages of 400 tokens, for a model of 256",
        hurts="what lies beyond the model's own limit is silently not read",
        edits=(put(MODEL, {"/max_tokens": 512}), put(PIPELINE, {"/chunk/size": 400})),
        change="embed",
        caught="rehearsal",
    ),
    Mutation(
        name="text-truncated",
        what="one passage of 8 tokens a document, the rest left out",
        hurts="vector search knows only the first words of each text",
        edits=(put(PIPELINE, {"/chunk": {"size": 8, "overlap": 0, "max_passages": 1, "on_overflow": "truncate"}}),),
        change="embed",
        caught="rehearsal",
    ),
    Mutation(
        name="text-refused",
        what="one passage of 40 tokens a document, longer documents refused",
        hurts="most documents can't be found at all",
        edits=(put(PIPELINE, {"/chunk": {"size": 40, "overlap": 0, "max_passages": 1, "on_overflow": "refuse"}}),),
        change="embed",
        caught="rehearsal",
    ),
    Mutation(
        name="overlap-above-size",
        what="an overlap of 240 tokens in passages of 200",
        hurts="a backfill that never ends, or passages that repeat each other",
        edits=(put(PIPELINE, {"/chunk/overlap": 240}),),
        change="refused",
        caught="validate: overlap-too-large",
    ),
]

HARMFUL = MODELS + TEXTS
