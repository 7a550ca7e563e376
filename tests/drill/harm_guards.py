"""Harm to what guards a collection: limits, prices, pins, gates, judgments."""

from __future__ import annotations

import json

from drill.edits import EVALUATION, GATES, MAPPING, MODEL, PIPELINE, QRELS, QUERIES, VECTOR, drop, put, remove, text
from drill.hosted import TO_HOSTED
from drill.mutation import Mutation
from support.workspace import COLLECTION

MONEY = [
    Mutation(
        name="rate-limit-removed",
        what="embed.rate_limit removed",
        hurts="a loop asks the provider without end, and the bill comes at the end of the month",
        edits=(drop(PIPELINE, "/embed/rate_limit"),),
        change="refused",
        caught="validate: missing-key",
        base="hosted",
    ),
    Mutation(
        name="rate-limit-thousandfold",
        what="rate limit of a hosted model raised 1,000 times",
        hurts="one bad hour costs a thousand times as much as before",
        edits=(put(PIPELINE, {"/embed/rate_limit": {"requests_per_minute": 60_000, "tokens_per_minute": 20_000_000}}),),
        change="operational",
        caught="policy",
        base="hosted",
    ),
    Mutation(
        name="own-rate-limit-for-hosted",
        what="hosted model taken, with the rate limit of the own machine",
        hurts="a limit that meant nothing on an own machine lets a provider bill 120 USD an hour",
        edits=TO_HOSTED,
        change="embed",
        caught="policy",
    ),
    Mutation(
        name="price-missing",
        what="price of a hosted model removed",
        hurts="nobody can say what a change will cost",
        edits=(drop(MODEL, "/price"),),
        change="refused",
        caught="validate: missing-key",
        base="hosted",
    ),
    Mutation(
        name="price-zero",
        what="price of a hosted model set to 0",
        hurts="every estimate and every budget says 0 while the provider bills",
        edits=(put(MODEL, {"/price/per_million_tokens": 0}),),
        change="operational",
        caught="policy",
        base="hosted",
    ),
    Mutation(
        name="budget-thousandfold",
        what="budget of a hosted model raised 1,000 times",
        hurts="the budget no longer stops a backfill that was a mistake",
        edits=(put(PIPELINE, {"/budget/per_month": 20_000, "/budget/per_backfill": 1000}),),
        change="operational",
        caught="policy",
        base="hosted",
    ),
]

PINS = [
    Mutation(
        name="revision-unpinned",
        what="model revision set to main",
        hurts="nobody can tell later which model it was, and the next export may be another one",
        edits=(put(MODEL, {"/revision": "main"}),),
        change="operational",
        caught="policy",
    ),
    Mutation(
        name="licence-not-allowed",
        what="model under a non-commercial licence",
        hurts="the service breaks the licence of its own model",
        edits=(put(MODEL, {"/license": "CC-BY-NC-4.0"}),),
        change="operational",
        caught="policy",
    ),
    Mutation(
        name="collection-deleted",
        what="all files of the collection deleted",
        hurts="the service loses its release, and the live index its followers",
        edits=(remove(f"pipelines/{COLLECTION}"), remove(f"schemas/{COLLECTION}")),
        change="deleted",
        caught="policy",
    ),
]


def _without(count: int) -> Mutation:
    def fewer(content: str) -> str:
        return "".join(content.splitlines(keepends=True)[count:])

    def judged(content: str) -> str:
        header, *lines = content.splitlines(keepends=True)
        gone = {f"q{number:03d}" for number in range(1, count + 1)}
        return header + "".join(line for line in lines if line.split("\t")[0] not in gone)

    return Mutation(
        name="judgments-removed",
        what=f"{count} queries and their judgments removed",
        hurts="the next change that loses exactly these queries passes",
        edits=(text(QUERIES, fewer), text(QRELS, judged)),
        change="operational",
        caught="policy",
    )


def _not_relevant(content: str) -> str:
    header, *lines = content.splitlines()
    return "\n".join([header, *(f"{line.rpartition(chr(9))[0]}\t0" for line in lines)]) + "\n"


def _merge_conflict(content: str) -> str:
    lines = content.splitlines()
    return "\n".join([*lines[:4], "<<<<<<< HEAD", lines[4], "=======", lines[4], ">>>>>>> main", *lines[5:]]) + "\n"


EVIDENCE = [
    Mutation(
        name="gates-weakened",
        what="gates weakened: ANN recall 0.95 to 0.10, allowed loss 0.02 to 0.50",
        hurts="from now on every bad change passes",
        edits=(put(GATES, {"/verify/ann_recall/min": 0.1, "/verify/quality/max_loss": 0.5}),),
        change="operational",
        caught="policy",
    ),
    Mutation(
        name="gate-bent-for-a-change",
        what="a thin HNSW graph, and the ANN recall gate lowered to 0.4 to let it pass",
        hurts="searches miss half of the near documents, and the gate that would say so is bent",
        edits=(
            put(GATES, {"/verify/ann_recall/min": 0.4}),
            put(MAPPING, {f"{VECTOR}/index_options": {"type": "hnsw", "m": 2, "ef_construction": 2}}),
        ),
        change="copy",
        caught="policy",
    ),
    Mutation(
        name="attestation-weakened",
        what="attestation's least cosine lowered from 0.9999 to 0.5",
        hurts="a pod with any other model answers from this index",
        edits=(put(GATES, {"/verify/attestation/min_cosine": 0.5}),),
        change="operational",
        caught="policy",
    ),
    _without(50),
    Mutation(
        name="judgments-emptied",
        what="every judgment set to not relevant",
        hurts="quality can't be told any more, so no loss is found",
        edits=(text(QRELS, _not_relevant),),
        change="operational",
        caught="rehearsal",
    ),
    Mutation(
        name="too-few-judgments",
        what="the judgments of all but nine queries removed",
        hurts="the gate asks for more queries than there are, so it can never pass again",
        edits=(
            text(QRELS, lambda old: "".join(x for x in old.splitlines(True) if x < "q010" or x.startswith("query"))),
        ),
        change="refused",
        caught="validate: too-few-queries",
    ),
    Mutation(
        name="query-set-emptied",
        what="queries.jsonl emptied",
        hurts="no change is measured any more",
        edits=(text(QUERIES, lambda old: ""),),
        change="refused",
        caught="validate: empty-file",
    ),
    Mutation(
        name="evaluation-removed",
        what="the folder with queries and judgments removed",
        hurts="no change is measured any more",
        edits=(remove(EVALUATION),),
        change="operational",
        caught="policy",
    ),
    Mutation(
        name="merge-conflict",
        what="model.yaml with conflict markers of a merge",
        hurts="the next deployment starts from a file that can't be read",
        edits=(text(MODEL, _merge_conflict),),
        change="refused",
        caught="validate: yaml-syntax",
    ),
    Mutation(
        name="key-twice",
        what="num_candidates written twice, the second time as 10",
        hurts="most YAML readers take the last one without a word, and searches miss documents",
        edits=(text(PIPELINE, lambda old: old.replace("  rank_window:", "  num_candidates: 10\n  rank_window:", 1)),),
        change="refused",
        caught="validate: duplicate-key",
    ),
    Mutation(
        name="filtered-query-without-filter",
        what="a query that filters by a field that callers may not filter by",
        hurts="the query set measures searches that no caller can make",
        edits=(
            text(
                QUERIES,
                lambda old: old + json.dumps({"_id": "q900", "text": "a list", "filters": {"title": "x"}}) + "\n",
            ),
        ),
        change="refused",
        caught="validate: unknown-filter",
    ),
]

HARMFUL = MONEY + PINS + EVIDENCE
