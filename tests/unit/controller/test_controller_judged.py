"""The leader shows what is judged of a canary: in its record, in metrics, and in the words of an abort or a pause."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from support.fake_cluster import FakeApi, analysis_run, replica_set, rollout
from support.observing import FIRST, MODEL, healthy, revision, trial
from support.observing import rollout as rolling
from turnout.canary.judgment import Evidence, Judgment
from turnout.controller.actions import Decision
from turnout.controller.analyses import failed_analysis, inconclusive_analysis
from turnout.controller.board import Board
from turnout.controller.judged import Judged, judged, on_trial, with_judgment
from turnout.controller.judged import problems as problems_of_judging
from turnout.controller.problems import problems
from turnout.controller.tell import rollout_record
from turnout.elastic.state import RolloutRecord
from turnout.kube.reader import Reader

EVIDENCE = Evidence(
    metric="errors",
    harm=0.4,
    harm_needed=2.4,
    safe=0.7,
    safe_needed=1.3,
    canary_events=1,
    canary_requests=90,
    stable_events=5,
    stable_requests=800,
)
WORDS = "20 % of the canary's searches failed and 0.1 % of stable's at the same time"


def judgment(verdict: Any = "inconclusive", reason: str = WORDS, until: float = 1030.0) -> Judgment:
    return Judgment(verdict=verdict, reason=reason, since=1000.0, until=until, windows=1, evidence=(EVIDENCE,))


class FakeJudging:
    """Knows one judgment."""

    def __init__(self, newest: Judgment | None, *, can_judge: bool = True) -> None:
        self.can_judge, self.asked, self._newest = can_judge, [], newest
        self.asked: list[tuple[str, str]]

    def newest(self, canary: str, stable: str) -> Judgment | None:
        self.asked.append((canary, stable))
        return self._newest


def seen(**more: Any) -> Any:
    """FIRST is stable, a canary with a pod is on trial."""
    canary = revision(MODEL, "canary", hash="bbb", number=2, replicas=1)
    return trial(MODEL, revisions=(canary, revision(FIRST, "stable", hash="aaa", replicas=3)), **more)


def ask(judging: FakeJudging, observed: Any) -> Judged | None:
    return judged(observed, judging)  # type: ignore[arg-type]


def test_the_leader_asks_about_a_canary_that_has_pods_and_about_nothing_else() -> None:
    judging = FakeJudging(judgment())
    found = ask(judging, seen())
    assert found is not None
    assert (found.revision.hash, found.judgment) == ("bbb", judgment())
    waiting = trial(MODEL)  # its release is being built
    for observed in (healthy(), waiting, seen(rollout=rolling(settled=False))):
        assert on_trial(observed) is None
        assert ask(judging, observed) is None
    assert judging.asked == [("bbb", "aaa")]


def test_without_a_prometheus_that_is_a_problem_while_a_canary_is_on_trial() -> None:
    judging = FakeJudging(None, can_judge=False)

    def told(observed: Any) -> dict[str, str]:
        return problems_of_judging(ask(judging, observed), judging)  # type: ignore[arg-type]

    assert told(seen()).keys() == {"no-prometheus"}
    assert told(healthy()) == {}
    assert judging.asked == []


def test_a_judgment_is_shown_as_one_verdict_and_the_evidence_of_each_metric() -> None:
    registry = CollectorRegistry()
    board = Board(lambda: True)
    registry.register(board)
    board.show(seen(), Decision(actions=(), standings=(), problems={}))
    board.judged("toys", Judged(revision(MODEL, "canary", hash="bbb"), judgment("fail")))
    of = {"collection": "toys", "release": MODEL.id, "rollouts_pod_template_hash": "bbb"}

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"turnout_canary_{name}", of | labels)

    assert [value("verdict", verdict=word) for word in ("fail", "pass", "inconclusive")] == [1, 0, 0]
    assert value("evidence", metric="errors", question="harm") == 0.4
    assert value("evidence_needed", metric="errors", question="harm") == 2.4
    assert value("evidence", metric="errors", question="safe") == 0.7
    assert value("evidence_needed", metric="errors", question="safe") == 1.3
    board.judged("toys", None)
    assert b"turnout_canary_verdict{" not in generate_latest(registry)


def test_the_board_forgets_what_was_judged_before_another_replica_led() -> None:
    registry = CollectorRegistry()
    board = Board(lambda: True)
    registry.register(board)
    board.judged("toys", Judged(revision(MODEL, "canary", hash="bbb"), judgment("fail")))
    board.only(())
    board.show(seen(), Decision(actions=(), standings=(), problems={}))
    assert b"turnout_canary_verdict{" not in generate_latest(registry)


def record(observed: Any, at: str) -> RolloutRecord:
    return rollout_record(observed, Decision(actions=(), standings=(), problems={}), (), at=at)


def test_a_newer_judgment_alone_does_not_change_since_when_the_rollout_is_so() -> None:
    canary = revision(MODEL, "canary", hash="bbb")
    stored = with_judgment(record(seen(), "09:00"), Judged(canary, judgment()), None, is_aborted=False)
    newer = Judged(canary, judgment(until=1060.0))
    written = with_judgment(record(seen(), "09:30"), newer, stored, is_aborted=False)
    assert written == msgspec.structs.replace(stored, judgment=newer.judgment)
    paused = record(seen(rollout=rolling(phase="Paused")), "10:00")
    assert with_judgment(paused, newer, written, is_aborted=False).at == "10:00"


def test_a_fail_is_kept_for_who_asks_why_until_another_canary_comes() -> None:
    canary = revision(MODEL, "canary", hash="bbb")
    failed = with_judgment(record(seen(), "1"), Judged(canary, judgment("fail")), None, is_aborted=False)
    for later in (None, Judged(canary, None), Judged(canary, judgment("inconclusive", "no data"))):
        kept = with_judgment(record(seen(), "2"), later, failed, is_aborted=True)
        assert kept.judgment == judgment("fail")
    assert with_judgment(record(healthy(), "3"), None, failed, is_aborted=False).judgment is None


VALUE = json.dumps({"verdict": "fail", "reason": WORDS, "evidence": [], "windows": 4})


class Runs:
    """B on trial, with one AnalysisRun of a judge."""

    def __init__(self, phase: str, value: str = VALUE, **status: Any) -> None:
        self.api = FakeApi()
        metric = {"name": "judge", "phase": phase, "measurements": [{"phase": phase, "value": value}]}
        run = analysis_run("search-toys-bbb-2", "bbb", phase, message="judged", metricResults=[metric])
        self.api.put("analysisruns", run)
        self.api.put("replicasets", replica_set("bbb", 2, "release-b", ready=1))
        self.api.put("rollouts", rollout("aaa", "bbb", "release-b", **status))
        self.reader = Reader(self.api, "turnout")

    def failed(self) -> Any:
        return failed_analysis(self.reader.rollouts()[0], self.reader.replica_sets(), self.reader.analysis_runs())

    def inconclusive(self) -> str:
        return inconclusive_analysis(self.reader.rollouts()[0], self.reader.analysis_runs())


ABORTED = {"abort": True, "message": "Background analysis phase error/failed: judged"}
PAUSED = {"pauseConditions": [{"reason": "InconclusiveAnalysisRun", "startTime": "2026-01-01T00:00:00Z"}]}


def test_a_canary_that_the_judge_ended_is_told_in_the_judges_words() -> None:
    failed = Runs("Failed", **ABORTED).failed()
    assert (failed.metric, failed.reason) == (
        "judge",
        f"analysis search-toys-bbb-2 failed, for its metric judge: {WORDS}",
    )


@pytest.mark.parametrize(
    "value", ["[0.21]", '{"verdict": "fail"}', '{"verdict": 1, "reason": []}', "<html>", "[" * 9999]
)
def test_what_is_no_judgment_is_told_as_it_was_measured(value: str) -> None:
    reason = Runs("Failed", value, **ABORTED).failed().reason
    assert f"metric judge measured {value[:200]}" in reason
    assert len(reason) < 400


def test_a_judges_reason_is_one_line_of_bearable_length() -> None:
    value = json.dumps({"verdict": "fail", "reason": "a\nb " + "x" * 9000})
    reason = Runs("Failed", value, **ABORTED).failed().reason
    assert "judge: a b x" in reason
    assert len(reason) < 600


def test_a_pause_for_want_of_evidence_carries_the_judges_reason() -> None:
    said = Runs("Inconclusive", **PAUSED).inconclusive()
    assert said == f"judge of search-toys-bbb-2: {WORDS}"
    paused = rolling(phase="Paused", message="InconclusiveAnalysisRun", inconclusive=said)
    assert WORDS in problems(seen(rollout=paused))["paused-inconclusive"]
    assert Runs("Inconclusive").inconclusive() == ""
    assert Runs("Inconclusive", "[]", **PAUSED).inconclusive() == "judge of search-toys-bbb-2"
    assert Runs("Running", **PAUSED).inconclusive() == ""
