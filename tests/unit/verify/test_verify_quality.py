"""The quality gate passes what is proved not worse, fails what is proved worse, and waits otherwise."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from turnout.evaluation.metrics import Run
from turnout.evaluation.query_set import JudgedQuery, QuerySet
from turnout.release.artifacts import QualityGate
from turnout.verify.quality import quality

GATE = QualityGate(metric="ndcg@10", max_loss=0.02, alpha=0.05, min_queries=20)
COUNT = 100
ALL = QuerySet(
    queries=tuple(JudgedQuery(id=f"q{n}", text="secret words") for n in range(COUNT)),
    qrels={f"q{n}": {"good": 2, "fair": 1} for n in range(COUNT)},
)
GOOD, FAIR, BAD = ("good", "fair"), ("fair", "good"), ("other",)


def run_of(ranking: tuple[str, ...], count: int = COUNT) -> dict[str, tuple[str, ...]]:
    return {f"q{n}": ranking for n in range(count)}


def test_equal_runs_pass() -> None:
    check = quality(run_of(FAIR), run_of(FAIR), ALL, GATE)
    assert check.verdict == "pass"
    assert check.evidence["metrics"]["ndcg@10"]["gain"] == 0
    assert quality(run_of(FAIR), run_of(FAIR), ALL, msgspec.structs.replace(GATE, max_loss=0.0)).verdict == "pass"


def test_a_better_run_passes_with_its_gain_and_interval() -> None:
    candidate: Run = run_of(BAD) | {f"q{n}": GOOD for n in range(60)}
    found = quality(candidate, run_of(BAD), ALL, GATE).evidence["metrics"]["ndcg@10"]
    assert found["gain"] == pytest.approx(0.6)
    assert 0.4 < found["gain_low"] < found["gate_low"] < 0.6 < found["gate_high"] < found["gain_high"] < 0.8
    assert found["p_harm"] == 1.0


def test_a_run_that_is_worse_beyond_chance_fails() -> None:
    candidate: Run = run_of(GOOD) | {f"q{n}": BAD for n in range(15)}
    check = quality(candidate, run_of(GOOD), ALL, GATE)
    assert check.verdict == "fail"
    assert check.evidence["metrics"]["ndcg@10"]["p_harm"] <= 0.05
    assert "worse beyond chance" in check.reason


def test_a_proved_loss_fails_even_if_it_is_small() -> None:
    candidate: Run = run_of(GOOD) | {f"q{n}": FAIR for n in range(6)}
    check = quality(candidate, run_of(GOOD), ALL, msgspec.structs.replace(GATE, max_loss=0.5))
    assert check.evidence["metrics"]["ndcg@10"]["gain"] > -0.02
    assert check.verdict == "fail"


def test_a_loss_that_can_not_be_ruled_out_is_inconclusive_and_says_why() -> None:
    live, candidate = run_of(BAD), run_of(BAD)
    for n in range(20):  # large changes, as many up as down
        (live if n % 2 else candidate)[f"q{n}"] = GOOD
    check = quality(candidate, live, ALL, GATE)
    assert check.verdict == "inconclusive"
    assert "can't be ruled out" in check.reason


def test_too_few_judged_queries_are_inconclusive() -> None:
    few = QuerySet(queries=ALL.queries, qrels={f"q{n}": {"good": 1} for n in range(19)} | {"q20": {"good": 0}})
    check = quality(run_of(GOOD), run_of(BAD), few, GATE)
    assert check.verdict == "inconclusive"
    assert check.evidence["queries"] == 19
    assert check.evidence["queries_without_relevant_documents"] == 81


def test_the_first_release_has_no_baseline_and_passes_with_its_values() -> None:
    check = quality(run_of(GOOD), None, ALL, GATE)
    assert check.verdict == "pass"
    assert check.evidence["baseline"] == "none"
    assert check.evidence["metrics"]["ndcg@10"] == {"candidate": 1.0}


def test_queries_that_moved_most_are_named_by_id_only() -> None:
    candidate: Run = run_of(GOOD) | {"q7": BAD, "q3": FAIR}
    live: Run = run_of(GOOD) | {"q9": BAD}
    check = quality(candidate, live, ALL, GATE)
    assert check.evidence["lost_most"] == ["q7", "q3"]
    assert check.evidence["gained_most"] == ["q9"]
    assert check.evidence["by_query"]["q9"] == [0.0, 1.0]
    assert b"secret" not in msgspec.json.encode(check)


def test_the_share_of_judged_documents_is_reported_for_both() -> None:
    check = quality(run_of(("good", "x")), run_of(GOOD), ALL, GATE)
    assert check.evidence["judged@10"] == {"candidate": 0.5, "live": 1.0}


def test_the_same_runs_get_the_same_check() -> None:
    rng = np.random.default_rng(1)
    candidate = {f"q{n}": tuple(rng.permutation(["good", "fair", "x", "y"])) for n in range(COUNT)}
    assert quality(candidate, run_of(FAIR), ALL, GATE) == quality(candidate, run_of(FAIR), ALL, GATE)
