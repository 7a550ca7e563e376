"""The report in a terminal: short, complete, and nothing in it can act."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from support import gate_reports as made
from support.hostile_reports import PAYLOADS, hostile
from turnout.gate.report import text
from turnout.gate.report.numbers import clip, hours, interval, money, quantity, signed, times
from turnout.gate.result import CheckReport


def shown(report: CheckReport, width: int = 200) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None)
    for part in text(report):
        console.print(part)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_shows_collections_findings_key_figures_and_ends_with_the_verdict() -> None:
    said = shown(made.failing_by_quality())
    places = [
        said.index(part) for part in ("collection", "what stands against it", "gain in ndcg@10", "ANN recall", "Fail:")
    ]
    assert places == sorted(places)
    assert "compare model.yaml with the model's own card" in said


def test_a_refusal_that_is_lifted_shows_the_reason_of_the_override() -> None:
    said = shown(made.passing())
    assert "Lifted, because: agreed with the owner of the budget" in said
    assert "raise budget.per_backfill" not in said


def test_a_difference_that_rounds_to_zero_is_neither_gain_nor_loss() -> None:
    assert [signed(gain) for gain in (-0.0004, 0.0004, -0.0, -0.0006, 0.0006)] == [
        *("0.000", "0.000", "0.000"),
        *("-0.001", "+0.001"),
    ]
    assert interval(-0.002, 0.0001) == "-0.002 to 0.000"


@pytest.mark.parametrize("payload", [*PAYLOADS, "[bold red]x[/] [link=http://e.vil]y[/link]"])
def test_values_steer_no_terminal(payload: str) -> None:
    said = shown(hostile(payload, times=2))
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert clip(payload, 10)[:9] in said


def test_numbers_are_short_whatever_they_are() -> None:
    assert clip("a\nb\x1b", 10) == "a b\\x1b"
    assert clip("x" * 10**6, 5) == "xxxx…"
    assert [money(amount, "USD") for amount in (0.0, 0.00824, 1.2, 1200.0, 1e300)] == [
        "0 USD",
        "0.00824 USD",
        "1.20 USD",
        "1,200 USD",
        "1e+300 USD",
    ]
    assert [hours(number) for number in (0.001, 0.21, 5.0, 100.0)] == ["4 s", "12.6 min", "5.0 h", "4.2 days"]
    assert [times(base, head) for base, head in ((1.0, 1000.0), (2.0, 2.0), (0.0, 1.0), (None, 1.0))] == [
        "1,000 times",
        "the same",
        "-",
        "-",
    ]
    assert quantity(float("nan")) == "-"
