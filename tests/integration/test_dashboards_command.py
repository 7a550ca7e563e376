"""`turnout dashboards` against a real Prometheus that has an hour of a collection, and against one that has nothing."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from matplotlib.image import imread

from support.observing import COLLECTION
from support.oncall_story import openmetrics
from support.prometheus import BUILD, Running, backfill
from turnout.cli.main import main
from turnout.dashboards.every import EVERY

QUIET = {"Age of the ledger of deletes", "Deletes in the ledger", "Failed looks and actions"}
"""What didn't happen in the story."""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus with the story of the last hour."""
    folder = tmp_path_factory.mktemp("prometheus")
    backfill(openmetrics(time.time()), folder / "data", build=BUILD)
    with Running(folder, build=BUILD) as running:
        yield running.url


class Ran:
    """Runs the command; gives its exit code and what it said."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, url: str, *more: str, collection: str = COLLECTION) -> tuple[int, str]:
        words = ["dashboards", "--collection", collection, "--prometheus", url, "--since", "61m", *more]
        self._monkeypatch.setattr(sys, "argv", ["turnout", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        said = self._capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, said.out + said.err

    def panels(self, url: str, *more: str) -> tuple[int, dict[str, dict[str, Any]]]:
        """Exit code, and what was found by dashboard and title."""
        code, said = self(url, "--format", "json", *more)
        boards = json.loads(said[said.index("{") :])["dashboards"]
        return code, {f"{board['name']}: {panel['title']}": panel for board in boards for panel in board["panels"]}


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ran:
    monkeypatch.delenv("TURNOUT_PROMETHEUS_URL", raising=False)
    return Ran(monkeypatch, capsys)


def test_every_panel_has_data_of_a_trial_but_those_of_which_nothing_happened(ran, url) -> None:
    code, panels = ran.panels(url)
    assert code == 0
    assert {name.split(": ", 1)[1] for name, panel in panels.items() if panel["found"] == "quiet"} == QUIET
    assert {panel["found"] for panel in panels.values()} == {"data", "quiet"}
    assert len(panels) == sum(len(board.panels) for board in EVERY)
    assert panels["rollout: Latency p99"]["queries"][0]["series"] == 2  # stable and canary


def test_the_moments_that_are_marked_are_the_flip_and_the_abort(ran, url) -> None:
    _, said = ran(url, "--only", "rollout", "--format", "json")
    (board,) = json.loads(said[said.index("{") :])["dashboards"]
    assert [mark["found"] for mark in board["marks"]] == [True, True]


def test_a_dashboard_is_drawn_into_a_picture(ran, url, tmp_path: Path) -> None:
    code, said = ran(url, "--draw", str(tmp_path / "new" / "folder"), "--only", "rollout")
    assert code == 0
    assert "0 quiet, 0 empty, 0 broken" in said
    drawn = {path.stem: imread(path) for path in (tmp_path / "new" / "folder").iterdir()}
    assert set(drawn) == {"rollout"}
    for picture in drawn.values():
        assert picture.shape[1] > 1500
        assert (picture[..., :3].min(axis=2) < 0.5).mean() > 0.003  # neither white nor nearly so


def test_a_panel_that_must_have_data_and_has_none_is_a_finding(ran, tmp_path: Path) -> None:
    """Pods are scraped, and their release is all that they tell."""
    info = f'turnout_release_info{{collection="{COLLECTION}",release="r-1"}} 1 {time.time() - 60:.0f}'
    backfill(f"{info}\n# EOF\n", tmp_path / "data", build=BUILD)
    with Running(tmp_path, build=BUILD) as running:
        code, panels = ran.panels(running.url)
        _, said = ran(running.url, "--draw", str(tmp_path), "--only", "cost-and-drift")
    assert code == 1
    assert panels["rollout: Traffic"]["found"] == "empty"
    assert panels["rollout: Verdict"] | {"queries": []} == {
        "title": "Verdict",
        "found": "quiet",
        "reason": "no canary is on trial",
        "queries": [],
    }
    assert "empty" in said
    assert (tmp_path / "cost-and-drift.png").exists()


def test_an_unknown_collection_is_bad_input_and_the_known_ones_are_told(ran, url) -> None:
    code, said = ran(url, collection='x"} or up{')
    assert code == 2
    assert f"it knows {COLLECTION}" in said


def test_a_prometheus_without_the_metrics_says_where_to_look(ran, tmp_path: Path) -> None:
    with Running(tmp_path, build=BUILD) as empty:
        code, said = ran(empty.url)
    assert code == 3
    assert "has none of turnout's metrics" in said
    assert "is the PodMonitor applied" in said


def test_a_prometheus_that_is_away_or_is_none_is_the_environment(ran, url, monkeypatch) -> None:
    monkeypatch.setattr("turnout.dashboards.check.KNOWN_WITHIN_S", 0.4)
    assert ran("http://127.0.0.1:9")[0] == 3
    assert ran(f"{url}/graph")[0] == 3
