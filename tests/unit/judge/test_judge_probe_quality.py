"""From answers to a verdict on quality, and from there into the judgment of a canary."""

import msgspec
import pytest

from support.fake_cluster import FakeMemory
from support.releases import make_release
from turnout.canary.judgment import Judgment, ProbeResult
from turnout.elastic.names import Names
from turnout.elastic.state import ProbeRecord
from turnout.evaluation import JudgedQuery, QuerySet
from turnout.judge.probe import Asked
from turnout.judge.quality import (
    depth,
    judge_quality,
    judged_queries,
    mean_quality,
    stored_probe,
    with_quality,
)

GATE = make_release().gates.verify.quality
COUNT = 40
IDS = [f"q{number}" for number in range(COUNT)]
SET = QuerySet(
    queries=tuple(JudgedQuery(id=query, text=query) for query in [*IDS, "unjudged", "nothing"]),
    qrels={**{query: {f"d-{query}": 1} for query in IDS}, "nothing": {"x": 0}},
)


def run(rank, queries=IDS):
    """The relevant document of each query at a rank that may depend on its number."""
    places = {query: rank(number) if callable(rank) else rank for number, query in enumerate(queries)}
    return {query: (*(f"z{n}" for n in range(place - 1)), f"d-{query}") for query, place in places.items()}


def asked(canary, stable, missing=()):
    return Asked((canary, stable), dict.fromkeys(missing, "release r-1 answers degraded (x)"), ("v", "w"))


def judgment(verdict, reason="traffic"):
    return Judgment(
        verdict=verdict, reason=reason, since=0.0, until=60.0, windows=2, needed_requests=5, needed_seconds=9.0
    )


def record(state, result=None, **more):
    return ProbeRecord(collection="toys", at="2026-01-01T00:00:00Z", release="r-2", stable="r-1", state=state,
                       result=result, **more)  # fmt: skip


def test_only_queries_with_a_relevant_document_are_asked():
    assert [query.id for query in judged_queries(SET)] == IDS
    assert depth(GATE) == 10


def test_equal_runs_pass_and_a_clear_loss_fails():
    same = judge_quality(asked(run(1), run(1)), SET, GATE)
    assert (same.result.verdict, same.result.loss, same.result.queries) == ("pass", 0.0, COUNT)
    assert same.canary == same.stable == {"ndcg@10": 1.0, "mrr@10": 1.0, "recall@10": 1.0}
    worse = judge_quality(asked(run(lambda n: 1 + n % 4), run(1)), SET, GATE).result
    assert worse.verdict == "fail"
    assert 0 < worse.loss_low <= worse.loss <= worse.loss_high
    assert worse.loss == pytest.approx(worse.stable - worse.canary)
    better = judge_quality(asked(run(1), run(lambda n: 1 + n % 4)), SET, GATE).result
    assert (better.verdict, better.loss < 0) == ("pass", True)


def test_missing_answers_never_count_as_a_loss():
    few, many = IDS[:2], IDS[:4]
    kept = judge_quality(asked(run(1, IDS[2:]), run(1, IDS[2:]), missing=few), SET, GATE).result
    assert (kept.verdict, kept.loss, kept.queries) == ("pass", 0.0, COUNT - 2)
    lost = judge_quality(asked(run(4, IDS[4:]), run(1, IDS[4:]), missing=many), SET, GATE).result
    assert lost.verdict == "inconclusive"
    assert lost.reason == "4 of 40 queries got no whole answer: release r-1 answers degraded (x)"


def test_too_few_judged_queries_are_inconclusive():
    gate = msgspec.structs.replace(GATE, min_queries=COUNT + 1)
    found = judge_quality(asked(run(5), run(1)), SET, gate).result
    assert (found.verdict, "too few" in found.reason) == ("inconclusive", True)


def test_a_metric_that_looks_deeper_than_the_gates_is_left_out():
    deep = msgspec.structs.replace(GATE, metric="recall@100")
    assert depth(deep) == 100
    assert set(mean_quality(asked(run(1), run(1)), SET, deep)) == {"ndcg@10", "mrr@10", "recall@10", "recall@100"}


@pytest.mark.parametrize("before", ["pass", "fail", "inconclusive"])
def test_a_loss_of_quality_fails_the_canary_whatever_traffic_says(before):
    lost = ProbeResult(verdict="fail", reason="ndcg@10 is worse")
    found = with_quality(judgment(before), record("done", lost))
    assert (found.verdict, found.quality, found.needed_requests) == ("fail", lost, None)
    assert found.reason.startswith("judged quality: ndcg@10 is worse")
    assert ("traffic" in found.reason) == (before == "fail")


@pytest.mark.parametrize(
    ("known", "said"),
    [
        (None, "the query set has not been asked yet"),
        (record("asking", asked=120, queries=225), "the query set is being asked: 120 of 225"),
        (record("asking", asked=1, queries=2, reason="x"), "the query set is being asked: 1 of 2, again, because x"),
    ],
)
def test_until_the_query_set_is_asked_there_is_no_pass(known, said):
    found = with_quality(judgment("pass"), known)
    assert (found.verdict, found.reason) == ("inconclusive", f"traffic; {said}")
    assert (found.quality.verdict, found.quality.reason) == ("inconclusive", said)
    for verdict in ("fail", "inconclusive"):
        assert (with_quality(judgment(verdict), known).verdict) == verdict


@pytest.mark.parametrize(
    ("known", "said"),
    [
        (record("impossible", reason="no qrels"), "judged quality can't be measured: no qrels"),
        (record("done", ProbeResult(verdict="inconclusive", reason="unclear")), "judged quality: unclear"),
        (record("done", ProbeResult(verdict="pass", reason="alike")), "judged quality: alike"),
    ],
)
def test_what_cannot_be_measured_is_said_and_holds_nothing_up(known, said):
    for verdict in ("pass", "fail", "inconclusive"):
        found = with_quality(judgment(verdict), known)
        assert (found.verdict, found.reason) == (verdict, f"traffic; {said}")


def test_a_trial_is_known_by_its_releases_and_by_the_canarys_pods():
    memory, names = FakeMemory(), Names(collection="toys", prefix="t-")
    kept = record("done", revision="abc")
    memory.put_state(names, kept)
    assert stored_probe(memory, names, "r-2", "r-1", revision="abc") == kept
    assert stored_probe(memory, names, "r-1", "r-2", revision="abc") is None
    assert stored_probe(memory, names, "r-2", "r-1", revision="abd") is None
