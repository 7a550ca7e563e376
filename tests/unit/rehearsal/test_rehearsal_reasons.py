"""What a rehearsal says is wrong: which of index, model quality, slice and check it is, and each only once."""

from __future__ import annotations

from typing import Any

import pytest

from support.releases import make_release
from turnout.evaluation import Comparison, MetricChange, SliceChange, Verdict
from turnout.rehearsal.reasons import of_checks, of_comparison, of_fallback, of_nothing, worst
from turnout.rehearsal.result import Reason, Recall
from turnout.verify import Check

GATES = make_release().gates


def recall(mean: float) -> Recall:
    return Recall(k=10, queries=50, mean=mean, least=0.0)


def comparison(verdict: Verdict, reason: str = "worse", **changes: Any) -> Comparison:
    empty: dict[str, Any] = {
        **dict.fromkeys(("metrics", "slices", "lost_most", "gained_most"), ()),
        **dict.fromkeys(("judged_at_10_base", "judged_at_10_head", "detectable_loss")),
        "by_query": {},
    }
    given = {**empty, "metric": "ndcg@10", "queries": 50, "excluded": 0, **changes}
    return Comparison(verdict=verdict, reason=reason, **given)


@pytest.mark.parametrize(
    ("base", "head", "part"),
    [
        (0.99, 0.99, "is not the cause"),
        (0.99, 0.985, "is not the cause"),
        (0.99, 0.95, "may have a part"),
        (0.80, 0.80, "may have a part"),  # below the gate
        (None, 0.99, "is not the cause"),
    ],
)
def test_a_loss_says_whether_the_index_may_have_a_part_in_it(base: float | None, head: float, part: str) -> None:
    (found,) = of_comparison(comparison("fail"), recall(base) if base else None, recall(head), GATES)
    assert (found.rule, found.verdict) == ("quality", "fail")
    assert part in found.what


def test_a_slice_that_lost_is_named_as_one() -> None:
    lost = SliceChange(
        **dict.fromkeys(("base", "head", "gain", "gain_low", "gain_high", "p_harm"), 0.0),
        slice="errors",
        queries=20,
        verdict="fail",
    )
    failed = comparison("fail", "in the slice 'errors' it goes down", slices=(lost,))
    (found,) = of_comparison(failed, None, recall(0.99), GATES)
    assert found.rule == "slice"


def test_quality_is_judged_once_and_by_the_comparison_if_there_is_one() -> None:
    checks = (
        Check(name="ann_recall", verdict="fail", reason="r"),
        Check(name="quality", verdict="fail", reason="r"),
        Check(name="parity", verdict="pass", reason="r"),
    )
    assert [reason.rule for reason in of_checks(checks, comparison("fail"))] == ["ann-recall"]
    assert [reason.rule for reason in of_checks(checks, comparison("pass"))] == ["ann-recall"]
    assert [reason.rule for reason in of_checks(checks, None)] == ["ann-recall", "quality"]


def test_a_failure_weighs_more_than_a_doubt_and_a_doubt_is_no_pass() -> None:
    def reason(verdict: Verdict) -> Reason:
        return Reason(rule="r", verdict=verdict, what="w", remedy="")

    assert worst([]) == "pass"
    assert worst([reason("inconclusive")]) == "inconclusive"
    assert worst([reason("inconclusive"), reason("fail")]) == "fail"


def test_a_rehearsal_that_compared_nothing_and_found_nothing_has_not_passed() -> None:
    (found,) = of_nothing(None, [])
    assert found.verdict == "inconclusive"
    assert not list(of_nothing(comparison("pass"), []))
    assert not list(of_nothing(None, [found]))


@pytest.mark.parametrize(("high", "rules"), [(-0.3, ["fallback"]), (-0.021, ["fallback"]), (-0.02, []), (0.1, [])])
def test_word_search_alone_must_not_surely_lose_more_than_the_gate_allows(high: float, rules: list[str]) -> None:
    assert GATES.verify.quality.max_loss == 0.02
    others = dict.fromkeys(("gain", "gain_low", "gain_high", "gate_low", "p_harm", "p_harm_holm", "p_two_sided"), 0.0)
    change = MetricChange(metric="ndcg@10", base=0.3, head=0.0, gate_high=high, **others)
    found = list(of_fallback(change, GATES))
    assert [reason.rule for reason in found] == rules
    assert all(reason.verdict == "fail" and "0.300 to 0.000" in reason.what for reason in found)
    assert list(of_fallback(None, GATES)) == []
