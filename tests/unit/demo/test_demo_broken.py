"""When the demo calls a canary's trial a broken promise."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from demo import scraped
from demo.summary import broken
from turnout.errors import EnvironmentProblem

GOOD = {"name": "good", "verdict": "pass", "expected": "pass", "alias_moved": True, "reason": "within the margins"}
SLOW = {"name": "slow", "verdict": "fail", "expected": "fail", "alias_moved": False, "reason": "latency"}
SUMMARY: dict[str, Any] = {
    "requests": {"sent": 2000, "failed": 0, "mixed": 0},
    "alias_reader": {"failed": 0},
    "writes": {"missing": 0},
    "deletes": {"resurrected": 0},
    "quality": {"gain_low": 0.1},
    "canary": {"left_out": "", "trials": [SLOW, GOOD]},
}


def changed(number: int, **changes: object) -> dict[str, Any]:
    summary = copy.deepcopy(SUMMARY)
    summary["canary"]["trials"][number] |= changes
    return summary


def test_the_expected_verdicts_break_nothing() -> None:
    assert broken(SUMMARY) == []


def test_a_stopped_good_canary_is_a_broken_promise() -> None:
    found = broken(changed(1, verdict="fail", alias_moved=False))
    assert len(found) == 2
    assert found[0].startswith("canary good: the verdict is fail, not pass")


def test_no_verdict_is_a_broken_promise() -> None:
    assert broken(changed(0, verdict="inconclusive")) != []


def test_an_alias_that_moves_to_a_stopped_canary_is_a_broken_promise() -> None:
    assert broken(changed(0, alias_moved=True)) == ["canary slow: the alias moved"]


def test_trials_that_were_left_out_break_nothing() -> None:
    assert broken(SUMMARY | {"canary": {"left_out": "no Prometheus", "trials": []}}) == []


@pytest.fixture
def no_prometheus(monkeypatch: pytest.MonkeyPatch) -> None:
    def binaries(*_: object) -> None:
        raise EnvironmentProblem("can't be fetched", where="prometheus")

    monkeypatch.setattr(scraped.prometheus, "binaries", binaries)


@pytest.mark.usefixtures("no_prometheus")
def test_without_prometheus_the_act_is_left_out_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    assert scraped.missing(tmp_path) == "prometheus: can't be fetched"


@pytest.mark.usefixtures("no_prometheus")
def test_in_ci_a_missing_prometheus_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(EnvironmentProblem):
        scraped.missing(tmp_path)
