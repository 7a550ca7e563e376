"""What users get when the model is slow or down: the service then answers by words alone.

The vectors of a hybrid ranking make up for a word search that finds nothing any more, so the comparison of what is
usually served doesn't show it. Called by `compare`.
"""

from __future__ import annotations

from turnout.evaluation import MetricChange, QuerySet, evaluate, run
from turnout.evaluation.changes import differences_of, metric_change
from turnout.evaluation.metrics import Scores
from turnout.rehearsal.sides import Built
from turnout.rehearsal.workshop import Workshop
from turnout.verify.quality import DEPTH


def fallback(shop: Workshop, base: Built, head: Built, queries: QuerySet) -> MetricChange | None:
    """The gate's metric on both sides by words alone; None where that is compared anyway, or too little is judged."""
    gate = head.release.gates.verify.quality
    if head.release.pipeline.retrieval.mode == "lexical":
        return None
    of_base, of_head = (_scores(shop, built, queries, gate.metric) for built in (base, head))
    if len(of_head.by_query) < max(1, gate.min_queries):
        return None
    return metric_change(gate.metric, differences_of(of_head, of_base), (of_base.mean, of_head.mean), gate=gate)


def _scores(shop: Workshop, built: Built, queries: QuerySet, metric: str) -> Scores:
    """A hybrid ranking asks the same by words if its window is `DEPTH`; a reader that remembers then asks nothing."""
    found = run(shop.reader, built.release, built.view, queries, built.model, k=DEPTH, mode="lexical")
    return evaluate(found, queries.qrels, metric)
