"""What the dashboards are made of, and the files that Grafana reads."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import get_args

import pytest
import yaml

from support import alerts
from support.go_modules import ROOT
from turnout.canary.judgment import Verdict
from turnout.controller.actions import State
from turnout.dashboards.every import EVERY
from turnout.dashboards.grafana import files, grafana_json
from turnout.dashboards.panels import COLUMNS, Dashboard, Panel, Query, Section, placed
from turnout.dashboards.picture_units import UNITS, scale
from turnout.dashboards.rollout import STATES, VERDICTS

MONITORING = ROOT / "manifests/components/monitoring"
PANELS = [(board.name, panel) for board in EVERY for panel in board.panels]
NAMES = [f"{name}: {panel.title}" for name, panel in PANELS]


def test_the_committed_files_are_what_the_code_makes() -> None:
    committed = {path.name: path.read_text("utf-8") for path in (MONITORING / "dashboards").iterdir()}
    assert committed == files(EVERY), "run: turnout dashboards --write manifests/components/monitoring/dashboards"


def test_each_file_becomes_a_config_map_that_grafanas_sidecar_takes_by_its_label() -> None:
    generated = yaml.safe_load((MONITORING / "kustomization.yaml").read_text())["configMapGenerator"]
    assert {path for each in generated for path in each["files"]} == {
        f"dashboards/{board.name}.json" for board in EVERY
    }
    for each in generated:
        assert each["options"]["labels"]["grafana_dashboard"] == "1"
        assert each["options"]["disableNameSuffixHash"] is True


@pytest.mark.parametrize(("board", "panel"), PANELS, ids=NAMES)
def test_a_panel_says_what_it_means_and_names_each_of_its_series(board: str, panel: Panel) -> None:
    assert len(panel.description) > 60
    assert panel.description.endswith(".")
    assert panel.unit in UNITS
    assert panel.queries
    assert all(query.legend for query in panel.queries)


@pytest.mark.parametrize("board", EVERY, ids=lambda board: board.name)
def test_panels_fill_the_width_and_none_lies_on_another(board: Dashboard) -> None:
    taken: set[tuple[int, int]] = set()
    for _, place in placed(board):
        cells = {(x, y) for x in range(place.x, place.x + place.width) for y in range(place.y, place.y + place.height)}
        assert not cells & taken
        assert place.x + place.width <= COLUMNS
        taken |= cells
    titles = [panel.title for panel in board.panels]
    assert len(titles) == len(set(titles))


def test_a_panel_that_doesnt_fit_begins_the_next_line_below_the_highest_one() -> None:
    def panel(title: str, width: int, height: int) -> Panel:
        return Panel(title, "short", "", (Query("up", ""),), width=width, height=height)

    row = Section("one", (panel("a", 10, 4), panel("b", 14, 8), panel("c", 8, 2)))
    board = Dashboard("x", "X", "", (row, Section("two", ())))
    places = {getattr(each, "title", ""): place for each, place in placed(board)}
    assert (places["b"].x, places["b"].y) == (10, 1)
    assert (places["c"].x, places["c"].y) == (0, 9)
    assert places["two"].y == 11


def test_grafana_is_told_the_collection_the_source_and_the_moments_to_mark() -> None:
    found = json.loads(grafana_json(EVERY[0]))
    variables = {each["name"]: each for each in found["templating"]["list"]}
    assert variables["collection"]["query"]["query"] == "label_values(turnout_release_info, collection)"
    assert variables["datasource"]["query"] == "prometheus"
    sources = {each["uid"] for each in _sources(found)}
    assert sources == {"${datasource}"}
    marks = {each["name"]: each for each in found["annotations"]["list"]}
    assert "flip" in marks["Alias moves, quarantines and retirements"]["expr"]
    assert all(mark["titleFormat"] and mark["textFormat"] for mark in marks.values())
    assert found["uid"] == "turnout-rollout"


def _sources(found: object) -> list[dict[str, str]]:
    if isinstance(found, list):
        return [source for each in found for source in _sources(each)]
    if not isinstance(found, dict):
        return []
    own = [found["datasource"]] if found.get("datasource") else []
    return own + [source for each in found.values() for source in _sources(each)]


def test_a_reader_of_an_empty_panel_in_grafana_is_told_why_it_may_be_empty() -> None:
    panels = {each["title"]: each for each in json.loads(grafana_json(EVERY[0]))["panels"]}
    assert "Empty if no canary is on trial." in panels["Verdict"]["description"]
    assert "Empty" not in panels["Traffic"]["description"]


def test_verdicts_and_states_are_the_words_of_the_code() -> None:
    assert {each.word for each in VERDICTS} == set(get_args(Verdict))
    assert [each.word for each in STATES] == list(get_args(State))
    assert all(before.value < after.value for each in (VERDICTS, STATES) for before, after in pairwise(each))


def test_each_query_asks_for_one_collection_or_for_all_of_them_on_purpose() -> None:
    for_all = re.compile(r"turnout_controller_leader|turnout_reconcile_seconds")
    queries = [query.promql for _, panel in PANELS for query in panel.queries]
    queries += [mark.promql for board in EVERY for mark in board.marks]
    assert [promql for promql in queries if '"$collection"' not in promql and not for_all.search(promql)] == []


def test_alerts_name_dashboards_that_there_are() -> None:
    named = {alert.annotations["dashboard"] for alert in alerts.alerts() if "dashboard" in alert.annotations}
    assert named <= {board.name for board in EVERY}


@pytest.mark.parametrize(
    ("unit", "value", "shown"),
    [
        ("s", 0.0005, "0.5 ms"),
        ("s", 90.0, "90 s"),
        ("s", 600.0, "10 min"),
        ("s", 4 * 86400.0, "4 d"),
        ("percentunit", 0.5, "50 %"),
        ("bytes", 2.5e9, "2.5 GB"),
        ("short", 0.25, "0.25"),
        ("reqps", 1500.0, "1.5 k/s"),
    ],
)
def test_values_are_shown_in_the_unit_that_fits(unit: str, value: float, shown: str) -> None:
    size, word = scale(unit, value)
    assert f"{value / size:g}{word}" == shown
