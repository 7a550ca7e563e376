"""`turnout judge` finds trials of the past in a real Prometheus and judges them again."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.past_trials import START, Pods, openmetrics
from support.prometheus import BUILD, Running, backfill
from turnout.cli.main import main

MINUTE = 60
STABLE, GOOD = "5c9d7b8f6d", "7f86c9d5b4"
BEFORE, BAD, LATER = "9b8c6d7f5d", "66d4b7c8f9", "844c5d6b7f"
ONE, TWO, THREE = "r-1111111111111111", "r-2222222222222222", "r-3333333333333333"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Three collections in three hours of a day long ago: promoted, stopped and tried again, too little traffic."""
    folder = tmp_path_factory.mktemp("prometheus")
    rare = {"collection": "rare", "rate": 0.2, "pods": 1}
    failed = {"collection": "failed", "release": ONE}
    history = openmetrics(
        Pods(STABLE, 0, 55 * MINUTE, release=ONE),
        Pods(GOOD, 30 * MINUTE + 7, 70 * MINUTE, release=TWO, pods=1, rate=5),
        Pods(BEFORE, 0, 80 * MINUTE, **failed),
        Pods(BAD, 30 * MINUTE, 42 * MINUTE, release=TWO, pods=1, rate=5, errors=0.06, collection="failed"),
        Pods(LATER, 60 * MINUTE, 70 * MINUTE, release=THREE, pods=1, rate=5, collection="failed"),
        Pods("6f5d4c8b9c", 0, 60 * MINUTE, release=ONE, **rare),
        Pods("57b9f6d8c4", 30 * MINUTE, 60 * MINUTE, release=TWO, **rare),
    )
    backfill(history, folder / "data", build=BUILD)
    with Running(folder, build=BUILD) as running:
        yield running.url


class Judged:
    """Runs the command against that Prometheus, from a folder without artifacts."""

    def __init__(self, url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._url, self._monkeypatch, self._capsys = url, monkeypatch, capsys

    def __call__(self, collection: str, *more: str, since: str = "2025-03-01T10:10:00Z") -> tuple[int, str]:
        """Exit code, and what was said, on either channel."""
        words = ["judge", "--rollout", f"search-{collection}", "--since", since, "--prometheus", self._url, *more]
        self._monkeypatch.setattr(sys, "argv", ["turnout", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        assert isinstance(ended.value.code, int)
        said = self._capsys.readouterr()
        return ended.value.code, said.out + said.err

    def record(self, collection: str, *more: str) -> tuple[int, dict[str, Any]]:
        """Exit code, and the JSON that was printed."""
        code, said = self(collection, "--format", "json", *more)
        record: dict[str, Any] = json.loads(said)
        return code, record


@pytest.fixture
def judged(url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Judged:
    monkeypatch.chdir(tmp_path)
    return Judged(url, monkeypatch, capsys)


def test_a_promoted_canary_is_found_with_its_releases_and_times_and_passes_again(judged: Judged) -> None:
    code, record = judged.record("toys")
    past, judgment = record["trial"], record["judgment"]
    assert (code, judgment["verdict"], past["end"]) == (0, "pass", "promoted")
    assert (past["trial"]["stable"], past["trial"]["canary"]) == (STABLE, GOOD)
    assert (past["stable_release"], past["canary_release"]) == (ONE, TWO)
    assert past["trial"]["since"] == START + 30 * MINUTE + 7
    assert past["until"] == START + 55 * MINUTE
    assert {one["metric"] for one in judgment["evidence"]} == {"errors", "latency", "degraded", "empty"}
    assert "the defaults" in record["gates"]


def test_a_stopped_canary_fails_again_with_its_reason_evidence_and_picture(judged: Judged, tmp_path: Path) -> None:
    picture = tmp_path / "trial.png"
    code, said = judged("failed", "--plot", str(picture))
    assert code == 1
    assert said.startswith("fail  search-failed: canary r-2222222222222222 (66d4b7c8f9)")
    for part in ("errors", "not worse", "2025-03-01T10:30:00Z to 2025-03-01T10:42:00Z, 12 min", "stopped", "picture"):
        assert part in said
    assert "Other trials" in said
    assert LATER in said
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_another_trial_of_the_range_is_judged_by_naming_its_canary_or_a_later_start(judged: Judged) -> None:
    code, record = judged.record("failed", "--canary", LATER)
    assert record["trial"]["canary_release"] == THREE
    assert [other["trial"]["canary"] for other in record["others"]] == [BAD]
    assert code in (0, 1)
    assert THREE in judged("failed", since="2025-03-01T10:50:00Z")[1]


def test_until_stops_the_judgment_in_the_middle(judged: Judged) -> None:
    _, record = judged.record("toys", "--until", "2025-03-01T10:31:30Z")
    assert record["trial"]["end"] == "running"
    assert record["judgment"]["until"] <= START + 91.5 * MINUTE
    assert record["judgment"]["windows"] <= 2


def test_the_same_trial_is_judged_the_same_however_the_range_was_given(judged: Judged) -> None:
    whole = judged.record("toys")[1]["judgment"]
    code, said = judged("toys", "--format", "json", since=str(START + 20 * MINUTE + 3))
    assert (code, json.loads(said)["judgment"]) == (0, whole)


def test_too_little_traffic_is_inconclusive_and_says_how_much_more_it_takes(judged: Judged) -> None:
    code, said = judged("rare")
    assert code == 1
    assert said.startswith("inconclusive")
    assert "more searches of the canary" in said


@pytest.mark.parametrize(
    ("collection", "since", "what", "remedy"),
    [
        ("unknown", "2025-03-01T10:10:00Z", "nothing was served", "search-failed, search-rare, search-toys"),
        ("toys", "2025-03-02", "no searches of any collection", "another --since"),
        ("toys", "2025-03-01T11:05:00Z", "no canary came up", "an earlier --since"),
        ("toys", "2025-03-01T10:40:00Z", "one was running then", "--since 2025-03-01T10:2"),
    ],
)
def test_a_range_without_a_trial_is_bad_input_that_says_what_there_is(
    collection: str, since: str, what: str, remedy: str, judged: Judged
) -> None:
    code, said = judged(collection, since=since)
    assert code == 2
    assert what in said
    assert remedy in said


def test_the_start_that_is_proposed_for_a_running_trial_finds_it(judged: Judged) -> None:
    proposed = judged("toys", since="2025-03-01T10:40:00Z")[1].split("give --since ")[1].split()[0]
    assert judged("toys", since=proposed)[0] == 0


def test_a_server_that_is_no_prometheus_ends_with_3(judged: Judged, url: str) -> None:
    code, said = judged("toys", "--prometheus", f"{url}/nowhere")
    assert code == 3
    assert "/nowhere" in said
