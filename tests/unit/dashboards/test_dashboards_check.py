"""Which panels have data, which may be quiet, which are empty; and what a query becomes before it is asked."""

from __future__ import annotations

import numpy as np
import pytest

from turnout.dashboards.check import Checked, Span, check, collections, filled_in, must_know, named
from turnout.dashboards.panels import Dashboard, Mark, Panel, Query, Section
from turnout.errors import BadInput, EnvironmentProblem, Refused, Unavailable
from turnout.prometheus import Answer, Series
from turnout.prometheus.series import Point

SPAN = Span(1_000_000.0, 1_003_600.0)


class FakePrometheus:
    """Answers expressions with values; what it doesn't know finds nothing."""

    where = "http://prometheus.test"

    def __init__(self, answers: dict[str, list[float] | Exception]) -> None:
        self.answers = answers

    def query_range(self, promql: str, start: float, end: float, step: float, **_: float) -> Answer:
        found = self.answers.get(promql, [])
        if isinstance(found, Exception):
            raise found
        points = [Point(start + number * step, value) for number, value in enumerate(found)]
        return Answer((Series({"collection": "toys"}, points),) if points else ())


def board(*panels: Panel, marks: tuple[Mark, ...] = ()) -> Dashboard:
    return Dashboard("x", "X", "", (Section("all", panels),), marks)


def panel(*queries: Query, quiet: str = "") -> Panel:
    return Panel("p", "short", "", queries, quiet=quiet)


def looked(answers: dict[str, list[float] | Exception], made: Panel) -> tuple[str, str]:
    (checked,) = check([board(made)], FakePrometheus(answers), "toys", span=SPAN)  # type: ignore[arg-type]
    return checked.panels[0].found, checked.panels[0].reason


def test_a_panel_with_a_number_has_data_and_one_without_is_empty() -> None:
    assert looked({"a": [0.0]}, panel(Query("a", ""))) == ("data", "")
    assert looked({}, panel(Query("a", ""))) == ("empty", "")


def test_no_number_is_no_data() -> None:
    assert looked({"a": [np.nan, np.inf]}, panel(Query("a", ""))) == ("empty", "")


def test_what_may_be_quiet_is_quiet_with_its_reason() -> None:
    assert looked({}, panel(Query("a", ""), quiet="no canary")) == ("quiet", "no canary")
    assert looked({}, panel(Query("a", "", quiet="no canary"), Query("b", "", quiet="no model"))) == (
        "quiet",
        "no canary; no model",
    )


def test_one_query_that_must_find_something_and_doesnt_empties_its_panel() -> None:
    both = panel(Query("a", "", quiet="no canary"), Query("b", ""))
    assert looked({"a": [1.0]}, both)[0] == "empty"
    assert looked({}, both)[0] == "empty"
    assert looked({"b": [1.0]}, both)[0] == "data"


def test_a_query_that_prometheus_rejects_is_broken_though_it_may_be_quiet() -> None:
    refused = Refused("Prometheus rejects the query (HTTP 400: parse error)")
    assert looked({"a": refused}, panel(Query("a", ""), quiet="no canary")) == ("broken", refused.what)


def test_a_dashboard_is_bad_for_what_is_empty_or_broken_and_not_for_what_is_quiet_or_unmarked() -> None:
    def bad(answers: dict[str, list[float] | Exception], made: Dashboard) -> bool:
        checked: tuple[Checked, ...] = check([made], FakePrometheus(answers), "toys", span=SPAN)  # type: ignore[arg-type]
        return checked[0].bad

    marked = board(panel(Query("a", ""), quiet="-"), marks=(Mark("m", "m", "", "red"),))
    assert not bad({}, marked)
    assert bad({"m": Refused("no")}, marked)
    assert bad({}, board(panel(Query("a", ""))))


def test_it_ends_when_prometheus_goes_away() -> None:
    with pytest.raises(Unavailable):
        looked({"a": Unavailable("gone")}, panel(Query("a", "")))


def test_variables_are_replaced_and_a_name_cant_leave_its_string() -> None:
    asked = 'rate(a{collection="$collection"}[$__rate_interval])'
    assert filled_in(asked, "toys", SPAN) == 'rate(a{collection="toys"}[60s])'
    assert filled_in(asked, 'x"} or up{a="\\', SPAN) == 'rate(a{collection="x\\"} or up{a=\\"\\\\"}[60s])'


def test_a_longer_time_has_longer_steps_and_rates_without_holes() -> None:
    day = Span(0.0, 86_400.0)
    assert (day.step, day.rate_interval) == (360.0, "375s")
    assert Span(0.0, 60.0).step == 5.0


def test_what_sums_up_a_month_is_asked_for_less_often_and_never_more_often() -> None:
    slow = Panel("p", "short", "", (Query("a", ""),), every_s=300.0)
    assert (SPAN.step, SPAN.step_of(slow), Span(0.0, 30 * 86_400.0).step_of(slow)) == (15.0, 300.0, 10_800.0)
    (checked,) = check([board(slow)], FakePrometheus({"a": [1.0, 2.0]}), "toys", span=SPAN)  # type: ignore[arg-type]
    assert checked.panels[0].answers[0].series[0].times.tolist() == [SPAN.start, SPAN.start + 300.0]


def test_a_series_is_named_by_its_labels_and_steers_no_terminal() -> None:
    assert named("{{metric}} of {{ release }}", {"metric": "errors", "release": "r-1"}) == "errors of r-1"
    assert named("{{release}} {{gone}}", {"release": "r-\x1b[31m1"}) == "r-\\x1b[31m1"


def test_a_prometheus_without_the_metrics_and_an_unknown_collection_are_told_apart() -> None:
    with pytest.raises(EnvironmentProblem, match="has none of turnout's metrics") as none:
        must_know("toys", (), where="p")
    assert "is the PodMonitor applied" in none.value.remedy
    with pytest.raises(BadInput, match="knows no collection 'nope'") as other:
        must_know("nope", ("books", "toys"), where="p")
    assert other.value.remedy == "it knows books, toys"
    must_know("toys", ("books", "toys"), where="p")


def test_what_isnt_prometheus_is_the_environments_fault() -> None:
    class Other(FakePrometheus):
        def query_range(self, promql: str, start: float, end: float, step: float, **_: float) -> Answer:
            raise Refused("what answers isn't Prometheus")

    with pytest.raises(EnvironmentProblem, match="isn't Prometheus"):
        collections(Other({}), SPAN)  # type: ignore[arg-type]
