"""The exercise's own parts: what is waited for, what counts as failed, what may overlap."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest

from exercise import monitoring, summary
from exercise.faults import FAULTS
from exercise.faults.fault import Fault, Part
from exercise.runbook import FIRST_PAGE, Block, Entry
from exercise.schedule import Fired, Played, disturbs
from exercise.shell import Shell, told
from exercise.watching import Watch
from support import alerts


def _fault(name: str, needs: set[Part], uses: set[Part]) -> Fault:
    return Fault(name, name, {}, lambda _: nullcontext(0.0), needs=frozenset(needs), uses=frozenset(uses))


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30.0), ("5m", 300.0), ("1h30m", 5400.0), ("0s", 0.0), ("1d", 86400.0)]
)
def test_durations_are_read_as_prometheus_writes_them(text: str, seconds: float) -> None:
    assert monitoring.seconds(text) == seconds


def test_of_two_rules_with_one_name_the_faster_one_promises() -> None:
    group = {"interval": "1m", "rules": [{"alert": "A", "for": "15m"}, {"alert": "A", "for": "2m"}, {"record": "r"}]}
    (rule,) = monitoring.rules([{"groups": [group]}], default_s=2.0).values()
    assert (rule.waits_s, rule.interval_s) == (120.0, 60.0)


def test_routes_stay_and_all_receivers_lead_to_the_webhook() -> None:
    example = {
        "global": {"slack_api_url_file": "/x"},
        "route": {"receiver": "a", "group_wait": "30s"},
        "receivers": [{"name": "a", "slack_configs": [{}]}, {"name": "b"}],
    }
    config = monitoring.routed(example, "http://sink")
    assert config["route"] == example["route"]
    assert "global" not in config
    assert [each["webhook_configs"][0]["url"] for each in config["receivers"]] == ["http://sink", "http://sink"]


def test_faults_that_break_what_another_relies_on_dont_overlap() -> None:
    one, other = _fault("one", {"pods"}, set()), _fault("other", set(), {"pods"})
    assert disturbs(one, other)
    assert disturbs(other, one)
    assert not disturbs(other, _fault("third", {"alias"}, {"pods"}))


def test_the_faults_name_each_entry_and_wait_for_no_alert_twice() -> None:
    known = {each.name for each in alerts.alerts()}
    named = [alert for fault in FAULTS for alert in fault.alerts]
    assert {name for fault in FAULTS for name in (*fault.alerts, *fault.also)} == known | {FIRST_PAGE}
    assert len(named) == len(set(named))


def test_an_alert_is_seen_from_when_it_fires_until_it_ceases() -> None:
    watch = Watch("http://127.0.0.1:9")
    firing = {"labels": {"alertname": "A"}, "state": "firing"}
    watch._seen([{"labels": {"alertname": "A"}, "state": "pending"}])
    assert watch.first("A", since=0.0, fires=True) is None
    watch._seen([firing])
    assert watch.firing() == {"A"}
    watch._seen([])
    first, last = (watch.first("A", since=0.0, fires=fires) for fires in (True, False))
    assert first is not None
    assert last is not None
    assert first <= last


def test_what_alertmanager_sends_is_kept_apart_from_what_prometheus_says() -> None:
    watch = Watch("http://127.0.0.1:9")
    watch.take({"alerts": [{"labels": {"alertname": "A"}, "status": "firing"}]})
    assert watch.firing("sink") == {"A"}
    assert not watch.firing()


def test_findings_of_status_are_no_failure_and_all_else_is() -> None:
    assert told('1 turnout status "$COLLECTION"\n3 turnout status x\n22 curl y\n') == (
        "3 turnout status x",
        "22 curl y",
    )


def test_a_command_that_fails_is_told_and_the_rest_of_its_block_is_run(tmp_path: Any) -> None:
    shell = Shell("known() { echo known; }", {"X": "1"}, tmp_path, tmp_path / "log")
    assert shell.run("A", Block('known\ntest "$X" = "$Y"\n'), Y="1").failed == ()
    ran = shell.run("A", Block("false | true\necho after\n"))
    assert ran.failed
    assert ran.failed[0].startswith("1 ")
    assert "after" in (tmp_path / "log").read_text()


def test_a_figure_that_could_not_be_had_is_no_zero() -> None:
    fired: list[Any] = []
    zeros = {"alerts": {"fired": fired, "without_tests": 0, "without_runbook": 0}, "problems": [], "whole": True}
    assert "panels.empty is None, not 0" in summary.broken(zeros)


def test_late_and_missing_alerts_break_the_exercise() -> None:
    fault = _fault("f", set(), set())
    late, never = Fired("A", "f", 10.0, seconds=11.0), Fired("B", "f", 10.0)
    figures = summary.alerts_figures({}, [Played(fault, [late, never])])
    assert figures["late"] == 2
    broken = summary.broken({"alerts": figures, "problems": [], "whole": False})
    assert any(text.startswith("A: 11.0 s") for text in broken)
    assert any(text.startswith("B: None s") for text in broken)


def test_a_block_that_changes_something_is_found_by_its_words() -> None:
    entry = Entry("A", "```sh\n# CHANGES: x\nkubectl delete pods\n```\n```sh\nkubectl get pods\n```\n")
    assert entry.change("delete").text.endswith("pods\n")
    assert [block.text for block in entry.looks()] == ["kubectl get pods\n"]
    with pytest.raises(KeyError, match="0 blocks"):
        entry.change("scale")
