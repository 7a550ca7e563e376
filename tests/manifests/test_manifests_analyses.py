"""The analyses fall into none of the traps, and each rule knows its trap when it sees it."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml

from manifests.analysis_traps import RULES, rollout_traps, traps
from manifests.rendering import OVERLAYS, SEARCHES, Object, all_of, only, overlay
from support.crds import crd_errors
from support.go_modules import ROOT

CATALOGUE: list[dict[str, Any]] = yaml.safe_load((ROOT / "tests/manifests/traps.yaml").read_text())["traps"]
PHASES = {"Successful", "Failed", "Error", "Inconclusive", "Running"}


def templates(name: str) -> dict[str, Object]:
    return {each["metadata"]["name"]: each for each in all_of(overlay(name), "AnalysisTemplate")}


def run(trap: dict[str, Any]) -> Object:
    """The AnalysisRun of a trap."""
    head = {"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisRun", "metadata": {"name": trap["name"]}}
    return {**head, "spec": trap["spec"]}


@pytest.mark.parametrize("name", OVERLAYS)
def test_no_template_falls_into_a_trap(name: str) -> None:
    assert [trap for each in templates(name).values() for trap in traps(each)] == []


@pytest.mark.parametrize("name", SEARCHES)
def test_the_rollout_gives_each_analysis_what_it_asks_for(name: str) -> None:
    assert rollout_traps(only(overlay(name), "Rollout"), templates(name)) == []


@pytest.mark.parametrize("trap", [each for each in CATALOGUE if "rule" in each], ids=lambda each: each["name"])
def test_a_rule_finds_its_trap(trap: dict[str, Any]) -> None:
    assert trap["rule"] in {found.rule for found in traps(run(trap))}


@pytest.mark.parametrize("trap", [each for each in CATALOGUE if "rule" not in each], ids=lambda each: each["name"])
def test_what_is_sound_is_left_alone(trap: dict[str, Any]) -> None:
    found = {found.rule for found in traps(run(trap))}
    assert found <= {"nan-unguarded", "no-volume", "other-provider"}  # constants have no volume, and an address is one


def test_every_rule_about_a_template_is_shown_on_the_real_controller() -> None:
    assert {trap.get("rule") for trap in CATALOGUE} - {None} == RULES.keys()
    assert len({trap["name"] for trap in CATALOGUE}) == len(CATALOGUE)


@pytest.mark.parametrize("trap", CATALOGUE, ids=lambda each: each["name"])
def test_the_catalogue_can_be_applied(trap: dict[str, Any]) -> None:
    assert crd_errors(run(trap)) == []
    assert trap["ends"] in PHASES
    assert trap["seconds"] <= 30
    assert trap["why"].endswith(".")


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("no-condition", {"successCondition": "", "failureCondition": ""}),
        ("one-condition", {"failureCondition": ""}),
        ("unguarded-index", {"successCondition": "!isNaN(result[0]) && result[0] <= 1"}),
        ("nan-unguarded", {"successCondition": "len(result) == 1 && result[0] <= 1"}),
        ("failure-limit-disabled", {"failureLimit": -1}),
        ("failure-limit-never-reached", {"failureLimit": 3, "count": 3}),
        ("error-limit-low", {"consecutiveErrorLimit": 4}),
        ("inconclusive-limit-low", {"inconclusiveLimit": 3}),
        ("one-look", {"interval": ""}),
        ("never-ends", {"consecutiveSuccessLimit": 0, "count": None}),
        ("count-of-looks", {"count": 5}),
    ],
)
@pytest.mark.parametrize("name", ["errors", "latency", "degraded"])
def test_our_own_templates_made_worse_are_found(name: str, rule: str, change: dict[str, Any]) -> None:
    worse = copy.deepcopy(templates("production")[name])
    worse["spec"]["metrics"][0] |= change
    assert rule in {trap.rule for trap in traps(worse)}


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        ("no-condition", {"successCondition": "", "failureCondition": ""}),
        ("one-condition", {"failureCondition": ""}),
        ("not-a-verdict", {"successCondition": 'result.verdict != "fail"'}),
        ("not-a-verdict", {"failureCondition": 'result.verdict != "pass"'}),
        ("failure-limit-disabled", {"failureLimit": -1}),
        ("error-limit-low", {"consecutiveErrorLimit": 4}),
        ("inconclusive-limit-low", {"inconclusiveLimit": 3}),
        ("inconclusive-limit-low", {"inconclusiveLimit": None}),
        ("one-look", {"interval": ""}),
        ("never-ends", {"consecutiveSuccessLimit": 0, "count": None}),
        ("count-of-looks", {"count": 5}),
        ("part-of-an-answer", {"jsonPath": "{$.verdict}"}),
        ("timeout-low", {"timeoutSeconds": 10}),
        ("timeout-low", {"timeoutSeconds": None}),
        ("other-provider", {"url": "http://elsewhere/judge?canary={{args.canary}}&stable={{args.stable}}"}),
        ("unscoped", {"url": "{{args.judge}}/judge?canary={{args.stable}}&stable={{args.stable}}"}),
    ],
)
def test_our_own_judge_made_worse_is_found(rule: str, change: dict[str, Any]) -> None:
    worse = copy.deepcopy(templates("production")["judge"])
    metric = worse["spec"]["metrics"][0]
    of = metric["provider"]["web"] if change.keys() & {"jsonPath", "timeoutSeconds", "url"} else metric
    of |= {key: value for key, value in change.items() if value is not None}
    for key in (key for key, value in change.items() if value is None):
        del of[key]
    assert rule in {trap.rule for trap in traps(worse)}


@pytest.mark.parametrize("name", ["release-ready", "errors", "latency", "degraded"])
def test_a_query_that_loses_its_hash_is_found(name: str) -> None:
    worse = copy.deepcopy(templates("production")[name])
    prometheus = worse["spec"]["metrics"][0]["provider"]["prometheus"]
    prometheus["query"] = prometheus["query"].replace('rollouts_pod_template_hash="{{args.canary}}"', 'job="x"', 1)
    assert "unscoped" in {trap.rule for trap in traps(worse)}


@pytest.mark.parametrize("name", ["errors", "latency", "degraded"])
def test_a_ratio_that_loses_its_least_number_of_searches_is_found(name: str) -> None:
    worse = copy.deepcopy(templates("production")[name])
    prometheus = worse["spec"]["metrics"][0]["provider"]["prometheus"]
    prometheus["query"] = prometheus["query"].replace(">= {{args.minimum}}", ">= 0")
    assert "no-volume" in {trap.rule for trap in traps(worse)}


def rollout(change: Any) -> set[str]:
    """The rules that a changed Rollout breaks."""
    worse = copy.deepcopy(only(overlay("production/python-docs"), "Rollout"))
    change(worse["spec"]["strategy"]["canary"])
    return {trap.rule for trap in rollout_traps(worse, templates("production"))}


def test_a_rollout_that_gives_the_wrong_hash_or_none_is_found() -> None:
    def swapped(canary: Object) -> None:
        canary["steps"][2]["analysis"]["args"][0]["valueFrom"]["podTemplateHashValue"] = "Stable"

    assert rollout(swapped) == {"hash-not-given"}
    assert rollout(lambda canary: canary["analysis"]["args"].pop(1)) == {"hash-not-given"}


def test_an_analysis_that_is_an_error_for_want_of_room_in_its_count_is_found() -> None:
    def more(canary: Object) -> None:
        canary["analysis"]["args"][2]["value"] = "2147483647"

    assert rollout(more) == {"count-too-small"}


@pytest.mark.parametrize("argument", ["looks", "passes", "patience"])
def test_a_step_that_can_never_end_is_found(argument: str) -> None:
    def forever(canary: Object) -> None:
        canary["steps"][2]["analysis"]["args"].append({"name": argument, "value": "1000000000"})

    assert rollout(forever) == {"endless-step"}


@pytest.mark.parametrize("name", ["release-ready", "errors", "judge"])
def test_a_step_that_argo_rollouts_refuses_for_want_of_a_count_is_found(name: str) -> None:
    worse = copy.deepcopy(templates("production"))
    del worse[name]["spec"]["metrics"][0]["count"]
    assert {trap.rule for trap in rollout_traps(only(overlay("production/python-docs"), "Rollout"), worse)} == {
        "step-without-count"
    }


@pytest.mark.parametrize("name", SEARCHES)
def test_no_canary_pod_starts_before_its_release_is_ready_and_none_goes_on_unjudged(name: str) -> None:
    steps = only(overlay(name), "Rollout")["spec"]["strategy"]["canary"]["steps"]
    assert steps[0]["analysis"]["templates"] == [{"templateName": "release-ready"}]
    assert [list(step) for step in steps[1:]] == [["setWeight"], ["analysis"]] * 2
    weights = [step["setWeight"] for step in steps if "setWeight" in step]
    assert weights == sorted(weights)
    assert weights[0] <= 10
    for step in steps[2::2]:
        judges = [each["templateName"] for each in step["analysis"]["templates"]]
        assert judges == ["errors", "latency", "degraded", "judge"]


@pytest.mark.parametrize("name", SEARCHES)
def test_the_judge_asks_the_controller_and_pauses_a_step_for_a_person_but_never_in_the_background(name: str) -> None:
    template = templates(name)["judge"]["spec"]
    values = {arg["name"]: arg.get("value") for arg in template["args"]}
    service = only(overlay(name), "Service", "turnout-controller")
    (port,) = service["spec"]["ports"]
    host = f"{service['metadata']['name']}.{service['metadata']['namespace']}"
    assert values["judge"] == f"http://{host}:{port['port']}"
    assert 1800 <= int(values["patience"]) * seconds(values["interval"]) <= 7200
    assert values["passes"] == "1"
    canary = only(overlay(name), "Rollout")["spec"]["strategy"]["canary"]
    given = {arg["name"]: arg.get("value") for arg in canary["analysis"]["args"]}
    assert {"templateName": "judge"} in canary["analysis"]["templates"]
    assert int(given["patience"]) == 2**31 - 1
    assert int(given["passes"]) > 10**6


@pytest.mark.parametrize("name", OVERLAYS)
def test_a_window_of_the_judge_holds_two_scrapes_and_its_prometheus_is_that_of_the_analyses(name: str) -> None:
    settings = only(overlay(name), "ConfigMap", "turnout-controller")["data"]
    endpoints = only(overlay(name), "PodMonitor")["spec"]["podMetricsEndpoints"]
    assert float(settings["TURNOUT_JUDGE_WINDOW_S"]) >= 2 * max(seconds(each["interval"]) for each in endpoints)
    values = {arg["name"]: arg.get("value") for arg in templates(name)["errors"]["spec"]["args"]}
    assert settings["TURNOUT_PROMETHEUS_URL"] == values["prometheus"]


@pytest.mark.parametrize("name", SEARCHES)
def test_waiting_for_a_release_is_never_given_up_for_want_of_an_answer(name: str) -> None:
    [metric] = templates(name)["release-ready"]["spec"]["metrics"]
    assert metric["inconclusiveLimit"] == metric["consecutiveErrorLimit"] == 2**31 - 1
    assert (metric["consecutiveSuccessLimit"], metric["failureLimit"]) == (1, 0)
    assert metric["count"] == 2**31 - 1
    rollout = only(overlay(name), "Rollout")["spec"]
    assert "progressDeadlineAbort" not in rollout
    assert rollout["revisionHistoryLimit"] > rollout["rollbackWindow"]["revisions"]


@pytest.mark.parametrize("name", SEARCHES)
def test_an_error_canary_is_seen_within_two_intervals(name: str) -> None:
    template = templates(name)["errors"]["spec"]
    values = {arg["name"]: arg.get("value") for arg in template["args"]}
    [metric] = template["metrics"]
    assert metric["initialDelay"] == metric["interval"] == "{{args.interval}}"
    assert metric["failureLimit"] == 1  # the second look above the ceiling ends it
    assert float(values["max-errors"]) < 0.2 / 2  # half of the window may be from before
    background = only(overlay(name), "Rollout")["spec"]["strategy"]["canary"]["analysis"]
    assert background["startingStep"] == 1
    assert {"templateName": "errors"} in background["templates"]


@pytest.mark.parametrize("name", OVERLAYS)
def test_an_environment_has_one_address_and_one_pace_for_all_analyses(name: str) -> None:
    seen: dict[str, set[str]] = {}
    for template in templates(name).values():
        for arg in template["spec"]["args"]:
            seen.setdefault(arg["name"], set()).add(arg.get("value"))
    assert all(len(values) == 1 for values in seen.values()), seen
    settings = only(overlay(name), "ConfigMap", "turnout-settings")["data"]
    assert settings["TURNOUT_ELASTICSEARCH_URL"].startswith("http")
    if name == "ephemeral":
        assert seen["interval"] == {"5s"}


@pytest.mark.parametrize("name", OVERLAYS)
def test_a_look_back_holds_enough_scrapes_to_count_by(name: str) -> None:
    endpoints = only(overlay(name), "PodMonitor")["spec"]["podMetricsEndpoints"]
    slowest = max(seconds(endpoint["interval"]) for endpoint in endpoints)
    for template in templates(name).values():
        values = {arg["name"]: arg.get("value") for arg in template["spec"]["args"]}
        assert 4 * slowest <= seconds(values.get("window") or "60s")


def seconds(duration: str) -> int:
    """A duration as manifests write it: `30s`, `1m`."""
    return int(duration[:-1]) * {"s": 1, "m": 60}[duration[-1]]
