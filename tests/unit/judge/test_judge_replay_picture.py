"""The picture of a trial: what is drawn, from which numbers."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from matplotlib.figure import Figure

from support.past_samples import simulated
from support.past_trials import START
from turnout.canary.judgment import Evidence
from turnout.judge.picture import draw, picture
from turnout.judge.picture_curves import BINS, decided_at, shares, shown_bound, traffic
from turnout.judge.replay_judged import Replay


def evidence_of(replayed: Replay, metric: str) -> Evidence:
    return next(one for one in replayed.judgment.evidence if one.metric == metric)


def texts(figure: Figure) -> str:
    """All that is written in the figure, but for the numbers of its axes."""
    shown = [text.get_text() for axes in figure.axes for text in axes.texts]
    return "\n".join(shown + [axes.get_title(loc="left") for axes in figure.axes])


@pytest.fixture(scope="module")
def healthy() -> Replay:
    return simulated()


@pytest.fixture(scope="module")
def failing() -> Replay:
    return simulated(errors=0.05)


def test_shares_so_far_end_at_the_share_of_all_searches(failing: Replay) -> None:
    canary, stable = shares(failing.samples, evidence_of(failing, "errors"))
    side = failing.samples.canary
    assert canary.so_far[-1] == pytest.approx(side.errors.sum() / side.requests.sum())
    assert stable.so_far[-1] < 0.01 < canary.so_far[-1]


def test_a_long_trial_is_drawn_in_few_bins_without_losing_a_search() -> None:
    long = simulated(windows=250)
    ends, canary, stable = traffic(long.samples)
    assert len(ends) <= BINS
    assert ends[-1] == long.samples.ends[-1]
    lengths = np.diff(ends, prepend=START)
    assert (canary * lengths).sum() == pytest.approx(long.samples.canary.requests.sum())
    assert stable.mean() == pytest.approx(45, rel=0.02)


def test_a_bin_without_searches_is_a_gap_and_no_zero(healthy: Replay) -> None:
    requests = healthy.samples.canary.requests.copy()
    requests[:5] = 0
    side = replace(healthy.samples.canary, requests=requests, errors=np.where(requests, 0.0, 0.0))
    canary, _ = shares(replace(healthy.samples, canary=side), evidence_of(healthy, "errors"))
    assert np.isnan(canary.each[:5]).all()
    assert np.isfinite(canary.each[5:]).all()


def test_slow_answers_are_drawn_at_the_bound_that_failed_the_canary_else_at_stables_tail(healthy: Replay) -> None:
    slow = simulated(slower=1.3)
    failed = evidence_of(slow, "latency")
    assert slow.judgment.verdict == "fail"
    assert shown_bound(slow.samples, failed) == failed.bound
    assert shown_bound(healthy.samples, evidence_of(healthy, "latency")) == 0.25


def test_the_verdicts_moment_is_the_first_failure_or_the_last_pass_or_none(healthy: Replay, failing: Replay) -> None:
    assert decided_at(failing.judgment) == evidence_of(failing, "errors").failed_at
    assert decided_at(healthy.judgment) == max(one.passed_at for one in healthy.judgment.evidence)
    undecided = msgspec.structs.replace(failing.judgment, verdict="inconclusive")
    assert decided_at(undecided) is None


def test_every_metric_has_its_panels_and_the_headline_says_who_when_and_why(failing: Replay) -> None:
    figure = picture(failing, rollout="search-toys")
    assert len(figure.axes) == 1 + 2 * len(failing.judgment.evidence) + 1
    written = texts(figure)
    for part in ("search-toys: FAIL", "r-2222222222222222", "7f86c9d5b4", "2025-03-01 10:00:00", "UTC"):
        assert part in written
    assert failing.judgment.reason in written.replace("\n", " ")


def test_evidence_beyond_the_panel_runs_along_its_edge(failing: Replay) -> None:
    worse = evidence_of(failing, "errors")
    assert worse.harm > 20
    below = picture(failing, rollout="search-toys").axes[2]
    low, high = below.get_ylim()
    curves = [line.get_ydata() for line in below.lines if len(line.get_ydata()) == 60]
    assert len(curves) == 2
    assert all(low < np.min(curve) and np.max(curve) < high for curve in curves)


def test_a_trial_that_was_decided_in_its_first_window_shows_its_points() -> None:
    short = simulated(windows=1, errors=0.5)
    curves = [line for axes in picture(short, rollout="r").axes for line in axes.lines if len(line.get_xdata()) == 1]
    assert curves
    assert all(line.get_marker() == "o" for line in curves)


def test_a_trial_without_a_window_is_a_picture_that_says_so() -> None:
    assert "Nothing was counted" in texts(picture(simulated(windows=0), rollout="search-toys"))


def test_what_prometheus_says_is_neither_formula_nor_command(failing: Replay) -> None:
    hostile = replace(failing.past, canary_release="$\\frac{1}$\x1b[31m\n" + "x" * 500)
    written = texts(picture(replace(failing, past=hostile), rollout="search-toys"))
    assert "\x1b" not in written
    assert "x" * 50 not in written


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_the_file_is_what_its_suffix_says(suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"trial.{suffix}"
    draw(simulated(windows=5), file, rollout="search-toys")
    if suffix == "png":
        data = file.read_bytes()
        assert data.startswith(b"\x89PNG")
        assert [int.from_bytes(data[at : at + 4]) for at in (16, 20)] == [3200, 2000]
    else:
        assert ElementTree.parse(file).getroot().tag.endswith("svg")  # noqa: S314
