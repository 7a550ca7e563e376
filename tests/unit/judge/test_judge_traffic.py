"""Samples of a trial out of Prometheus' answers: every count once, both sides at the same time, bad data said."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from support.judging import Counts, Scrape, ScrapedPod, Scraper
from turnout.canary.samples import Samples
from turnout.errors import Refused, Unavailable
from turnout.judge.traffic import judge_traffic, sample
from turnout.judge.trial import Trial
from turnout.prometheus import Answer
from turnout.release.artifacts import CanaryGates

SINCE = 1_800_000_000.0
TRIAL = Trial("toys", stable="aaa", canary="bbb", since=SINCE, window_s=30.0)


def counts(ok: float, failed: float = 0, **more: float) -> Counts:
    return Counts(ok=ok, failed=failed, within=(ok // 2, ok), **more)


def steady(instance: str, template_hash: str, *, start: float, until: float, per_s: float = 1.0, **more) -> ScrapedPod:
    """A pod that is scraped every 15 s and answers so many searches a second."""
    pod = ScrapedPod(instance, template_hash, **more)
    for at in np.arange(start + 5.0, until, 15.0):
        pod.scrape(float(at), start, counts(math.floor((at - start) * per_s)))
    return pod


def pair(until: float = SINCE + 400.0) -> list[ScrapedPod]:
    return [
        steady("10.0.0.1:8080", "aaa", start=SINCE - 900.0, until=until, per_s=4.0),
        steady("10.0.0.2:8080", "bbb", start=SINCE - 60.0, until=until),
    ]


def sampled(pods: list[ScrapedPod], *, after: float = 315.0, trial: Trial = TRIAL) -> Samples:
    return sample(trial, Scraper(pods), now=trial.since + after)


def problem_of(pods: list[ScrapedPod], *, after: float = 315.0, trial: Trial = TRIAL) -> str:
    """The one problem; the judgment must then be inconclusive and say it."""
    scraper = Scraper(pods)
    found = sample(trial, scraper, now=trial.since + after)
    judged = judge_traffic(trial, CanaryGates(), scraper, now=trial.since + after)
    assert len(found.problems) == 1
    assert judged.verdict == "inconclusive"
    assert found.problems[0] in judged.reason
    return found.problems[0]


def test_windows_begin_at_the_trial_and_end_half_a_window_before_now() -> None:
    found = sampled(pair(), after=315.0)
    assert found.problems == ()
    assert list(found.ends) == [SINCE + 30.0 * place for place in range(1, 11)]
    assert list(sampled(pair(), after=314.9).ends) == [SINCE + 30.0 * place for place in range(1, 10)]


def test_each_window_counts_both_sides_and_history_counts_stable_before() -> None:
    found = sampled(pair())
    assert (found.canary.requests == 30).all()
    assert (found.stable.requests == 120).all()
    assert found.bounds == (0.1, 0.5)
    assert found.canary.slow.shape == (2, 10)
    assert (found.canary.slow[1] == 0).all()
    assert (found.history.requests[1:] == 120).all()
    assert found.history_pods is not None
    assert found.history_pods.requests.shape == (1, len(found.history.requests))
    assert found.history_pods.slow.shape == (1, 2, len(found.history.requests))


def test_errors_are_5xx_and_answers_from_memory() -> None:
    pods = pair()
    canary = pods[1]
    canary.scrapes = [
        Scrape(each.time, each.started, counts(20 * n, failed=n, memory=2 * n, degraded=3 * n, empty=4 * n).series())
        for n, each in enumerate(canary.scrapes)
    ]
    found = sampled(pods)
    assert (found.canary.requests == 42).all()
    assert (found.canary.errors == 6).all()
    assert (found.canary.degraded == 10).all()
    assert (found.canary.empty == 8).all()
    assert (found.canary.answered == 40).all()


def test_an_unchanged_past_gives_the_same_windows_at_every_later_look() -> None:
    early, late = sampled(pair(), after=200.0), sampled(pair(), after=380.0)
    same = len(early.ends)
    assert (late.ends[:same] == early.ends).all()
    assert (late.canary.requests[:same] == early.canary.requests).all()
    assert (late.history.requests == early.history.requests).all()


def test_what_a_restarted_process_counted_is_counted_from_zero() -> None:
    pods = pair()
    # Counters that are higher than before the restart: only the start tells.
    pods[1].scrapes = [
        Scrape(each.time, SINCE + 100.0, counts(1000 + round(each.time - SINCE)).series())
        if each.time > SINCE + 100.0
        else each
        for each in pods[1].scrapes
    ]
    found = sampled(pods)
    assert found.canary.requests[2] == 30
    assert found.canary.requests[3] > 1000
    assert (found.canary.requests[4:] == 30).all()


def test_a_counter_that_falls_is_a_restart_of_the_whole_pod() -> None:
    pods = pair()
    pods[1].scrapes = [
        Scrape(each.time, each.started, counts(round(each.time - SINCE - 100)).series())
        if each.time > SINCE + 100.0
        else each
        for each in pods[1].scrapes
    ]
    assert sampled(pods).canary.requests[3] == 10


def test_errors_of_the_process_before_are_not_counted_again_when_a_pod_restarts() -> None:
    pods = pair()
    for place, each in enumerate(pods[1].scrapes):
        new = each.time > SINCE + 100.0
        own = counts(round(each.time - SINCE - 100)) if new else counts(round(each.time - SINCE + 60), failed=50)
        pods[1].scrapes[place] = Scrape(each.time, SINCE + 100.0 if new else each.started, own.series())
    assert sampled(pods).canary.errors.sum() == 0


def test_the_first_error_of_a_pod_counts() -> None:
    pods = pair()
    pods[1].scrapes = [
        replace(each, series=counts(round(each.time - SINCE + 60), failed=3).series())
        if each.time > SINCE + 100
        else each
        for each in pods[1].scrapes
    ]
    assert list(sampled(pods).canary.errors) == [0, 0, 0, 3, 0, 0, 0, 0, 0, 0]


def test_a_pod_that_comes_later_counts_from_its_start() -> None:
    pods = [*pair(), steady("10.0.0.3:8080", "bbb", start=SINCE + 95.0, until=SINCE + 400.0, per_s=10.0)]
    found = sampled(pods)
    assert list(found.canary.requests[:3]) == [30, 30, 30]
    assert found.canary.requests[3] == 30 + 200
    assert found.canary.requests[4] == 30 + 300


def test_a_pod_that_is_found_late_counts_from_then_on() -> None:
    late = steady("10.0.0.3:8080", "bbb", start=SINCE - 500.0, until=SINCE + 400.0, per_s=10.0)
    late.scrapes = [each for each in late.scrapes if each.time > SINCE + 100.0]
    found = sampled([*pair(), late])
    assert list(found.canary.requests[:5]) == [30, 30, 30, 30, 30 + 300]


def test_a_pod_that_is_gone_keeps_what_it_counted() -> None:
    pods = [*pair(), steady("10.0.0.3:8080", "aaa", start=SINCE - 900.0, until=SINCE + 130.0, per_s=1.0)]
    pods[2].removed = SINCE + 160.0
    found = sampled(pods)
    assert len(found.ends) == 10
    assert (found.stable.requests[:4] == 150).all()
    assert (found.stable.requests[5:] == 120).all()


def test_windows_around_missing_scrapes_are_one_for_both_sides() -> None:
    pods = pair()
    pods[1].scrapes = [
        replace(each, series=None) if SINCE + 85 < each.time < SINCE + 155 else each for each in pods[1].scrapes
    ]
    found = sampled(pods)
    ends = [round(end - SINCE) for end in found.ends]
    assert ends == [30, 60, 90, 180, 210, 240, 270, 300]
    assert found.canary.requests[3] == 90
    assert found.stable.requests[3] == 360


def test_a_pod_that_cannot_be_scraped_now_is_waited_for() -> None:
    pods = pair()
    pods[1].scrapes = [replace(each, series=None) if each.time > SINCE + 155 else each for each in pods[1].scrapes]
    assert round(sampled(pods).ends[-1] - SINCE) == 150


def test_old_values_that_are_repeated_while_prometheus_was_away_are_no_windows() -> None:
    pods = pair()
    for pod in pods:
        pod.scrapes = [each for each in pod.scrapes if each.time < SINCE + 155]
    found = sampled(pods)
    assert round(found.ends[-1] - SINCE) == 150
    assert (found.canary.requests == 30).all()


def test_a_hole_across_the_start_moves_the_first_window() -> None:
    pods = pair()
    pods[0].scrapes = [each for each in pods[0].scrapes if not SINCE - 50 < each.time < SINCE + 40]
    found = sampled(pods)
    assert round(found.ends[0] - SINCE) == 90
    assert found.stable.requests[0] == 120


def test_a_stable_that_is_known_only_long_after_the_start_is_said() -> None:
    pods = pair(until=SINCE + 1000.0)
    for pod in pods:
        pod.scrapes = [each for each in pod.scrapes if each.time > SINCE + 500]
    assert "older data may be deleted" in problem_of(pods, after=900.0)


def test_nothing_scraped_for_long_is_said() -> None:
    assert "no pod was scraped since" in problem_of(pair(until=SINCE + 400), after=900.0)


def test_pods_that_are_scraped_less_often_than_windows_end_are_said() -> None:
    pods = pair()
    for offset, pod in enumerate(pods):
        pod.scrapes = pod.scrapes[2 * offset :: 4]
    assert "is each scraped at least every 30 s" in problem_of(pods)


BAD_TRIALS = {
    "starts in the future": replace(TRIAL, since=SINCE + 1000.0),
    "not one whole window": replace(TRIAL, since=SINCE + 300.0),
    "are no times": replace(TRIAL, window_s=math.nan),
    "template hashes": replace(TRIAL, canary='x"} or up{a="'),
    "are the same": replace(TRIAL, canary="aaa"),
    "too long": replace(TRIAL, since=SINCE - 1e7),
    "knows no pods": replace(TRIAL, canary="ccc"),
    "instead of collection": replace(TRIAL, collection="others"),
}


@pytest.mark.parametrize("said", BAD_TRIALS)
def test_a_trial_that_cannot_be_sampled_says_why(said: str) -> None:
    trial = BAD_TRIALS[said]
    scraper = Scraper(pair())
    found = sample(trial, scraper, now=SINCE + 315.0)
    assert said in found.problems[0]
    assert judge_traffic(trial, CanaryGates(), scraper, now=SINCE + 315.0).verdict == "inconclusive"


def _with(change: Callable[[list[ScrapedPod]], object]) -> list[ScrapedPod]:
    pods = pair()
    change(pods)
    return pods


def _twin(pods: list[ScrapedPod], **other: object) -> None:
    pods.append(replace(pods[1], scrapes=list(pods[1].scrapes), **other))


def _edit(pod: ScrapedPod, edit: Callable[[dict], dict]) -> None:
    pod.scrapes = [replace(each, series=edit(dict(each.series or {}))) for each in pod.scrapes]


def _without(name: str) -> Callable[[dict], dict]:
    return lambda series: {key: value for key, value in series.items() if key[0] != name}


def _other_bounds(pod: ScrapedPod) -> None:
    for place, each in enumerate(pod.scrapes):
        own = counts(round(each.time - SINCE + 60))
        pod.scrapes[place] = replace(each, series=own.series(bounds=(0.1, 0.75)))


BAD_PODS: dict[str, Callable[[list[ScrapedPod]], object]] = {
    "more than one release": lambda pods: _twin(pods, instance="10.0.0.3:8080", release="other"),
    "more than one namespace": lambda pods: _twin(pods, instance="10.0.0.3:8080", namespace="other"),
    "in different namespaces": lambda pods: setattr(pods[1], "namespace", "other"),
    "more than one Rollout": lambda pods: _twin(pods, instance="10.0.0.3:8080", pod="shop-bbb-x"),
    "instead of collection": lambda pods: _twin(pods, instance="10.0.0.3:8080", collection="other"),
    "more than one job scrapes it": lambda pods: _twin(pods, job="other"),
    "differ in a label": lambda pods: _twin(pods),
    "the canary has no search_empty_total": lambda pods: _edit(pods[1], _without("search_empty_total")),
    "stable has no search_degraded_total": lambda pods: _edit(pods[0], _without("search_degraded_total")),
    "has no http_requests_total of them": lambda pods: _edit(pods[1], _without("http_requests_total")),
    "has no http_request_duration_seconds_bucket": lambda pods: _edit(
        pods[1], _without("http_request_duration_seconds_bucket")
    ),
    "differ between the releases": lambda pods: _other_bounds(pods[1]),
    "value that is no number": lambda pods: _edit(pods[1], lambda series: dict.fromkeys(series, math.nan)),
    "clocks are apart": lambda pods: setattr(
        pods[1], "scrapes", [replace(each, started=each.time + 60) for each in pods[1].scrapes]
    ),
}


@pytest.mark.parametrize("said", BAD_PODS)
def test_series_that_cannot_be_weighed_are_said(said: str) -> None:
    assert said in problem_of(_with(BAD_PODS[said]))


def test_infinite_values_and_warnings_and_a_late_clock_are_said() -> None:
    pods = _with(lambda pods: _edit(pods[1], lambda series: dict.fromkeys(series, math.inf)))
    assert "value that is no number" in problem_of(pods)
    scraper = Scraper(pair())
    scraper.warnings = ("one store\ncannot be reached",)
    assert "may be only a part: one store cannot be reached" in sample(TRIAL, scraper, now=SINCE + 315).problems[0]
    scraper.warnings, scraper.date = (), SINCE + 200
    assert "clock is 115 s behind" in sample(TRIAL, scraper, now=SINCE + 315).problems[0]


def test_a_canary_without_searches_is_no_problem_of_the_samples_and_no_verdict() -> None:
    pods = pair()
    for place, each in enumerate(pods[1].scrapes):
        pods[1].scrapes[place] = replace(each, series=Counts().series())
    found = sampled(pods)
    assert found.problems == ()
    assert (found.canary.requests == 0).all()
    assert judge_traffic(TRIAL, CanaryGates(), Scraper(pods), now=SINCE + 315).verdict == "inconclusive"


class Failing(Scraper):
    """Answers so many queries, then no more."""

    def __init__(self, pods: list[ScrapedPod], *, error: Exception, after: int) -> None:
        super().__init__(pods)
        self.error, self.after = error, after

    def query_range(self, *args: float, **more: float) -> Answer:
        if len(self.asked) == self.after:
            raise self.error
        return super().query_range(*args, **more)


@pytest.mark.parametrize("error", [Unavailable("Prometheus is away"), Refused("Prometheus rejects the query")])
def test_a_prometheus_that_fails_at_any_query_is_inconclusive(error: Exception) -> None:
    for last in range(7):
        scraper = Failing(pair(), error=error, after=last)
        judged = judge_traffic(TRIAL, CanaryGates(), scraper, now=SINCE + 315)
        assert judged.verdict == "inconclusive"
        assert str(error) in judged.reason


def test_each_metric_is_asked_for_once() -> None:
    scraper = Scraper(pair())
    sample(TRIAL, scraper, now=SINCE + 315)
    assert len(scraper.asked) == 7


def test_a_bad_canary_fails_and_a_good_one_passes() -> None:
    good = [steady("a:1", "aaa", start=SINCE - 3700.0, until=SINCE + 2000, per_s=10)]
    good.append(steady("b:1", "bbb", start=SINCE - 60.0, until=SINCE + 2000, per_s=3))
    assert judge_traffic(TRIAL, CanaryGates(), Scraper(good), now=SINCE + 1900).verdict == "pass"
    bad = [good[0], ScrapedPod("b:1", "bbb")]
    for each in good[1].scrapes:
        total = round(3 * (each.time - SINCE + 60))
        bad[1].scrape(each.time, each.started, counts(total - total // 5, failed=total // 5))
    assert judge_traffic(TRIAL, CanaryGates(), Scraper(bad), now=SINCE + 315).verdict == "fail"
