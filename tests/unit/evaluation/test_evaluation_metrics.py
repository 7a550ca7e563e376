"""Ranking metrics agree with trec_eval, the reference that everybody compares with."""

from __future__ import annotations

import math
import random

import pytest
import pytrec_eval

from turnout.evaluation.metrics import evaluate, judged, mrr, ndcg, recall

Scored = dict[str, dict[str, float]]


def random_case(seed: int) -> tuple[Scored, dict[str, dict[str, int]]]:
    """A scored run and judgments of 20 queries, with ties, unjudged documents and queries that found little."""
    rng = random.Random(seed)
    documents = [f"d{number}" for number in range(60)]
    run, qrels = {}, {}
    for query in (f"q{number}" for number in range(20)):
        found = rng.sample(documents, rng.choice([1, 3, 12, 60]))
        run[query] = {document: float(rng.randint(0, 8)) for document in found}
        qrels[query] = {document: rng.randint(0, 4) for document in rng.sample(documents, rng.randint(1, 25))}
        qrels[query][rng.choice(documents)] = 2
    return run, qrels


def ranked(scores: dict[str, float]) -> tuple[str, ...]:
    """The order in which trec_eval takes a run: by score, ties by id, both downwards."""
    return tuple(sorted(scores, key=lambda document: (scores[document], document), reverse=True))


@pytest.mark.parametrize("seed", range(15))
@pytest.mark.parametrize(
    ("metric", "reference"), [("ndcg@10", "ndcg_cut_10"), ("recall@10", "recall_10"), ("recall@100", "recall_100")]
)
def test_metrics_agree_with_trec_eval_on_every_query(seed: int, metric: str, reference: str) -> None:
    run, qrels = random_case(seed)
    expected = pytrec_eval.RelevanceEvaluator(qrels, {"ndcg_cut.10", "recall.10,100"}).evaluate(run)
    scores = evaluate({query: ranked(found) for query, found in run.items()}, qrels, metric)
    assert scores.by_query == pytest.approx({query: expected[query][reference] for query in qrels}, abs=1e-12)


@pytest.mark.parametrize("seed", range(15))
def test_reciprocal_rank_agrees_with_trec_eval_on_a_run_cut_at_ten(seed: int) -> None:
    run, qrels = random_case(seed)
    cut = {query: {document: found[document] for document in ranked(found)[:10]} for query, found in run.items()}
    expected = pytrec_eval.RelevanceEvaluator(qrels, {"recip_rank"}).evaluate(cut)
    scores = evaluate({query: ranked(found) for query, found in run.items()}, qrels, "mrr@10")
    assert scores.by_query == pytest.approx({query: expected[query]["recip_rank"] for query in qrels}, abs=1e-12)


def test_gain_is_linear_in_the_grade() -> None:
    grades = {"a": 3, "b": 1}
    assert ndcg(["b", "a"], grades, 10) == pytest.approx((1 + 3 / math.log2(3)) / (3 + 1 / math.log2(3)))


def test_a_document_graded_zero_or_below_is_not_relevant() -> None:
    grades = {"a": 0, "b": -2, "c": 1}
    assert mrr(["a", "b", "c"], grades, 10) == pytest.approx(1 / 3)
    assert recall(["a", "b"], grades, 10) == 0
    assert ndcg(["b", "a"], grades, 10) == 0


def test_a_query_that_the_run_lacks_scores_zero_and_counts() -> None:
    scores = evaluate({"q1": ("a",)}, {"q1": {"a": 1}, "q2": {"a": 1}}, "recall@10")
    assert scores.by_query == {"q1": 1.0, "q2": 0.0}
    assert scores.mean == 0.5


def test_a_query_without_relevant_documents_is_left_out_and_counted() -> None:
    scores = evaluate({"q1": ("a",), "q2": ("a",)}, {"q1": {"a": 1}, "q2": {"a": 0}}, "ndcg@10")
    assert list(scores.by_query) == ["q1"]
    assert scores.excluded == 1


def test_nothing_judged_has_no_mean() -> None:
    assert math.isnan(evaluate({}, {}, "ndcg@10").mean)


def test_a_ranking_that_names_a_document_twice_is_an_error() -> None:
    with pytest.raises(ValueError, match="twice"):
        evaluate({"q": ("a", "a")}, {"q": {"a": 1}}, "ndcg@10")


@pytest.mark.parametrize("metric", ["map@10", "ndcg", "ndcg@0", "ndcg@x", ""])
def test_an_unknown_metric_is_an_error(metric: str) -> None:
    with pytest.raises(ValueError, match="unknown metric"):
        evaluate({}, {}, metric)


def test_judged_is_the_share_of_shown_documents_that_has_a_judgment() -> None:
    qrels = {"q1": {"a": 1, "b": 0}, "q2": {"c": 1}}
    assert judged({"q1": ("a", "x", "b"), "q2": ("y",), "unjudged": ("z",)}, qrels, 2) == pytest.approx(1 / 3)
    assert math.isnan(judged({}, qrels, 10))
