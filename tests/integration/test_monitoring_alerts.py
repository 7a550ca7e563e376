"""Every alert, run by promtool over made-up hours (`tests/monitoring`), and what an alert must say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.alerts import TESTS, alerts, cases, expressions, promtool, recorded, without_runbook, without_tests
from support.go_modules import ROOT


@pytest.mark.parametrize("file", sorted(TESTS.glob("*.yaml")), ids=lambda path: path.stem)
def test_alerts_do_what_their_tests_say(file: Path, tmp_path: Path) -> None:
    assert promtool(file, tmp_path) == ""


def test_each_alert_is_tested_to_fire_to_stay_silent_and_to_be_over() -> None:
    assert without_tests() == []


def test_no_test_is_about_an_alert_that_is_gone() -> None:
    assert cases().keys() - {each.name for each in alerts()} == set()


def test_each_alert_leads_to_its_entry_in_the_runbook() -> None:
    assert without_runbook(ROOT / "RUNBOOK.md") == []


def test_an_alert_without_an_entry_is_found(tmp_path: Path) -> None:
    runbook = tmp_path / "RUNBOOK.md"
    runbook.write_text("## QueryDrift\n### SearchDegraded\ntext ## SearchUnavailable\n")
    assert set(without_runbook(runbook)) == {each.name for each in alerts()} - {"QueryDrift"}
    assert len(without_runbook(tmp_path / "none.md")) == len(alerts())


def test_each_alert_has_one_name_a_severity_and_the_words_that_a_person_needs() -> None:
    names = [each.name for each in alerts()]
    assert len(names) == len(set(names))
    for each in alerts():
        assert each.labels.keys() == {"severity"}, each.name
        assert each.labels["severity"] in {"critical", "warning"}, each.name
        assert each.annotations.keys() == {"summary", "description", "runbook_url", "dashboard"}, each.name
        assert each.annotations["dashboard"] in {"rollout", "views", "service", "cost-and-drift"}, each.name


def test_new_series_are_named_by_level_metric_and_operation() -> None:
    assert [name for name in recorded() if name.count(":") != 2] == []


def test_rules_wait_for_problems_that_the_controller_can_have() -> None:
    matchers = [found for _, each in expressions() for found in re.findall(r'problem=~?"([^"]+)"', each)]
    source = "".join(path.read_text() for path in (ROOT / "service/turnout/controller").glob("*.py"))
    actions = {f"{tag}-failed" for tag in re.findall(r'tag="(\w+)"', source)}
    words = {word for matcher in matchers for word in matcher.split("|")}
    assert len(words) > 15
    assert {word for word in words - actions if f'"{word}"' not in source} == set()
