"""Every metric that is exported is asked for or excused, and none is asked for that isn't exported."""

from __future__ import annotations

import re

import pytest

from support import exported as accounting
from support.exported import exported, named, unaccounted, unknown, unshown
from support.go_modules import ROOT


def test_every_exported_metric_is_asked_for_or_excused() -> None:
    assert unaccounted() == []


def test_no_dashboard_rule_or_analysis_asks_for_a_metric_that_nobody_exports() -> None:
    assert unknown() == []


def test_each_exception_says_why() -> None:
    assert all(len(reason) > 30 for reason in unshown().values())


def test_no_process_exports_metrics_that_arent_looked_at_here() -> None:
    made = {
        str(path.relative_to(ROOT / "service/turnout"))
        for path in (ROOT / "service/turnout").rglob("*.py")
        if re.search(r"\bCollectorRegistry\(\)|\bREGISTRY\b", path.read_text("utf-8"))
    }
    assert made == {"retrieval/metrics.py", "cli/controller.py", "cli/view_metrics.py", "cli/ledger.py"}


def test_every_exported_metric_is_explained_and_no_other() -> None:
    page = (ROOT / "manifests/components/monitoring/METRICS.md").read_text("utf-8")
    cells = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    explained = {name.removesuffix("_total") for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    assert explained == {name.removesuffix("_total") for name in exported()}


def test_metrics_are_found_by_their_series() -> None:
    found = exported()
    assert found["http_requests"] == {"http_requests_total"}
    assert "http_request_duration_seconds_bucket" in found["http_request_duration_seconds"]
    assert found["turnout_ready"] == {"turnout_ready"}


@pytest.mark.parametrize(
    ("promql", "names"),
    [
        ('sum by (le, b) (rate(a_total{c=~"x|y", d!=""}[5m])) > bool 0', {"a_total"}),
        ("a / on (b) group_left (c) d unless ignoring (e) f", {"a", "d", "f"}),
        ("sum_over_time(slo:bad:rate5m[30d:1m] offset 1h) * 2.5e3", {"slo:bad:rate5m"}),
        ('count({__name__=~"a|b"}) or vector(1)', {"a", "b"}),
        ('label_replace(a, "b", "$1", "c", "(.*)") and on () d{e="f{g}"}', {"a", "d"}),
        ("histogram_quantile(0.9, sum by (le) (rate(a_bucket[$__rate_interval])))", {"a_bucket"}),
        ("1 - a atan2 b", {"a", "b"}),
    ],
)
def test_the_metrics_of_an_expression_are_told_from_its_words(promql: str, names: set[str]) -> None:
    assert named(promql) == names


def test_a_metric_that_nobody_asks_for_and_an_exception_that_isnt_needed_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(accounting, "exported", lambda: {"new": frozenset({"new_total"}), "up": frozenset({"up"})})
    monkeypatch.setattr(accounting, "asked", lambda: iter([("here", "up or gone")]))
    monkeypatch.setattr(accounting, "unshown", lambda: {"old": "why"})
    assert unaccounted() == ["new", "old (an exception)"]
    assert unknown() == ["here: gone"]
