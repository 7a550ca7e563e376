"""What the judge said of a commit's canary, asked twice: of Argo's own measurements, and of Prometheus afterwards.

The second is a replay: the judgment is a function of what was counted, so it can be made again at any time.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import orjson

from e2e import rolling
from e2e.overlay import JUDGE_WINDOW_S
from e2e.repository import Commit
from e2e.stories.story import Figures
from e2e.world import World
from support.workspace import COLLECTION
from turnout.canary.judgment import Judgment
from turnout.judge.traffic import judge_traffic
from turnout.judge.trial import Trial
from turnout.prometheus import Prometheus

JUDGE = "judge"
TELLING = 30
"""Searches of a faulty canary among which there is one that went wrong: of a fifth that fail, 30 miss 1 time in 800."""


def said(world: World, hash_: str) -> list[str]:
    """The verdicts that Argo got for the canary of this pod template hash, in order and without repetitions."""
    verdicts: list[str] = []
    for verdict in _measured(rolling.analysis_runs(world.kube, hash_)):
        if verdicts[-1:] != [verdict]:
            verdicts.append(verdict)
    return verdicts


def _measured(runs: list[dict[str, Any]]) -> Iterator[str]:
    found = [
        (str(measurement.get("finishedAt")), measurement.get("value", ""))
        for run in runs
        for result in run.get("status", {}).get("metricResults", [])
        if result["name"] == JUDGE
        for measurement in result.get("measurements", [])
    ]
    for _, value in sorted(found):
        if value:
            yield str(orjson.loads(value).get("verdict"))


def replayed(world: World, commit: Commit, *, stable: str, canary: str) -> Judgment:
    """The judgment of a trial that is over, from Prometheus alone.

    Args:
        stable, canary: pod template hashes.
    """
    assert commit.release is not None
    *_, background = [run for run in rolling.analysis_runs(world.kube, canary) if _is_background(run)]
    since = datetime.fromisoformat(background["metadata"]["creationTimestamp"]).timestamp()
    trial = Trial(collection=COLLECTION, stable=stable, canary=canary, since=since, window_s=JUDGE_WINDOW_S)
    ended = background["status"].get("completedAt")
    # What was counted last is scraped a moment later.
    until = min(time.time(), datetime.fromisoformat(ended).timestamp() + 2 * JUDGE_WINDOW_S) if ended else time.time()
    prometheus = Prometheus(world.cluster.prometheus)
    return judge_traffic(trial, commit.release.gates.judged, prometheus, now=until)


def _is_background(run: dict[str, Any]) -> bool:
    return bool(run["metadata"]["labels"].get("rollout-type") == "Background")


def passed(world: World, commit: Commit, *, stable: str, canary: str) -> Figures:
    """Figures of a trial that was promoted: a replay must come to a pass."""
    judgment = replayed(world, commit, stable=stable, canary=canary)
    assert judgment.verdict == "pass", f"the judge says {judgment.verdict}: {judgment.reason}"
    return _figures(world, judgment, canary)


def blamed(world: World, commit: Commit, metric: str, *, stable: str, canary: str) -> Figures:
    """Figures of a trial that was stopped. A guard may have been quicker: then the evidence must lean that way.

    Of a canary that was gone before a whole window of it was scraped the judge knows too little to lean anywhere.
    """
    judgment = replayed(world, commit, stable=stable, canary=canary)
    (evidence,) = (each for each in judgment.evidence if each.metric == metric)
    assert judgment.verdict != "pass", f"the judge says pass: {judgment.reason}"
    leans = judgment.verdict == "fail" or evidence.canary_events > 0
    assert leans or evidence.canary_requests < TELLING, f"no evidence in {metric}: {judgment.reason}"
    return _figures(world, judgment, canary)


def _figures(world: World, judgment: Judgment, canary: str) -> Figures:
    figures = {
        "verdict": judgment.verdict,
        "verdicts_in_argo": said(world, canary),
        "windows": judgment.windows,
        "harm": {each.metric: round(each.harm, 2) for each in judgment.evidence},
        "reason": judgment.reason,
    }
    return {"judge": figures}
