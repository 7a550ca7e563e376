"""A judgment is asked for by hashes: always answered, made once a window, and never more than a few at a time."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from support.fake_cluster import (
    NAMESPACE,
    FakeApi,
    analysis_run,
    labels,
    owner,
    release_map,
    replica_set,
    rollout,
)
from support.releases import make_release
from turnout.canary.judgment import Evidence, Judgment
from turnout.controller.judging import AT_ONCE, Judging
from turnout.controller.probing_judgment import with_stored_quality
from turnout.controller.server import serving
from turnout.controller.trial import Trials
from turnout.elastic.names import Names
from turnout.errors import EnvironmentProblem
from turnout.judge.trial import Trial
from turnout.kube.reader import Reader
from turnout.release.artifacts import CanaryGates

A, B = (make_release(pipeline={"chunk": {"size": size}}) for size in (64, 48))
SINCE = 1767225900.0  # the background analysis's creation
BACKGROUND = {"currentBackgroundAnalysisRunStatus": {"name": "search-toys-bbb-2", "status": "Running"}}


class World:
    """B's pods are on trial against A's. Every judgment is `answer`."""

    def __init__(self) -> None:
        self.api = FakeApi()
        for name, release in (("release-a", A), ("release-b", B)):
            self.api.put("configmaps", release_map(name, release))
        self.api.put("replicasets", replica_set("aaa", 1, "release-a", ready=3))
        self.api.put("replicasets", replica_set("bbb", 2, "release-b", ready=1))
        self.api.put("rollouts", rollout("aaa", "bbb", "release-b", canary=BACKGROUND))
        self.api.put("analysisruns", analysis_run("search-toys-bbb-2", "bbb", at="2026-01-01T00:05:00Z"))
        self.now = SINCE + 106.0
        self.asked: list[tuple[Trial, CanaryGates]] = []
        self.answer: Callable[[], Judgment] = lambda: judgment("pass")
        self.patience_s = 5.0

    def judge(self, trial: Trial, gates: CanaryGates) -> Judgment:
        self.asked.append((trial, gates))
        return self.answer()

    def judging(self, **more: Any) -> Judging:
        trials = Trials(Reader(self.api, NAMESPACE), window_s=30.0)
        return Judging(trials, self.judge, clock=lambda: self.now, patience_s=self.patience_s, **more)


@pytest.fixture
def world() -> World:
    return World()


def judgment(verdict: Any, reason: str = "as good as stable", **more: Any) -> Judgment:
    return Judgment(verdict=verdict, reason=reason, since=SINCE, until=SINCE + 90, windows=3, **more)


def reason(world: World, canary: str = "bbb", stable: str = "aaa") -> str:
    """Why nothing can be concluded."""
    said = world.judging().ask(canary, stable)
    assert said.verdict == "inconclusive"
    assert world.asked == []
    return said.reason


def test_a_trial_is_found_with_its_collection_gates_and_beginning(world: World) -> None:
    assert world.judging().ask("bbb", "aaa").verdict == "pass"
    trial = Trial(collection="toys", stable="aaa", canary="bbb", since=SINCE, window_s=30.0)
    assert world.asked == [(trial, B.gates.judged)]


def test_the_background_analysis_began_a_trial_whatever_else_runs_and_also_when_it_has_ended(world: World) -> None:
    world.api.put("analysisruns", analysis_run("waited-for-its-view", "bbb", at="2026-01-01T00:01:00Z"))
    world.api.put("analysisruns", analysis_run("search-toys-bbb-2", "bbb", "Failed", at="2026-01-01T00:05:00Z"))
    world.judging().ask("bbb", "aaa")
    assert world.asked[0][0].since == SINCE


def test_without_a_background_analysis_the_oldest_running_one_of_the_canary_began_it(world: World) -> None:
    world.api.put("rollouts", rollout("aaa", "bbb", "release-b"))
    world.api.put("analysisruns", analysis_run("search-toys-bbb-2", "bbb", "Failed", at="2026-01-01T00:04:00Z"))
    world.api.put("analysisruns", analysis_run("step", "bbb", at="2026-01-01T00:07:00Z"))
    world.api.put("analysisruns", analysis_run("later", "bbb", at="2026-01-01T00:08:00Z"))
    world.api.put("analysisruns", analysis_run("other", "ccc", at="2026-01-01T00:01:00Z"))
    world.judging().ask("bbb", "aaa")
    assert world.asked[0][0].since == SINCE + 120


def test_without_a_running_analysis_nothing_is_judged(world: World) -> None:
    world.api.put("analysisruns", analysis_run("search-toys-bbb-2", "bbb", "Successful", at="2026-01-01T00:05:00Z"))
    world.api.put("rollouts", rollout("aaa", "bbb", "release-b"))
    assert "no analysis" in reason(world)


def test_hashes_that_no_pods_have_are_said_and_not_judged(world: World) -> None:
    assert "no canary pods with the hash ccc" in reason(world, "ccc", "aaa")
    assert "no stable pods with the hash ccc" in reason(world, "bbb", "ccc")
    assert "same" in reason(world, "aaa", "aaa")


def test_a_pair_that_is_not_on_trial_now_is_not_judged(world: World) -> None:
    assert "not the canary and the stable pods" in reason(world, "aaa", "bbb")


def test_two_rollouts_or_two_sets_of_pods_with_one_label_are_told_and_not_judged(world: World) -> None:
    world.api.put("rollouts", rollout("aaa", "bbb", "release-b", name="search-copy"))
    assert "2 Rollouts" in reason(world)
    twin = replica_set("bbb", 2, "release-b", rollout="search-copy")
    world.api.put("replicasets", twin)
    assert "2 ReplicaSets have the hash bbb" in reason(world)


def test_pods_that_belong_to_no_rollout_of_a_collection_are_not_judged(world: World) -> None:
    stray = replica_set("bbb", 2, "release-b", ready=1)
    stray["metadata"]["ownerReferences"] = [owner("else")]
    world.api.put("replicasets", stray)
    assert "no Rollout" in reason(world)
    stray["metadata"]["labels"] = labels("search", "") | {"rollouts-pod-template-hash": "bbb"}
    world.api.put("replicasets", stray)
    assert "no Rollout" in reason(world)


def test_a_release_that_cannot_be_read_has_no_gates_to_judge_by(world: World) -> None:
    world.api.put("configmaps", release_map("release-b", "{}"))
    assert "release can't be used" in reason(world)


def test_an_api_server_that_is_away_is_inconclusive(world: World) -> None:
    world.api.down = True
    assert "can't be reached" in reason(world)


def test_a_bug_is_inconclusive_too(world: World) -> None:
    def broken() -> Judgment:
        raise ZeroDivisionError("of nothing")

    world.answer = broken
    said = world.judging().ask("bbb", "aaa")
    assert (said.verdict, said.reason) == ("inconclusive", "a bug: ZeroDivisionError: of nothing")


def test_without_a_prometheus_every_judgment_is_inconclusive(world: World) -> None:
    judging = Judging(Trials(Reader(world.api, NAMESPACE), window_s=30.0), None)
    assert "TURNOUT_PROMETHEUS_URL" in judging.ask("bbb", "aaa").reason
    assert not judging.can_judge


def test_whoever_asks_within_a_window_costs_one_judgment(world: World) -> None:
    judging = world.judging()
    for second in (0, 5, 19):
        world.now = SINCE + 106 + second
        judging.ask("bbb", "aaa")
    assert len(world.asked) == 1
    world.now = SINCE + 136
    judging.ask("bbb", "aaa")
    assert len(world.asked) == 2


def test_a_rollout_that_is_tried_again_is_judged_anew(world: World) -> None:
    judging = world.judging()
    judging.ask("bbb", "aaa")
    # within the same window of either trial
    world.api.put("analysisruns", analysis_run("search-toys-bbb-2", "bbb", at="2026-01-01T00:05:01Z"))
    judging.ask("bbb", "aaa")
    assert [trial.since for trial, _ in world.asked] == [SINCE, SINCE + 1]


def test_what_else_is_known_is_added_each_time_and_costs_no_judgment(world: World) -> None:
    said = iter(("first", "second"))
    judging = world.judging(finish=lambda _, made: msgspec.structs.replace(made, reason=next(said)))
    assert [judging.ask("bbb", "aaa").reason for _ in range(2)] == ["first", "second"]
    assert len(world.asked) == 1


def test_the_leader_never_waits_and_asks_once_a_window(world: World) -> None:
    judging = world.judging()
    assert judging.newest("bbb", "aaa") is None
    assert judging.ask("bbb", "aaa").verdict == "pass"  # after the one that was begun
    calls = len(world.api.calls)
    assert judging.newest("bbb", "aaa") == judgment("pass")
    assert len(world.api.calls) == calls
    world.now += 30
    assert judging.newest("bbb", "aaa") == judgment("pass")
    judging.ask("bbb", "aaa")
    assert len(world.asked) == 2


def test_what_was_judged_long_ago_may_be_of_another_trial_and_is_not_given_out(world: World) -> None:
    judging = world.judging()
    assert judging.ask("bbb", "aaa").verdict == "pass"
    world.now += 3600
    assert judging.newest("bbb", "aaa") is None


def test_a_key_that_may_not_read_judged_quality_withholds_a_pass_and_leaves_a_failure(world: World) -> None:
    class Forbidden:
        def state(self, names: Names, key: str) -> None:
            raise EnvironmentProblem("the credential may not do this (HTTP 403)")

    finish = with_stored_quality(Forbidden(), Names)  # type: ignore[arg-type]
    for verdict, finished in (("pass", "inconclusive"), ("fail", "fail")):
        world.answer = lambda verdict=verdict: judgment(verdict)
        said = world.judging(finish=finish).ask("bbb", "aaa")
        assert said.verdict == finished
        assert "may not do this" in said.reason


def test_only_a_few_are_made_at_once_and_who_waits_too_long_is_told(world: World) -> None:
    gate, made = threading.Event(), threading.Semaphore(0)

    def slow() -> Judgment:
        made.release()
        gate.wait(10)
        return judgment("pass")

    world.patience_s, world.answer = 0.2, slow
    judging = world.judging()
    judging._trials = Anything()  # type: ignore[assignment]
    for number in range(AT_ONCE):
        judging.newest(f"c{number}", "aaa")
        made.acquire(timeout=5)
    assert "4 other judgments" in judging.ask("another", "aaa").reason
    assert "longer than usual" in judging.ask("c0", "aaa").reason
    gate.set()
    judging._patience_s = 5.0
    assert judging.ask("another", "aaa").verdict == "pass"


class Anything:
    """Every pair is on trial."""

    window_s = 30.0

    def find(self, canary: str, stable: str) -> Any:
        trial = Trial(collection="toys", stable=stable, canary=canary, since=SINCE)
        return type("OnTrial", (), {"trial": trial, "gates": CanaryGates()})


def get(port: int, path: str) -> tuple[int, Any]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
        assert answer.headers["Content-Type"] == "application/json"
        return answer.status, json.loads(answer.read())


def answered(world: World, path: str) -> tuple[int, Any]:
    with serving("127.0.0.1", 0, CollectorRegistry(), lambda: True, ask=world.judging().ask) as port:
        return get(port, path)


def test_the_answer_over_http_is_the_judgment_with_figures_that_json_can_hold(world: World) -> None:
    bad = Evidence(
        metric="errors",
        harm=float("nan"),
        harm_needed=2.0,
        safe=float("-inf"),
        safe_needed=1.3,
        canary_events=1,
        canary_requests=9,
        stable_events=2,
        stable_requests=80,
    )
    world.answer = lambda: judgment("fail", evidence=(bad,), needed_seconds=float("inf"))
    status, said = answered(world, "/judge?canary=bbb&stable=aaa")
    assert (status, said["verdict"], said["needed_seconds"]) == (200, "fail", None)
    assert (said["evidence"][0]["harm"], said["evidence"][0]["safe"]) == (0.0, -1e9)


HOSTILE = (
    "",
    "?",
    "?canary=bbb",
    "?canary=bbb&stable=",
    "?canary=bbb&stable=aaa&more=1",
    "?canary=bbb&canary=bbb",
    "?canary=bbb&stable=../../secrets",
    "?canary=b,c)&stable=aaa",
    "?canary=%00&stable=%ff",
    f"?canary={'b' * 60000}&stable=aaa",
    f"?{'canary=b&' * 1000}",
)


def test_whatever_is_asked_is_answered_in_json_and_inconclusive(world: World) -> None:
    with serving("127.0.0.1", 0, CollectorRegistry(), lambda: True, ask=world.judging().ask) as port:
        for query in HOSTILE:
            status, said = get(port, f"/judge{query}")
            assert (status, said["verdict"]) == (200, "inconclusive")
            assert len(said["reason"]) < 200
    assert world.api.calls == []


def test_a_line_that_is_too_long_is_refused_in_json(world: World) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        answered(world, f"/judge?canary={'b' * 70000}")
    assert refused.value.code == 414
    assert json.loads(refused.value.read())["status"]
