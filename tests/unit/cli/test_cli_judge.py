"""`turnout judge` refuses what it can't understand before it asks anybody, and reads times as people write them."""

from __future__ import annotations

import importlib.util
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from support.artifact_files import GATES, TEXTS
from turnout.cli.judge_input import Options, canary_gates, check_plot
from turnout.cli.main import main
from turnout.cli.moments import lasting, moment, shown
from turnout.errors import BadInput, EnvironmentProblem
from turnout.release.artifacts import CanaryGates

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()
AWAY = "http://127.0.0.1:9"


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["turnout", "judge", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.mark.parametrize(
    ("text", "before_s"),
    [
        ("2h", 7200),
        ("90s", 90),
        ("15m", 900),
        ("15 min", 900),
        ("1.5h", 5400),
        ("3d", 3 * 86400),
        ("1w", 7 * 86400),
        ("2026-03-01T11:00:00Z", 3600),
        ("2026-03-01T11:00:00", 3600),
        ("2026-03-01 13:00:00+02:00", 3600),
        ("2026-03-01", 12 * 3600),
        (f"{NOW - 60:.0f}", 60),
        (f"{NOW - 60.5:.1f}", 60.5),
    ],
)
def test_a_time_is_iso_8601_unix_seconds_or_how_long_ago(text: str, before_s: float) -> None:
    assert moment(text, option="--since", now=NOW) == pytest.approx(NOW - before_s)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2 fortnights", "-2h", "2026-13-01", "5", "１０s", "\x1b[31m", "99999"]
)
def test_anything_else_is_no_time_and_the_remedy_shows_some(text: str) -> None:
    with pytest.raises(BadInput, match="is no time") as caught:
        moment(text, option="--since", now=NOW)
    assert caught.value.where == "--since"
    assert "2h" in caught.value.remedy
    assert "\x1b" not in caught.value.what


def test_a_moment_that_is_shown_can_be_given_again() -> None:
    assert moment(shown(NOW), option="--since", now=0.0) == NOW


@pytest.mark.parametrize(
    ("seconds", "text"), [(45, "45 s"), (600, "10 min"), (7200, "2 h"), (7500, "2 h 5 min"), (86400, "24 h")]
)
def test_a_length_of_time_is_shown_in_the_unit_that_fits(seconds: float, text: str) -> None:
    assert lasting(seconds) == text


WRONG = [
    (["--rollout", "toys", "--since", "2h"], "no Rollout of a collection", "search-COLLECTION"),
    (["--rollout", 'search-x"}', "--since", "2h"], "no Rollout of a collection", "search-COLLECTION"),
    (["--rollout", "search-toys", "--since", "soon"], "is no time", "how long ago"),
    (["--rollout", "search-toys", "--since", "2999-01-01"], "in the future", "earlier"),
    (["--rollout", "search-toys", "--since", "1h", "--until", "2h"], "--until", "later"),
    (["--rollout", "search-toys", "--since", "1h", "--until", "999999999d"], "--until", "later"),
    (["--rollout", "search-toys", "--since", "9999-12-31T23:59:59-12:00"], "in the future", "earlier"),
    (["--rollout", "search-toys", "--since", "2h", "--canary", 'x"}'], "no pod template hash", "rollouts-pod"),
    (["--rollout", "search-toys", "--since", "2h", "--plot", "trial.pdf"], "a .png or a .svg", "ends so"),
    (["--rollout", "search-toys", "--since", "2h", "--plot", "nowhere/at/all.png"], "no such folder", "make it"),
    (["--rollout", "search-toys", "--since", "2h", "--gates", "nowhere.yaml"], "nowhere.yaml", ""),
    (["--rollout", "search-toys", "--since", "2h", "--token-file", "nowhere"], "token can't be read", "readable"),
    (["--rollout", "search-toys", "--since", "2h", "--prometheus", "prom:9090"], "isn't one", "http://"),
    (["--rollout", "search-toys", "--since", "2h", "--window", "0"], "--window", ""),
    (["--rollout", "search-toys"], "--since", ""),
]


@pytest.mark.parametrize(("arguments", "what", "remedy"), WRONG, ids=lambda value: value[-1] if value else "-")
def test_bad_input_ends_with_2_and_says_what_to_do(
    arguments: list[str],
    what: str,
    remedy: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    # With its own default address, which nobody answers: what is wrong is found before that matters.
    monkeypatch.setenv("TURNOUT_PROMETHEUS_URL", AWAY)
    assert run(monkeypatch, *arguments) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert what in said
    assert remedy in said


def test_a_prometheus_that_is_away_ends_with_3_and_says_where(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("turnout.cli.judge._TIMEOUT_S", 0.2)
    assert run(monkeypatch, "--rollout", "search-toys", "--since", "2h", "--prometheus", AWAY) == 3
    assert AWAY in capsys.readouterr().err


def test_a_file_or_a_folder_that_can_not_be_written_is_found_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(BadInput, match="can't be written"):
        check_plot(tmp_path / "folder.png")


def test_without_matplotlib_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EnvironmentProblem) as caught:
        check_plot(tmp_path / "trial.svg")
    assert "turnout[check]" in caught.value.remedy


def options(**given: Path) -> Options:
    nothing = dict.fromkeys(Options.__dataclass_fields__)
    return Options(**{**nothing, **given})  # type: ignore[arg-type]


def test_gates_are_the_collections_a_file_of_ones_own_or_else_the_defaults(tmp_path: Path) -> None:
    assert canary_gates(options(), "toys", tmp_path)[0] == CanaryGates()
    assert "there is no" in canary_gates(options(), "toys", tmp_path)[1]
    own = tmp_path / "own.yaml"
    own.write_text(f"{TEXTS[GATES]}canary:\n  alpha: 0.002\n")
    assert canary_gates(options(gates_file=own), "toys", tmp_path) == (CanaryGates(alpha=0.002), str(own))
    folder = tmp_path / "pipelines" / "toys"
    folder.mkdir(parents=True)
    (folder / "gates.yaml").write_text(TEXTS[GATES])
    for root, asked in ((tmp_path, options()), (tmp_path / "other", options(pipelines=tmp_path / "pipelines"))):
        gates, where = canary_gates(asked, "toys", root)
        assert gates == CanaryGates()
        assert "has no `canary`" in where


def test_gates_that_are_not_valid_are_bad_input_with_their_line(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(f"{TEXTS[GATES]}canary:\n  alfa: 0.002\n")
    with pytest.raises(BadInput) as caught:
        canary_gates(options(gates_file=own), "toys", tmp_path)
    assert caught.value.where.startswith(f"{own}:")
