"""One canary on trial: its process, its share of the searches, the judge's looks, and the verdict.

Called by `demo.canary`, which makes stable, the traffic and Prometheus, and acts on the verdict.
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from demo.processes import Service
from demo.scraped import Scraped
from demo.stage import Stage
from demo.weighted import Weighted
from support.workspace import COLLECTION
from turnout.canary.judgment import Judgment, Verdict
from turnout.judge.picture import draw
from turnout.judge.replay import End, PastTrial
from turnout.judge.replay_judged import replay
from turnout.judge.traffic import judge_traffic
from turnout.judge.trial import Trial
from turnout.prometheus import Prometheus
from turnout.release.artifacts import CanaryGates, RateGate

WINDOW_S = 2.0
LOOK_EVERY_S = 3.0
PATIENCE_S = 90.0
ENDS: dict[str, End] = {"pass": "promoted", "fail": "stopped", "inconclusive": "running"}
# With the default floors of 1 or 2 % a pass takes thousands of searches; a laptop's minute has some hundred. And what
# shares two cores with Elasticsearch is slow now and then: only searches above 250 ms count, and more of them may be.
GATES = CanaryGates(
    unnoticed_ms=250.0,
    errors=RateGate(alpha_share=0.4, tolerance=1.0, margin=2.0, floor=0.1),
    latency=RateGate(alpha_share=0.4, tolerance=1.0, margin=4.0, floor=0.15),
    degraded=RateGate(alpha_share=0.1, tolerance=1.0, margin=2.0, floor=0.1),
    empty=RateGate(alpha_share=0.1, tolerance=1.0, margin=2.0, floor=0.1),
)


@dataclass(frozen=True)
class Play:
    """What is tried: `fault` as `demo.faulty` names it, `expected` the verdict that the demo stands for."""

    name: str
    title: str
    expected: Verdict
    fault: str = ""


@dataclass
class Tried:
    """How a trial ended.

    `seconds` to the verdict and `requests` of the canary until then. `unexpected` counts failed searches, on either
    side, that no fault explains. `picture` is the judge's own, SVG text.
    """

    play: Play
    judgment: Judgment
    seconds: float
    requests: int
    unexpected: int
    picture: str
    alias_moved: bool = False

    def figures(self) -> dict[str, Any]:
        """One entry of summary.json."""
        return {
            "name": self.play.name,
            "verdict": self.judgment.verdict,
            "expected": self.play.expected,
            "seconds": round(self.seconds, 1),
            "requests": self.requests,
            "reason": self.judgment.reason,
            "alias_moved": self.alias_moved,
            "unexpected_failures": self.unexpected,
        }


@dataclass(frozen=True)
class Trials:
    """Tries one canary after the other against one stable service.

    `stable_release` is its release id, `pods` its pod template hash.
    """

    stage: Stage
    stable: Service
    stable_release: str
    pods: str
    traffic: Weighted
    scraped: Scraped

    def run(self, play: Play, canary: Service) -> Tried:
        """Give the canary its share until the judge is sure or patience ends. Its process is left running."""
        self.scraped.targets([self.stable.address, canary.address])  # Prometheus takes some seconds to begin
        release = canary.wait_ready()["release"]
        failed_before = self.traffic.stable.failed
        trial = Trial(COLLECTION, stable=self.pods, canary=play.name, since=time.time(), window_s=WINDOW_S)
        self.traffic.begin(canary.url)
        picture = self.stage.folder / f"canary-{play.name}.svg"
        with closing(Prometheus(self.scraped.url)) as prometheus:
            judgment, now = self._judged(trial, prometheus)
            answers = replace(self.traffic.canary)  # more come while the picture is drawn
            failed = self.traffic.stable.failed - failed_before + (0 if play.fault == "errors" else answers.failed)
            past = PastTrial(trial, self.stable_release, release, until=now, end=ENDS[judgment.verdict])
            draw(replay(prometheus, past, GATES), picture, rollout=f"search-{COLLECTION}")
        return Tried(play, judgment, now - trial.since, answers.sent, failed, picture.read_text())

    def _judged(self, trial: Trial, prometheus: Prometheus) -> tuple[Judgment, float]:
        """The verdict, or the last judgment without one, and when it was asked for."""
        while True:
            time.sleep(LOOK_EVERY_S)
            now = time.time()
            judgment = judge_traffic(trial, GATES, prometheus, now=now)
            self.stage.console.print(
                f"  {now - trial.since:4.0f} s, {self.traffic.canary.sent:3d} searches:"
                f" {judgment.verdict}: {judgment.reason}",
                soft_wrap=True,
                markup=False,
            )
            if judgment.verdict != "inconclusive" or now - trial.since > PATIENCE_S:
                return judgment, now
