"""Ranking metrics per query, held in tests against trec_eval (pytrec_eval).

nDCG has linear gain and a log2(rank + 1) discount, as trec_eval's `ndcg_cut` has it (Järvelin and Kekäläinen, TOIS
2002): the gain of a document is its grade, not 2^grade - 1. A document counts as relevant from grade 1 on. A document
without a judgment counts as not relevant; `judged` says how much of a ranking that is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import msgspec

from turnout.evaluation.query_set import Qrels

Ranking = Sequence[str]
Grades = Mapping[str, int]
Run = Mapping[str, tuple[str, ...]]
"""Query id -> ids of documents, best first."""

METRICS = ("ndcg@10", "mrr@10", "recall@10", "recall@100")


class Scores(msgspec.Struct, frozen=True, kw_only=True):
    """One metric's value per query, in the order of the judgments.

    A query without a relevant judged document is left out, because any ranking of it scores 0; `excluded` counts them.
    """

    metric: str
    by_query: dict[str, float]
    excluded: int

    @property
    def mean(self) -> float:
        """The mean over queries; NaN without any."""
        return math.fsum(self.by_query.values()) / len(self.by_query) if self.by_query else math.nan


def ndcg(ranking: Ranking, grades: Grades, k: int) -> float:
    """Normalised discounted cumulative gain of the first `k`; the ideal ranking is made of all judged documents."""
    ideal = sorted((grade for grade in grades.values() if grade > 0), reverse=True)[:k]
    return _dcg([max(grades.get(document, 0), 0) for document in ranking[:k]]) / _dcg(ideal)


def mrr(ranking: Ranking, grades: Grades, k: int) -> float:
    """One over the rank of the first relevant document, 0 if none is among the first `k`."""
    for rank, document in enumerate(ranking[:k], 1):
        if grades.get(document, 0) > 0:
            return 1.0 / rank
    return 0.0


def recall(ranking: Ranking, grades: Grades, k: int) -> float:
    """The share of all relevant documents that is among the first `k`."""
    relevant = sum(grade > 0 for grade in grades.values())
    return sum(grades.get(document, 0) > 0 for document in ranking[:k]) / relevant


def judged(run: Run, qrels: Qrels, k: int) -> float:
    """The share of the documents among the first `k` of all judged queries that has a judgment; NaN if none was found.

    A low or very different share of two runs means that the judgments say little about one of them.
    """
    seen = [document in qrels[query] for query in qrels for document in run.get(query, ())[:k]]
    return sum(seen) / len(seen) if seen else math.nan


def evaluate(run: Run, qrels: Qrels, metric: str) -> Scores:
    """`metric` (a name like `ndcg@10`) of each query that has a relevant judged document.

    A query that the run lacks scores 0: an answer that never came is a bad answer.

    Raises:
        ValueError: an unknown metric, or a ranking that names a document twice.
    """
    measure, k = _measure(metric), depth_of(metric)
    by_query: dict[str, float] = {}
    for query, grades in qrels.items():
        if not has_relevant(grades):
            continue
        ranking = run.get(query, ())
        if len(set(ranking)) != len(ranking):
            raise ValueError(f"the ranking of query {query!r} names a document twice")
        by_query[query] = measure(ranking, grades, k)
    return Scores(metric=metric, by_query=by_query, excluded=len(qrels) - len(by_query))


_MEASURES: dict[str, Callable[[Ranking, Grades, int], float]] = {"ndcg": ndcg, "mrr": mrr, "recall": recall}


def has_relevant(grades: Grades) -> bool:
    """Whether a query can be judged by: without a relevant document every ranking of it is as good as any other."""
    return any(grade > 0 for grade in grades.values())


def depth_of(metric: str) -> int:
    """How many documents a metric looks at: 10 for `ndcg@10`.

    Raises:
        ValueError: an unknown metric.
    """
    _measure(metric)
    return int(metric.partition("@")[2])


def _measure(metric: str) -> Callable[[Ranking, Grades, int], float]:
    name, _, deep = metric.partition("@")
    if name not in _MEASURES or not deep.isdecimal() or int(deep) < 1:
        raise ValueError(f"unknown metric {metric!r}; known are {', '.join(METRICS)}")
    return _MEASURES[name]


def _dcg(gains: Sequence[int]) -> float:
    return math.fsum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, 1))
