"""One round of one collection: look, decide, show, act, tell. Called by the loop, one at a time for each collection."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, Counter, Histogram

from turnout.controller.act import Actor, Outcome, tag, told
from turnout.controller.actions import Decision
from turnout.controller.board import Board
from turnout.controller.comparing import ParityWatch
from turnout.controller.desired import desired
from turnout.controller.environment import claim
from turnout.controller.judged import Judged, judged
from turnout.controller.judged import problems as problems_of_judging
from turnout.controller.look import Looker
from turnout.controller.observed import Observed, Rolling
from turnout.controller.probing import Prober
from turnout.controller.seen import is_certain
from turnout.controller.sizes import Scale
from turnout.controller.tell import Teller
from turnout.controller.tools import Deposed, Tools
from turnout.errors import TurnoutError, Unavailable

log = logging.getLogger(__name__)
# From a look at an empty collection to a parity of many millions.
_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)


class Counts:
    """What a replica has done since it started, as Prometheus counts it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.seconds = Histogram(
            "turnout_reconcile_seconds",
            "Seconds that a round of one collection took",
            buckets=_BUCKETS,
            registry=registry,
        )
        self.errors = Counter(
            "turnout_reconcile_errors", "Looks and actions that failed", ("collection",), registry=registry
        )
        self.actions = Counter(
            "turnout_controller_actions", "Actions that changed something", ("collection", "action"), registry=registry
        )


class Reconciler:
    """Everything that is remembered of one collection between two rounds. All of it may be lost."""

    def __init__(self, tools: Tools, board: Board, counts: Counts) -> None:
        self._tools, self._board, self._counts = tools, board, counts
        self._collection = tools.names.collection
        self._looker = _looker(tools)
        self._actor = Actor(tools, self._looker)
        self._teller = Teller(tools)
        self._prober = Prober(tools, board.probes)
        self._watch, self._scale = ParityWatch(tools, board.parities), Scale(tools, board.sizes)
        self._failure: dict[str, str] = {}
        self._judged: Judged | None = None
        self._rolling: Rolling | None = None  # the last that was seen, to write events on while nothing can be seen

    def round(self) -> None:
        """One round. What fails is shown and logged, and never raised."""
        errors = self._counts.errors.labels(self._collection)
        with self._counts.seconds.time():
            try:
                self._round()
            except Deposed:
                log.info("%s: the round ends here, another replica leads", self._collection)
            except Exception as error:
                errors.inc()
                problem = look_problem(error)
                if not isinstance(error, TurnoutError) and problem != self._failure:
                    log.exception("%s: the round failed", self._collection)
                self._failure = problem
                self._show(problem, is_all=False)

    def _round(self) -> None:
        self._tools.check()
        observed = self._looker.look()
        self._rolling = observed.rollout
        claim(self._tools)
        decision = desired(observed, spare_s=self._tools.spare_s)
        # Before acting, which may take long.
        self._board.show(observed, decision)
        self._teller.foretell(observed, decision, self._judged)
        outcome = self._actor.carry_out(decision, observed)
        found = {**self._judge(observed), **self._watch.round(observed)}
        self._tell(observed, decision, outcome, found)
        self._prober.round(observed)
        self._scale.round(observed)

    def _judge(self, observed: Observed) -> dict[str, str]:
        """Show the newest judgment of what is on trial; the problems with that."""
        judging = self._tools.judging
        if judging is None:
            return {}
        if is_certain(observed):  # else the roles may be yesterday's: what was judged stands
            self._judged = judged(observed, judging)
        self._board.judged(self._collection, self._judged)
        return problems_of_judging(self._judged, judging)

    def _tell(self, observed: Observed, decision: Decision, outcome: Outcome, found: dict[str, str]) -> None:
        for action, _ in outcome.done:
            self._counts.actions.labels(self._collection, tag(action)).inc()
        self._counts.errors.labels(self._collection).inc(sum(key.endswith("-failed") for key in outcome.problems))
        problems = {**decision.problems, **outcome.problems, **found}
        self._teller.done(outcome, observed.rollout)
        self._show(problems)
        self._teller.record(observed, decision, self._judged)

    def _show(self, problems: dict[str, str], *, is_all: bool = True) -> None:
        self._board.problems(self._collection, problems)
        self._teller.problems(problems, self._rolling, is_all=is_all)


def decide(tools: Tools) -> tuple[Observed, Decision]:
    """Look and decide, and change nothing. For people who ask what would be done now.

    Raises:
        TurnoutError: half a picture is none.
    """
    observed = _looker(tools).look()
    return observed, desired(observed, spare_s=tools.spare_s)


def _looker(tools: Tools) -> Looker:
    return Looker(tools.kube, tools.elastic, tools.names, now=lambda: datetime.now(UTC))


def look_problem(error: Exception) -> dict[str, str]:
    """An error that ended a round, as a problem: by whether the same may succeed later by itself."""
    word = "unavailable" if isinstance(error, Unavailable) else "round-failed"
    return {word: told(error)}
