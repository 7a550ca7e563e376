"""The demo's last act: a canary on the laptop. Real services, a real Prometheus, the real judge.

Release C is built and verified beside B, the alias stays. It is tried three times with a fifth of the searches: with a
delay under each search, with errors, and as it is. Only what the judge passes is applied. Called by the story.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

from demo import edits
from demo.scraped import Scraped
from demo.stage import Stage
from demo.trials import GATES, LOOK_EVERY_S, Play, Trials, Tried
from demo.weighted import Weighted
from support.workspace import COLLECTION

PER_SECOND = 30
SHARE = 0.2
HISTORY_S = 4.0  # of stable, before the first canary starts: by it the judge knows how bursty trouble is here
PLAYS = (
    Play("slow", "with each search 300 ms slower", "fail", fault="slow"),
    Play("failing", "with an error for each fifth search", "fail", fault="errors"),
    Play("good", "as it is", "pass"),
)


class Canary:
    """The act. A context manager: whatever it started is stopped."""

    def __init__(self, stage: Stage, build: Path, queries: list[str]) -> None:
        self._stage, self._build, self._queries = stage, build, queries
        self._stack = ExitStack()

    def __enter__(self) -> Canary:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def play(self) -> list[Tried]:
        """All trials; how each ended."""
        trials = self._prepare()
        self._stage.console.print(
            f"{PER_SECOND} searches a second, {SHARE:.0%} of them for the canary. Prometheus asks both services each"
            f" second, and the judge is asked each {LOOK_EVERY_S:.0f} s.\n"
            f"A laptop's minute has too few searches for the default gates, so these are wider: up to"
            f" {GATES.errors.floor:.0%} of errors and {GATES.latency.floor:.0%} of searches above"
            f" {GATES.unnoticed_ms:.0f} ms are good enough.",
            soft_wrap=True,
            highlight=False,
        )
        tried = [self._try(trials, play) for play in PLAYS]
        trials.traffic.stop()
        return tried

    def _prepare(self) -> Trials:
        """Stable with its traffic and Prometheus, and release C verified beside it."""
        stage, workspace = self._stage, self._stage.workspace
        scraped = Scraped(stage.folder / "prometheus", self._build)
        self._stack.callback(scraped.stop)
        scraped.start()
        stable = stage.serve("stable", pods="stable")
        self._stack.callback(stable.stop)
        edits.release_c(workspace)
        workspace.turnout("lock", COLLECTION)
        workspace.turnout("validate", COLLECTION)
        workspace.turnout("apply", COLLECTION, "--until", "ready")
        workspace.commit("Release C: a denser graph of vectors")
        release = stable.wait_ready()["release"]
        scraped.targets([stable.address])
        traffic = Weighted(stable.url, self._queries, per_second=PER_SECOND, share=SHARE, seed=7)
        self._stack.callback(traffic.stop)
        traffic.start()
        time.sleep(HISTORY_S)
        return Trials(stage, stable, release, "stable", traffic, scraped)

    def _try(self, trials: Trials, play: Play) -> Tried:
        stage = self._stage
        stage.console.print(f"\n[bold]Canary {play.name}:[/] release C {play.title}")
        before = self._alias()
        canary = stage.serve(f"canary-{play.name}", pods=play.name, fault=play.fault)
        self._stack.callback(canary.stop)
        tried = trials.run(play, canary)
        promoted = tried.judgment.verdict == "pass"
        trials.traffic.end(promoted=promoted)
        if promoted:
            stage.workspace.turnout("apply", COLLECTION)
        else:
            trials.scraped.targets([trials.stable.address])
            canary.stop()
        after = self._alias()
        tried.alias_moved = before != after
        where = f"moved to {after}" if tried.alias_moved else f"stays on {after}"
        what = {"pass": "promoted", "fail": "stopped", "inconclusive": "given up, without a verdict,"}
        stage.console.print(
            f"{what[tried.judgment.verdict]} after {tried.seconds:.0f} s and {tried.requests} searches;"
            f" the alias {where}",
            soft_wrap=True,
        )
        return tried

    def _alias(self) -> str:
        return ", ".join(sorted(self._stage.reader.alias_targets(self._stage.names.alias)))
