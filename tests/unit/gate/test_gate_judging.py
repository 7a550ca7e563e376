"""How the gate judges a collection: real Git, validation and planning; the steps that need a server are small fakes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from support.artifact_files import LOCK, MODEL, OVERRIDES, PIPELINE, QRELS, QUERIES
from support.checked_repository import Repository
from turnout.cli.artifacts import check_collection
from turnout.cost.result import Cost, Side, Sizes, WorstHour
from turnout.errors import EnvironmentProblem, Refused, Unavailable
from turnout.evaluation.comparison import Comparison, MetricChange
from turnout.gate.check import check
from turnout.gate.places import FILES, place_of
from turnout.gate.result import CheckReport, CollectionReport, GateFinding
from turnout.gate.scope import find_scope
from turnout.gate.steps import Costed, Event, Steps
from turnout.plan import Refusal, assumed, make_plan
from turnout.plan.sizes import replicas, vector_size
from turnout.rehearsal import result as rehearsal_result
from turnout.rehearsal.result import Reason, Rehearsal, SampleUse
from turnout.release.artifacts import Deletion, Policy, Release
from turnout.release.checking import Checked
from turnout.release.overridable import OVERRIDABLE, REHEARSAL

RAISED = {"tokens_per_minute: 1000000": "tokens_per_minute: 2000000"}
HARMLESS = {"rank_constant: 61": "rank_constant: 50"}


def rehearsal(**changes: Any) -> Rehearsal:
    empty = dict.fromkeys(("base", "head", "comparison", "latency", "spaces"))
    parts: dict[str, Any] = {
        **empty,
        **dict.fromkeys(("upgrade", "confirmation", "checks", "base_scores", "head_scores", "reasons"), ()),
        "server": "none",
        "sample": SampleUse(digest="sha256:0", listed=10, used=10, changed=0, missing=0),
        "seconds": {},
        "verdict": "pass",
    }
    return Rehearsal(**(parts | changes))


def built(head: Release, *, passages: int, vector_disk_bytes: int) -> rehearsal_result.Side:
    return rehearsal_result.Side(
        release_id=head.id,
        view="v",
        documents=passages,
        passages=passages,
        disk_bytes=None,
        vector_disk_bytes=vector_disk_bytes,
        recall=None,
        stage_seconds={},
    )


def reason(rule: str, verdict: Any) -> Reason:
    return Reason(rule=rule, verdict=verdict, what="it lost", remedy="mend it")


def comparison(low: float, judged: float) -> Comparison:
    """The gate's metric is unchanged with an interval that begins at `low`."""
    numbers = dict.fromkeys(("base", "head", "gain", "gain_high", "gate_high"), 0.0)
    tests = dict.fromkeys(("p_harm", "p_harm_holm", "p_two_sided"), 1.0)
    metric = MetricChange(metric="ndcg@10", gain_low=low, gate_low=low, **numbers, **tests)
    return Comparison(
        metric="ndcg@10",
        verdict="fail",
        reason="a slice",
        queries=50,
        excluded=0,
        metrics=(metric,),
        slices=(),
        judged_at_10_base=judged,
        judged_at_10_head=judged,
        detectable_loss=None,
        by_query={},
        lost_most=(),
        gained_most=(),
    )


def cost(head: Release) -> Cost:
    hour = WorstHour(tokens=0, requests=0, money=0)
    return Cost(
        currency="USD",
        price_per_million_tokens=0,
        repetitions=1,
        seed=1,
        base=None,
        head=Side(release_id=head.id, month=None, worst_hour=hour),
        backfill=None,
        sizes=Sizes(**dict.fromkeys(Sizes.__struct_fields__)),
        assumptions=(),
    )


class Gate:
    """A repository, and steps of which single ones can be made to behave otherwise."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self.events: list[Event] = []
        self.crashes: list[Exception] = []
        self.rehearsed = 0
        self.steps = Steps(
            validate=lambda name: check_collection(repository.root, name),
            plan=lambda base, head, names: make_plan(base, head, assumed(base), overrides=names),
            cost=lambda base, head, plan, names: Costed(cost(head)),
            rehearse=self._rehearse,
            listen=self.events.append,
            crashed=self.crashes.append,
            policy=Policy(),
        )

    def _rehearse(self, base: Release | None, head: Release) -> Rehearsal:
        self.rehearsed += 1
        return rehearsal()

    def check(self, *names: str, **changes: Any) -> CheckReport:
        scope = find_scope(self.repository.root, "main")
        subjects = [scope.subject(name) for name in names] or [each for each in scope.subjects if each.touched]
        return check(scope, subjects, self.repository.root, replace(self.steps, **changes))

    def one(self, *names: str, **changes: Any) -> CollectionReport:
        (only,) = self.check(*names, **changes).collections
        return only


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(Repository(tmp_path))


def found(report: CollectionReport | CheckReport) -> dict[str, str]:
    """Rule -> verdict."""
    return {each.rule: each.verdict for each in report.findings}


def finding(report: CollectionReport, rule: str) -> GateFinding:
    (only,) = (each for each in report.findings if each.rule == rule)
    return only


def failing(error: Exception) -> Callable[..., Any]:
    def step(*_: object) -> Any:
        raise error

    return step


def override(rule: str) -> str:
    day = (datetime.now(UTC) + timedelta(days=10)).date().isoformat()
    entry = {"rule": rule, "reason": "agreed on", "expires": day}
    return json.dumps({"apiVersion": "turnout/v1", "kind": "Overrides", "overrides": [entry]})


def test_nothing_touched_is_a_pass_with_no_collections(gate: Gate) -> None:
    report = gate.check()
    assert (report.verdict, report.collections, report.findings) == ("pass", (), ())


def test_a_harmless_change_goes_through_all_steps_and_passes(gate: Gate) -> None:
    gate.repository.change(PIPELINE, HARMLESS)
    report = gate.check()
    (only,) = report.collections
    assert (report.verdict, only.verdict, only.change, only.findings) == ("pass", "pass", "query", ())
    assert only.plan is not None
    assert only.rehearsal == rehearsal()
    assert list(only.seconds) == ["validate", "plan", "cost", "rehearsal"]
    assert report.head.endswith(" + working tree")
    assert len(gate.events) == 8


def test_sizes_on_disk_are_scaled_by_what_the_rehearsal_s_view_took(gate: Gate) -> None:
    gate.repository.change(PIPELINE, HARMLESS)
    computed: list[int] = []

    def costed(base: Any, head: Release, *_: Any) -> Costed:
        computed.append(vector_size(head, 100).disk_bytes)
        sizes = Sizes(**(dict.fromkeys(Sizes.__struct_fields__) | {"head_disk_bytes": 1000, "head_ram_bytes": 7}))
        return Costed(msgspec.structs.replace(cost(head), sizes=sizes))

    def rehearse(base: Any, head: Release) -> Rehearsal:
        return rehearsal(head=built(head, passages=100, vector_disk_bytes=3 * computed[-1] // (1 + replicas(head))))

    report = gate.one(cost=costed, rehearse=rehearse)
    assert report.cost is not None
    assert report.cost.sizes.calibration == pytest.approx(3.0)
    assert (report.cost.sizes.head_disk_bytes, report.cost.sizes.head_ram_bytes) == (3000, 7)


def test_a_finding_of_validation_stops_before_the_plan_and_has_its_place(gate: Gate) -> None:
    gate.repository.change(PIPELINE, {"overlap: 8": "overlap: 80"}, lock=False)
    only = gate.one()
    assert (only.verdict, only.change, only.plan, gate.rehearsed) == ("fail", "broken", None, 0)
    assert finding(only, "overlap-too-large").where.startswith(f"{PIPELINE}:12:")


def test_a_refusal_stops_before_the_rehearsal_and_a_note_says_so(gate: Gate) -> None:
    gate.repository.change(PIPELINE, RAISED)
    only = gate.one()
    assert (only.verdict, gate.rehearsed) == ("fail", 0)
    assert (found(only)["rate-limit-raised"], finding(only, "rate-limit-raised").step) == ("fail", "policy")
    assert found(only)["not-rehearsed"] == "pass"
    assert only.cost is not None


def test_a_refusal_lies_in_the_file_that_its_remedy_edits(gate: Gate) -> None:
    gate.repository.change(PIPELINE, RAISED)
    assert finding(gate.one(), "rate-limit-raised").where == PIPELINE
    assert place_of("frozen", "toys") == LOCK
    assert set(FILES) == OVERRIDABLE - REHEARSAL


def test_an_override_lifts_its_rule_and_an_owner_sees_that_the_change_brought_it(gate: Gate) -> None:
    gate.repository.change(PIPELINE, RAISED | {"per_month: 10": "per_month: 100"})
    gate.repository.to_base()
    gate.repository.change(PIPELINE, {"tokens_per_minute: 2000000": "tokens_per_minute: 3000000"})
    gate.repository.write({OVERRIDES: override("rate-limit-raised")})
    only = gate.one()
    assert (only.verdict, gate.rehearsed) == ("pass", 1), only.findings
    assert finding(only, "rate-limit-raised").lifted_by.startswith("agreed on (until ")
    assert found(only)["override-added"] == "pass"


def test_an_override_that_the_base_has_already_is_not_told_again_but_must_be_used(gate: Gate) -> None:
    gate.repository.write({OVERRIDES: override("rate-limit-raised")})
    gate.repository.to_base()
    gate.repository.change(PIPELINE, HARMLESS)
    assert found(gate.one()) == {"override-unused": "fail", "not-rehearsed": "pass"}


@pytest.mark.parametrize(("rule", "verdict"), [("replaces-adopted", "pass"), ("latency", "fail")])
def test_an_override_is_unused_only_where_its_rule_could_be_seen(gate: Gate, rule: str, verdict: str) -> None:
    gate.repository.change(PIPELINE, HARMLESS)
    gate.repository.write({OVERRIDES: override(rule)})
    only = gate.one()
    assert only.verdict == verdict
    assert gate.rehearsed == 1


def test_what_the_cost_step_refuses_stops_the_change(gate: Gate) -> None:
    gate.repository.change(PIPELINE, HARMLESS)
    refusal = Refusal(rule="month-above-budget", what="it costs too much", remedy="spend less")
    only = gate.one(cost=lambda base, head, plan, names: Costed(cost(head), (refusal,)))
    assert (finding(only, "month-above-budget").step, only.verdict, gate.rehearsed) == ("cost", "fail", 0)


def test_a_rehearsal_that_does_not_pass_gives_its_reasons(gate: Gate) -> None:
    gate.repository.change(PIPELINE, HARMLESS)
    lost, unsure = reason("quality", "fail"), reason("latency", "inconclusive")
    only = gate.one(rehearse=lambda base, head: rehearsal(verdict="fail", found=(lost, unsure)))
    assert (only.verdict, found(only)) == ("fail", {"quality": "fail", "latency": "inconclusive"})
    assert finding(only, "quality").remedy == "mend it"


def test_a_rehearsal_without_a_reason_is_still_not_a_pass(gate: Gate) -> None:
    gate.repository.change(PIPELINE, HARMLESS)
    assert gate.one(rehearse=lambda base, head: rehearsal(verdict="fail")).verdict == "inconclusive"


@pytest.mark.parametrize(
    ("rule", "verdict", "ends"),
    [("latency", "fail", "pass"), ("latency", "inconclusive", "inconclusive"), ("quality", "fail", "fail")],
)
def test_an_override_lifts_what_failed_in_the_rehearsal_and_never_a_lack_of_evidence(
    gate: Gate, rule: str, verdict: Any, ends: str
) -> None:
    gate.repository.change(PIPELINE, HARMLESS)
    gate.repository.write({OVERRIDES: override("latency")})
    only = gate.one(rehearse=lambda base, head: rehearsal(verdict=verdict, found=(reason(rule, verdict),)))
    assert only.verdict == ends


@pytest.mark.parametrize(
    ("low", "judged", "ends"), [(-0.01, 0.9, "pass"), (-0.05, 0.9, "inconclusive"), (-0.01, 0.2, "inconclusive")]
)
def test_an_override_of_a_slice_does_not_lift_what_the_slice_stood_before(
    gate: Gate, low: float, judged: float, ends: str
) -> None:
    gate.repository.change(PIPELINE, HARMLESS)
    gate.repository.write({OVERRIDES: override("slice")})
    failed = {"verdict": "fail", "found": (reason("slice", "fail"),), "comparison": comparison(low, judged)}
    assert gate.one(rehearse=lambda base, head: rehearsal(**failed)).verdict == ends


@pytest.mark.parametrize("step", ["plan", "cost", "rehearse"])
@pytest.mark.parametrize(
    ("error", "verdict", "of"),
    [
        (Unavailable("it went away", where="http://x"), "inconclusive", "environment"),
        (EnvironmentProblem("no model", remedy="prepare it"), "inconclusive", "environment"),
        (Refused("no"), "fail", None),
        (ValueError("a secret text"), "inconclusive", "environment"),
    ],
)
def test_a_step_that_ends_in_an_error_is_a_finding_and_what_was_found_before_is_kept(
    gate: Gate, step: str, error: Exception, verdict: str, of: str | None
) -> None:
    gate.repository.change(PIPELINE, HARMLESS)
    only = gate.one(**{step: failing(error)})
    assert (only.verdict, only.head_id is not None) == (verdict, True)
    stopping = next(each for each in only.findings if each.verdict != "pass")
    assert stopping.step == (of or {"rehearse": "rehearsal"}.get(step, step))
    assert "secret" not in msgspec.json.encode(only).decode()
    assert len(gate.crashes) == (1 if isinstance(error, ValueError) else 0)
    assert (only.plan is None) == (step == "plan")


def test_what_the_base_s_files_or_a_rehearsal_hide_between_the_steps_is_a_finding_too(gate: Gate) -> None:
    no_file = gate.repository.root / QUARANTINE
    no_file.unlink()
    no_file.mkdir()
    (no_file / "x").write_text("")
    gate.repository.to_base()
    shutil.rmtree(no_file)
    gate.repository.change(PIPELINE, HARMLESS)
    assert found(gate.one()) == {"policy-refused": "fail"}
    gate.repository.to_base()
    gate.repository.change(PIPELINE, {"rank_constant: 50": "rank_constant: 51"})
    broken: Any = "no rehearsal"
    report = gate.one(rehearse=lambda base, head: broken)
    assert (report.verdict, found(report)) == ("inconclusive", {"policy-crashed": "inconclusive"})
    assert [type(each) for each in gate.crashes] == [AttributeError]


def test_a_collection_of_which_nothing_was_found_out_does_not_pass(gate: Gate) -> None:
    gate.repository.change(PIPELINE, HARMLESS)
    assert found(gate.one(validate=lambda name: Checked(release=None, findings=()))) == {"not-judged": "inconclusive"}


def test_an_interrupt_is_not_swallowed(gate: Gate) -> None:
    gate.repository.change(PIPELINE, HARMLESS)
    with pytest.raises(KeyboardInterrupt):
        gate.one(rehearse=failing(KeyboardInterrupt()))  # type: ignore[arg-type]


def test_a_file_that_says_the_same_in_other_words_needs_no_rehearsal(gate: Gate) -> None:
    gate.repository.change(PIPELINE, {"rank_constant: 61": "rank_constant: 61  # as before"})
    only = gate.one()
    assert (only.verdict, only.change, gate.rehearsed) == ("pass", "none", 0)
    assert found(only) == {"same-release": "pass"}


def test_a_deleted_collection_is_refused_and_its_data_is_named(gate: Gate) -> None:
    base = json.loads((gate.repository.root / LOCK).read_text())["id"]
    gate.repository.delete()
    only = gate.one()
    assert (only.verdict, only.change, only.base_id, only.head_id) == ("fail", "deleted", base, None)
    told = finding(only, "collection-deleted").what
    assert all(name in told for name in ("toys.documents", "toys.view.*", base))


def test_policy_can_permit_a_deletion_by_name(gate: Gate) -> None:
    gate.repository.delete()
    for name, verdict in (("other", "fail"), ("toys2", "fail"), ("toys", "pass")):
        deletion = Deletion(collection=name, reason="nobody reads it", expires="2099-01-01")
        only = gate.one(policy=Policy(deletions=[deletion]))
        assert only.verdict == verdict
    assert "nobody reads it" in finding(only, "collection-deleted").lifted_by


def test_a_rename_is_a_deletion_and_a_new_collection_that_carries_nothing_over(gate: Gate) -> None:
    gate.repository.move("games")
    gate.repository.commit()
    games, toys = gate.check().collections
    assert found(toys) == {"collection-deleted": "fail", "collection-renamed": "pass"}
    assert "nothing is carried over" in finding(games, "collection-renamed").what
    assert games.verdict == "fail"  # its release.json is still that of toys


def test_a_collection_that_the_base_lacks_is_new(gate: Gate) -> None:
    gate.repository.delete()
    gate.repository.to_base()
    gate.repository.git("checkout", "-q", "HEAD~1", "--", ".")
    only = gate.one()
    assert (only.change, only.base_id, only.verdict) == ("new", None, "pass")


@pytest.mark.parametrize("data", ["{", "[]", '{"id": "r-1"}', "\ufeff{}", "[" * 100_000])
def test_a_base_that_cannot_be_read_is_never_a_pass_and_its_place_is_told(gate: Gate, data: str) -> None:
    good = (gate.repository.root / LOCK).read_text()
    gate.repository.write({LOCK: data})
    gate.repository.to_base()
    gate.repository.write({LOCK: good})
    only = gate.one()
    assert (only.verdict, only.change, gate.rehearsed) == ("inconclusive", "broken", 0)
    where = finding(only, "base-unreadable").where
    assert where == f"{gate.repository.git('rev-parse', 'main')[:12]}:{LOCK}"


def test_a_base_that_locks_another_collection_s_release_is_not_compared_with(gate: Gate) -> None:
    good = (gate.repository.root / LOCK).read_text()
    gate.repository.write({LOCK: good.replace('"collection": "toys"', '"collection": "games"')})
    gate.repository.to_base()
    gate.repository.write({LOCK: good})
    assert found(gate.one()) == {"base-unreadable": "inconclusive"}


def test_both_sides_broken_tells_of_both(gate: Gate) -> None:
    gate.repository.write({LOCK: "{"})
    gate.repository.to_base()
    gate.repository.change(MODEL, {"dims: 16": "dims: 0"}, lock=False)
    only = gate.one()
    assert only.verdict == "fail"
    assert {each.step for each in only.findings} == {"plan", "validate"}


def test_a_base_without_a_lock_is_judged_as_new_and_says_so(gate: Gate) -> None:
    good = (gate.repository.root / LOCK).read_text()
    (gate.repository.root / LOCK).unlink()
    gate.repository.to_base()
    gate.repository.write({LOCK: good})
    only = gate.one()
    assert (only.change, found(only)) == ("new", {"base-not-locked": "pass"})


def test_a_release_that_the_base_quarantines_does_not_come_back_by_taking_it_off_the_list(gate: Gate) -> None:
    gate.repository.change(PIPELINE, HARMLESS)
    bad = json.loads((gate.repository.root / LOCK).read_text())["id"]
    entry = {"release": bad, "reason": "lost a third of its quality", "since": "2026-01-01"}
    listed = json.dumps({"apiVersion": "turnout/v1", "kind": "Quarantine", "releases": [entry]})
    gate.repository.change(PIPELINE, {"rank_constant: 50": "rank_constant: 61"})
    gate.repository.write({"pipelines/toys/quarantine.yaml": listed})
    gate.repository.to_base()
    gate.repository.change(PIPELINE, HARMLESS)
    assert found(gate.one())["quarantined"] == "fail"
    (gate.repository.root / "pipelines/toys/quarantine.yaml").unlink()
    only = gate.one()
    assert (found(only)["quarantined"], gate.rehearsed) == ("fail", 0)


def test_a_change_of_the_policy_is_a_note_for_its_owner(gate: Gate) -> None:
    gate.repository.write({"pipelines/policy.yaml": "apiVersion: turnout/v1\nkind: Policy\n"})
    report = gate.check()
    assert (report.verdict, found(report)) == ("pass", {"policy-changed": "pass"})


def test_the_worst_collection_decides(gate: Gate) -> None:
    gate.repository.change(PIPELINE, HARMLESS)
    gate.repository.write({"pipelines/more/model.yaml": "x: ["})
    report = gate.check()
    assert {each.collection: each.verdict for each in report.collections} == {"more": "fail", "toys": "pass"}
    assert report.verdict == "fail"


QUARANTINE = "pipelines/toys/quarantine.yaml"


def test_what_leaves_quarantine_without_coming_back_is_told(gate: Gate) -> None:
    entry = {"release": "r-0123456789abcdef", "reason": "half of it timed out", "since": "2026-01-01"}
    listed = json.dumps({"apiVersion": "turnout/v1", "kind": "Quarantine", "releases": [entry]})
    gate.repository.write({QUARANTINE: listed})
    gate.repository.to_base()
    gate.repository.write({"pipelines/toys/README.md": "x"})
    assert "quarantine-left" not in found(gate.one())
    (gate.repository.root / QUARANTINE).unlink()
    only = gate.one()
    assert (only.verdict, found(only)["quarantine-left"]) == ("pass", "pass")
    assert "half of it timed out" in finding(only, "quarantine-left").what


@pytest.mark.parametrize("path", ["pipelines/toys", LOCK])
def test_a_collection_behind_a_link_is_judged_even_if_nothing_touches_it_and_never_passes(
    gate: Gate, path: str
) -> None:
    place, elsewhere = gate.repository.root / path, gate.repository.root / "elsewhere"
    place.rename(elsewhere)
    place.symlink_to(elsewhere)
    gate.repository.to_base()
    report = gate.check()
    assert (report.verdict, found(report.collections[0])["linked-file"]) == ("fail", "fail")


# Each keeps the number of queries and judgments.
TAMPERED = {
    "a grade": (QRELS, {"q1\td1\t2": "q1\td1\t1"}),
    "a document": (QRELS, {"q2\td3\t1": "q2\td9\t1"}),
    "a text": (QUERIES, {"a spinning top": "a top"}),
    "a slice": (QUERIES, {'"a spinning top"': '"a spinning top", "slice": "tops"'}),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_judgments_change_in_another_change_than_the_ranking(gate: Gate, name: str) -> None:
    gate.repository.change(*TAMPERED[name])
    alone = gate.one()
    assert (alone.verdict, found(alone)["judgments-changed"]) == ("pass", "pass")
    gate.repository.change(PIPELINE, HARMLESS)
    both = gate.one()
    assert (both.verdict, found(both)["judgments-changed"]) == ("fail", "fail")
    assert "1 " in finding(both, "judgments-changed").what
    gate.repository.write({OVERRIDES: override("judgments-changed")})
    lifted = gate.one()
    assert (lifted.verdict, finding(lifted, "judgments-changed").lifted_by[:6]) == ("pass", "agreed")
    assert "override-unused" not in found(lifted)


def test_judgments_that_the_base_has_behind_a_link_change_by_themselves_too(gate: Gate) -> None:
    folder, elsewhere = gate.repository.root / "pipelines/toys/evaluation", gate.repository.root / "elsewhere"
    folder.rename(elsewhere)
    folder.symlink_to(elsewhere)
    gate.repository.to_base()
    gate.repository.change(*TAMPERED["a grade"])
    alone = gate.one()
    assert (alone.verdict, found(alone)["judgments-changed"]) == ("pass", "pass")
    gate.repository.change(PIPELINE, HARMLESS)
    assert found(gate.one())["judgments-changed"] == "fail"


def test_judgments_may_be_added_together_with_the_ranking(gate: Gate) -> None:
    gate.repository.change(PIPELINE, HARMLESS)
    gate.repository.change(QRELS, {"q2\td3\t1\n": "q2\td3\t1\nq2\td4\t2\n"})
    only = gate.one()
    assert (only.verdict, "judgments-changed" in found(only)) == ("pass", False)


def test_a_release_is_the_base_s_by_its_content_and_not_by_its_short_name(gate: Gate) -> None:
    def same_name(name: str) -> Any:
        checked = check_collection(gate.repository.root, name)
        assert checked.release is not None
        return msgspec.structs.replace(checked, release=msgspec.structs.replace(checked.release, id=base))

    base = json.loads((gate.repository.root / LOCK).read_text())["id"]
    gate.repository.change(PIPELINE, HARMLESS)
    assert "same-release" not in found(gate.one(validate=same_name))
    assert gate.rehearsed == 1
