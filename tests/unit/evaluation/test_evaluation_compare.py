"""A comparison fails on a proved loss of any metric or slice, passes what is proved not worse, and waits otherwise."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from turnout.evaluation import Comparison, JudgedQuery, QuerySet, Run, compare
from turnout.release.artifacts import QualityGate, RehearsalGates, SliceGate

GATE = QualityGate(metric="ndcg@10", max_loss=0.02, alpha=0.05, min_queries=20)
GATES = RehearsalGates(min_judged=0.7, slices=SliceGate(max_loss=0.05, min_queries=10))
COUNT = 120
DOCUMENTS = ("good", "fair", "poor", "bad")
ALL = QuerySet(
    queries=tuple(JudgedQuery(id=f"q{n}", text=f"words {n}", slice=f"topic {n // 20}") for n in range(COUNT)),
    qrels={f"q{n}": {"good": 3, "fair": 1, "poor": 0, "bad": 0} for n in range(COUNT)},
)
GOOD, FAIR, BAD = ("good", "fair", "bad"), ("fair", "good", "bad"), ("poor", "bad")

rankings = st.lists(st.permutations(DOCUMENTS).map(lambda order: tuple(order[:3])), min_size=COUNT, max_size=COUNT)


def run_of(ranking: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    return {query.id: ranking for query in ALL.queries}


def compared(head: Run, base: Run | None, **changed: object) -> Comparison:
    return compare(head, base, ALL, msgspec.structs.replace(GATE, **changed), GATES)


def change_of(found: Comparison, metric: str):  # type: ignore[no-untyped-def]
    return next(change for change in found.metrics if change.metric == metric)


def test_identical_runs_pass() -> None:
    found = compared(run_of(FAIR), run_of(FAIR), max_loss=0.0)
    assert found.verdict == "pass"
    assert {change.gain for change in found.metrics} == {0.0}
    assert {change.verdict for change in found.slices} == {"pass"}
    assert (found.lost_most, found.gained_most, found.detectable_loss) == ((), (), None)


def test_a_better_run_passes() -> None:
    found = compared(run_of(GOOD), run_of(FAIR))
    assert found.verdict == "pass"
    assert change_of(found, "ndcg@10").gain > 0.1
    assert found.values["ndcg@10"] == pytest.approx(1.0)


def test_a_proved_loss_fails_and_says_which_metric_how_much_and_what_to_do() -> None:
    found = compared(run_of(GOOD) | {f"q{n}": FAIR for n in range(0, COUNT, 5)}, run_of(GOOD))
    assert found.verdict == "fail"
    assert "ndcg@10 goes from 1.000 to 0.9" in found.reason
    assert "90 % interval" in found.reason
    assert "look at the queries that lost most" in found.reason
    assert len(found.lost_most) == 5
    assert found.lost_most[0].text.startswith("words")


def test_another_metric_than_the_gates_fails_too() -> None:
    unknown = tuple(f"x{n}" for n in range(20))
    deep = run_of((*unknown, "good", "fair"))
    head = deep | {f"q{n}": unknown for n in range(30)}
    found = compared(head, deep)
    assert change_of(found, "ndcg@10").gain == 0.0
    assert found.verdict == "fail"
    assert found.reason.startswith("recall@100")


def test_a_metric_that_is_down_by_what_one_of_four_may_be_by_luck_fails_nothing() -> None:
    unknown = tuple(f"x{n}" for n in range(20))
    base = run_of((*GOOD, *unknown)) | {f"q{n}": (*unknown, "good", "fair") for n in range(0, 50, 10)}
    head = base | {f"q{n}": unknown for n in range(0, 50, 10)}
    for n in range(1, COUNT, 10):  # other metrics move evenly up and down, so that they are tested as well
        (head if n % 20 == 1 else base)[f"q{n}"] = ("bad", *GOOD[:2])
    found = compared(head, base, max_loss=0.2)
    deep = change_of(found, "recall@100")
    assert deep.p_harm <= GATE.alpha < deep.p_harm_holm
    assert found.verdict != "fail"


def test_a_slice_that_loses_fails_though_the_mean_gains() -> None:
    head = run_of(GOOD) | {f"q{n}": BAD for n in range(20)}
    base = run_of(BAD) | {f"q{n}": GOOD for n in range(20)}
    found = compared(head, base)
    assert change_of(found, "ndcg@10").gain > 0.5
    assert [change.slice for change in found.slices if change.verdict == "fail"] == ["topic 0"]
    assert found.verdict == "fail"
    assert "in the slice 'topic 0' ndcg@10 goes from 1.000 to 0.000" in found.reason


def test_slices_that_are_judged_leave_less_of_alpha_to_the_metrics() -> None:
    head = run_of(GOOD) | {f"q{n}": FAIR for n in range(0, 50, 10)}  # five of five are down: p = 1 / 32
    gate = msgspec.structs.replace(GATE, alpha=0.04, max_loss=0.5)
    without = msgspec.structs.replace(ALL, queries=tuple(msgspec.structs.replace(q, slice="") for q in ALL.queries))
    assert compare(head, run_of(GOOD), without, gate, GATES).verdict == "fail"
    assert compare(head, run_of(GOOD), ALL, gate, GATES).verdict == "pass"


def test_a_slice_of_too_few_queries_is_shown_and_not_judged() -> None:
    head = run_of(GOOD) | {f"q{n}": BAD for n in range(20)}
    base = run_of(BAD) | {f"q{n}": GOOD for n in range(20)}
    found = compare(head, base, ALL, GATE, msgspec.structs.replace(GATES, slices=SliceGate(min_queries=21)))
    assert {(change.verdict, change.p_harm_holm) for change in found.slices} == {(None, None)}
    assert found.verdict == "pass"


def test_a_slice_that_is_down_by_luck_fails_nothing() -> None:
    head, base = run_of(GOOD), run_of(FAIR)
    for n in range(20):  # eleven lose as much as nine gain
        head[f"q{n}"], base[f"q{n}"] = (BAD, GOOD) if n < 11 else (GOOD, BAD)
    found = compared(head, base)
    assert found.slices[0].gain < -GATES.slices.max_loss
    assert found.slices[0].verdict == "inconclusive"
    assert found.verdict == "pass"


def test_a_slice_may_lose_what_its_margin_allows() -> None:
    head = run_of(GOOD) | {f"q{n}": FAIR for n in range(20)}
    base = run_of(FAIR) | {f"q{n}": GOOD for n in range(20)}
    loose = msgspec.structs.replace(GATES, slices=SliceGate(max_loss=0.5))
    assert compare(head, base, ALL, GATE, loose).verdict == "pass"
    assert compare(head, base, ALL, GATE, GATES).verdict == "fail"


def test_a_loss_that_can_not_be_ruled_out_is_inconclusive() -> None:
    head, base = run_of(BAD), run_of(BAD)
    for n in range(24):
        (head if n % 2 else base)[f"q{n * 5}"] = GOOD
    found = compared(head, base)
    assert found.verdict == "inconclusive"
    assert "can't be ruled out: judge more queries" in found.reason
    assert found.detectable_loss == pytest.approx((1.78 + 0.84) * 0.449 / COUNT**0.5, rel=0.02)


@given(rankings, rankings, st.integers(0, 19))
@settings(max_examples=15, deadline=None)
def test_too_few_judgments_never_pass_whatever_the_runs_are(
    head: list[tuple[str, ...]], base: list[tuple[str, ...]], count: int
) -> None:
    few = msgspec.structs.replace(ALL, qrels={query: ALL.qrels[query] for query in list(ALL.qrels)[:count]})
    runs = [{f"q{n}": ranking for n, ranking in enumerate(side)} for side in (head, base)]
    for side in (runs[1], None):
        found = compare(runs[0], side, few, GATE, GATES)
        assert found.verdict == "inconclusive"
        assert (found.queries, found.excluded) == (count, COUNT - count)
        assert f"{count} judged queries are too few" in found.reason


def test_no_judgments_at_all_are_inconclusive_with_no_numbers() -> None:
    found = compare(run_of(GOOD), run_of(BAD), msgspec.structs.replace(ALL, qrels={}), GATE, GATES)
    assert found.verdict == "inconclusive"
    assert (found.metrics, found.slices, found.values, found.judged_at_10_head) == ((), (), {}, None)
    assert b"null" not in msgspec.json.encode(found.values)


def test_judgments_without_a_relevant_document_judge_nothing() -> None:
    worthless = msgspec.structs.replace(ALL, qrels={query: {"good": 0} for query in ALL.qrels})
    assert compare(
        run_of(GOOD), run_of(GOOD), worthless, msgspec.structs.replace(GATE, min_queries=0), GATES
    ).verdict == ("inconclusive")


def test_a_new_collection_passes_with_its_values_if_it_is_judged_well_enough() -> None:
    found = compared(run_of(GOOD), None)
    assert found.verdict == "pass"
    assert found.values["ndcg@10"] == pytest.approx(1.0)
    assert (found.metrics, found.slices, found.by_query, found.judged_at_10_base) == ((), (), {}, None)
    unknown = compared(run_of(("new", "newer", "good")), None)
    assert unknown.verdict == "inconclusive"
    assert "judge what the head finds" in unknown.reason


def test_a_head_of_unjudged_documents_is_never_passed() -> None:
    found = compared(run_of(("good", "fair", "new", "newer")), run_of(("good", "fair", "bad")))
    assert change_of(found, "ndcg@10").gain == 0.0
    assert found.verdict == "inconclusive"
    assert "50 % of its first ten documents are judged" in found.reason


def test_a_run_that_finds_nothing_is_no_pass() -> None:
    assert compared({}, None).verdict == "inconclusive"
    assert compared({}, run_of(GOOD)).verdict == "fail"


def test_sides_that_are_judged_unevenly_are_cautioned() -> None:
    even = compared(run_of(BAD), run_of(GOOD)).reason
    assert "judged@10" not in even
    lost = compared(run_of(("new", "good", "fair", "bad")), run_of(GOOD))
    assert lost.verdict == "fail"
    assert (
        "judged@10 is 1.00 for the base and 0.75 for the head, so the head may be better than it looks" in lost.reason
    )
    gained = compared(run_of(GOOD), run_of(("new", "good", "fair", "bad")))
    assert "so the base may be better than it looks" in gained.reason


@given(rankings, rankings)
@settings(max_examples=5, deadline=None)
def test_the_other_way_round_every_gain_is_a_loss_of_the_same_size(
    one: list[tuple[str, ...]], other: list[tuple[str, ...]]
) -> None:
    left, right = ({f"q{n}": ranking for n, ranking in enumerate(side)} for side in (one, other))
    forth, back = compared(left, right), compared(right, left)
    for there, here in zip(forth.metrics, back.metrics, strict=True):
        assert (there.head, there.base) == (here.base, here.head)
        assert there.gain == pytest.approx(-here.gain, abs=1e-12)
        assert there.p_two_sided == pytest.approx(here.p_two_sided)
        assert (there.gain_low, there.gain_high) == pytest.approx((-here.gain_high, -here.gain_low), abs=1e-9)
    assert forth.detectable_loss == pytest.approx(back.detectable_loss)
    assert [change.gain for change in forth.slices] == pytest.approx([-change.gain for change in back.slices])
    assert {query: (b, a) for query, (a, b) in forth.by_query.items()} == back.by_query


@given(rankings, rankings)
@settings(max_examples=5, deadline=None)
def test_a_fail_always_names_a_loss_and_a_pass_never_hides_one(
    one: list[tuple[str, ...]], other: list[tuple[str, ...]]
) -> None:
    head, base = ({f"q{n}": ranking for n, ranking in enumerate(side)} for side in (one, other))
    found = compared(head, base)
    decisive = change_of(found, "ndcg@10")
    if found.verdict == "pass":
        assert decisive.gate_low >= -GATE.max_loss
        assert not any(change.verdict == "fail" for change in found.slices)
    if found.verdict == "fail":
        assert any(change.gain < 0 for change in (*found.metrics, *found.slices))


def test_the_largest_alpha_that_gates_may_have_is_judged_too() -> None:
    head = run_of(GOOD) | {f"q{n}": FAIR for n in range(0, COUNT, 5)}
    assert compared(head, run_of(GOOD), alpha=0.5).verdict == "fail"
    assert compared(run_of(GOOD), head, alpha=0.5).verdict == "pass"


def test_the_same_runs_get_the_same_comparison() -> None:
    rng = np.random.default_rng(3)
    head = {f"q{n}": tuple(map(str, rng.permutation(DOCUMENTS))) for n in range(COUNT)}
    assert compared(head, run_of(FAIR)) == compared(head, run_of(FAIR))
