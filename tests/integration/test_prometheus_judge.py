"""Trials out of a real Prometheus with written history: the expressions mean there what the samples take them for."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from support.judging import Counts, ScrapedPod, Scraper
from support.prometheus import BUILD, Running, backfill
from turnout.canary.samples import Samples
from turnout.judge.traffic import judge_traffic, sample
from turnout.judge.trial import Trial
from turnout.prometheus import Prometheus
from turnout.release.artifacts import CanaryGates

HOUR = 3600.0
# Of the past, so that nothing depends on how long the test takes.
NOW = float(int(time.time())) - 120.0
SINCE = NOW - 1215.0
TRIAL = Trial("toys", stable="aaa", canary="bbb", since=SINCE, window_s=30.0)
FIELDS = ("requests", "errors", "degraded", "empty", "answered", "slow")


def pod(
    instance: str, template_hash: str, *, start: float, per_s: float, failing: float = 0.0, every: float = 15.0
) -> ScrapedPod:
    """Scraped until now; a share of its searches fails from the trial's start on."""
    made = ScrapedPod(instance, template_hash)
    for at in np.arange(start + sum(map(ord, instance)) % 15, NOW + 60, every):
        searches = math.floor((at - start) * per_s)
        failed = math.floor(max(0.0, at - max(start, SINCE)) * per_s * failing)
        ok = searches - failed
        counts = Counts(ok, failed, memory=searches // 200, degraded=searches // 100, empty=searches // 50)
        made.scrape(float(at), start, replace(counts, within=(float(ok // 2), float(ok - ok // 100))))
    return made


def stable(template_hash: str, place: int) -> list[ScrapedPod]:
    return [
        pod(f"10.{place}.0.1:8080", template_hash, start=SINCE - HOUR, per_s=6.0),
        pod(f"10.{place}.0.2:8080", template_hash, start=SINCE - HOUR / 6, per_s=6.0),
    ]


def canary(template_hash: str, place: int, **more: float) -> ScrapedPod:
    return pod(f"10.{place}.0.9:8080", template_hash, start=SINCE - 70.0, per_s=4.0, **more)


def restarted(template_hash: str, place: int) -> ScrapedPod:
    before = canary(template_hash, place)
    again = pod(before.instance, template_hash, start=SINCE + 300.0, per_s=4.0)
    before.scrapes = [each for each in before.scrapes if each.time < SINCE + 290.0] + again.scrapes
    return before


def unscraped(one: ScrapedPod) -> ScrapedPod:
    one.scrapes = [
        replace(each, series=None) if SINCE + 300 < each.time < SINCE + 400 else each for each in one.scrapes
    ]
    return one


def without(pods: list[ScrapedPod], begin: float, end: float) -> list[ScrapedPod]:
    """Prometheus itself was away, so that it repeats old values for a while."""
    for each in pods:
        each.scrapes = [scrape for scrape in each.scrapes if not begin < scrape.time < end]
    return pods


PODS = [
    *stable("aaa", 1),
    canary("bbb", 1),
    canary("failing", 2, failing=0.2),
    restarted("restarted", 3),
    unscraped(canary("unscraped", 4)),
    *without([*stable("ddd", 5), canary("away", 5)], SINCE + 300, SINCE + 400),
    *without([*stable("eee", 6), canary("deleted", 6)], 0.0, SINCE + 400),
]


@contextmanager
def prometheus_of(pods: list[ScrapedPod], folder: Path, *options: str) -> Iterator[Prometheus]:
    backfill(Scraper(pods).openmetrics(), folder / "data", build=BUILD)
    with Running(folder, build=BUILD, options=options) as running:
        client = Prometheus(running.url)
        yield client
        client.close()


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    with prometheus_of(PODS, tmp_path_factory.mktemp("prometheus")) as client:
        yield client


def assert_as_simulated(real: Samples, trial: Trial) -> None:
    """The simulation of Prometheus that the unit tests stand on gives the very same counts."""
    own = [each for each in PODS if each.template_hash in (trial.stable, trial.canary)]
    simulated = sample(trial, Scraper(own), now=NOW)
    assert real.problems == simulated.problems == ()
    assert real.bounds == simulated.bounds
    np.testing.assert_array_equal(real.ends, simulated.ends)
    for name in ("canary", "stable", "history", "history_pods"):
        for each in FIELDS:
            ours, theirs = (getattr(getattr(samples, name), each) for samples in (real, simulated))
            np.testing.assert_array_equal(ours, theirs, err_msg=f"{name}.{each}")


def test_a_good_canary_passes_and_every_count_is_that_of_the_pods(prometheus: Prometheus) -> None:
    found = sample(TRIAL, prometheus, now=NOW)
    assert_as_simulated(found, TRIAL)
    assert len(found.ends) == 40
    assert found.canary.requests.sum() == pytest.approx(1200 * 4, abs=60)
    assert found.stable.requests.sum() == pytest.approx(1200 * 12, abs=180)
    assert judge_traffic(TRIAL, CanaryGates(), prometheus, now=NOW).verdict == "pass"


def test_a_failing_canary_fails_within_two_windows(prometheus: Prometheus) -> None:
    judgment = judge_traffic(replace(TRIAL, canary="failing"), CanaryGates(), prometheus, now=SINCE + 90.0)
    assert judgment.verdict == "fail"
    assert judgment.windows == 2


@pytest.mark.parametrize(
    ("trial", "longest"),
    [
        (replace(TRIAL, canary="restarted"), 30.0),
        (replace(TRIAL, canary="unscraped"), 150.0),
        (replace(TRIAL, stable="ddd", canary="away"), 150.0),
    ],
)
def test_restarts_and_holes_are_what_they_look_like(prometheus: Prometheus, trial: Trial, longest: float) -> None:
    found = sample(trial, prometheus, now=NOW)
    assert_as_simulated(found, trial)
    assert np.diff(found.ends).max() == pytest.approx(longest, abs=31)
    assert judge_traffic(trial, CanaryGates(), prometheus, now=NOW).verdict == "pass"


def test_a_trial_whose_beginning_is_not_stored_is_inconclusive(prometheus: Prometheus) -> None:
    judgment = judge_traffic(replace(TRIAL, stable="eee", canary="deleted"), CanaryGates(), prometheus, now=NOW)
    assert judgment.verdict == "inconclusive"
    assert "older data may be deleted" in judgment.reason


def test_a_trial_that_retention_deleted_is_inconclusive(tmp_path: Path) -> None:
    pods = [
        pod("10.0.0.1:8080", "aaa", start=SINCE - 13 * HOUR, per_s=1.0, every=120.0),
        pod("10.0.0.3:8080", "bbb", start=SINCE - 12.5 * HOUR, per_s=1.0, every=120.0),
    ]
    long_ago = replace(TRIAL, since=SINCE - 12 * HOUR, window_s=240.0)
    with prometheus_of(pods, tmp_path, "--storage.tsdb.retention.time=3h") as prometheus:
        judgment = judge_traffic(long_ago, CanaryGates(), prometheus, now=NOW)
    assert judgment.verdict == "inconclusive"
    assert "older data may be deleted" in judgment.reason
