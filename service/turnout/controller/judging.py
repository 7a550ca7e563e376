"""Judges canaries for whoever asks: Argo Rollouts through `server`, and the leader's rounds. One for each replica.

Asking costs a few reads of the cluster; the judgment itself is made once for each window that has ended, however many
ask. A few are made at once and others wait for their turn. Whatever goes wrong is an inconclusive judgment with the
reason: being unable to judge must neither pass a canary nor end it.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import NamedTuple

import msgspec

from turnout.canary.judgment import Judgment
from turnout.controller.act import told
from turnout.controller.trial import OnTrial, Trials
from turnout.errors import TurnoutError
from turnout.judge.traffic import SETTLE
from turnout.judge.trial import TEMPLATE_HASH, Trial
from turnout.release.artifacts import CanaryGates

log = logging.getLogger(__name__)
AT_ONCE, WAITING = 4, 16
"""Judgments that are made at the same time, and askers that may wait for one."""
PATIENCE_S = 12.0
"""Seconds that an asker waits; the analyses give up after 20 (`timeoutSeconds`)."""
_KEPT = 64
_STALE = 3  # windows

Judge = Callable[[Trial, CanaryGates], Judgment]
"""Judges live traffic; makes inconclusive judgments of problems, and raises nothing that it foresees."""
Finish = Callable[[OnTrial, Judgment], Judgment]
"""Adds to a judgment of live traffic what else is known of the trial."""
Pair = tuple[str, str]


class _Made(NamedTuple):
    """A judgment that was made, of which window, and when by the clock. `trial` is None if none was found."""

    judgment: Judgment
    trial: Trial | None
    window: int
    at: float


class Judging:
    """Judgments by pod template hashes. Thread-safe; works on threads of its own, which never hold up the process.

    Args:
        trials: finds what is asked for.
        judge: None if no Prometheus is configured.
        finish: applied whenever a judgment is given out.
        clock: Unix seconds.
    """

    def __init__(
        self,
        trials: Trials,
        judge: Judge | None,
        *,
        finish: Finish = lambda _, judgment: judgment,
        clock: Callable[[], float] = time.time,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._trials, self._judge, self._finish, self._clock = trials, judge, finish, clock
        self._patience_s = patience_s
        self._turn = threading.Condition()
        self._running: dict[Pair, Future[Judgment]] = {}
        self._waiting = 0
        # The newest of traffic alone by pair, so that nothing is judged twice; and the newest that was given out.
        self._made: dict[Pair, _Made] = {}
        self._given: dict[Pair, _Made] = {}

    @property
    def can_judge(self) -> bool:
        """Whether a Prometheus is configured."""
        return self._judge is not None

    def ask(self, canary: str, stable: str) -> Judgment:
        """The judgment as of now, within `patience_s`. Never raises."""
        for side, hash_ in (("canary", canary), ("stable", stable)):
            if not TEMPLATE_HASH.fullmatch(hash_):
                return self._without(f"{side} is not a pod template hash")
        until = time.monotonic() + self._patience_s
        asked = self._begin((canary, stable), self._patience_s)
        if asked is None:
            return self._without(f"{AT_ONCE} other judgments are being made, ask again")
        try:
            return asked.result(timeout=max(0.0, until - time.monotonic()))
        except TimeoutError:
            return self._without("the judgment takes longer than usual, ask again")

    def newest(self, canary: str, stable: str) -> Judgment | None:
        """The newest judgment that is known; another is begun once a window has ended since. Never waits."""
        pair = (canary, stable)
        given = self._given.get(pair)
        if given is None or self._is_over(given):
            self._begin(pair, 0.0)
        # What nobody asked about for a while may be of an earlier trial of the same pods.
        is_old = given is None or not 0 <= self._clock() - given.at < _STALE * self._trials.window_s + PATIENCE_S
        return None if given is None or is_old else given.judgment

    def _is_over(self, made: _Made) -> bool:
        if made.trial is not None:
            return made.window != self._window(made.trial)
        return not 0 <= self._clock() - made.at < self._trials.window_s

    def _window(self, trial: Trial) -> int:
        """The newest window that can be judged, as `judge_traffic` counts them."""
        return math.floor((self._clock() - trial.since) / trial.window_s - SETTLE)

    def _begin(self, pair: Pair, wait_s: float) -> Future[Judgment] | None:
        """The judgment of a pair that is under way, or a new one; None if it isn't its turn within the time."""
        with self._turn:
            if not self._has_turn(pair):
                if not wait_s or self._waiting >= WAITING:
                    return None
                self._waiting += 1
                try:
                    if not self._turn.wait_for(lambda: self._has_turn(pair), wait_s):
                        return None
                finally:
                    self._waiting -= 1
            found = self._running.get(pair)
            if found is None:
                found = Future()
                threading.Thread(target=self._work, args=(pair, found), name="judgment", daemon=True).start()
                self._running[pair] = found
            return found

    def _has_turn(self, pair: Pair) -> bool:
        return pair in self._running or len(self._running) < AT_ONCE

    def _work(self, pair: Pair, asked: Future[Judgment]) -> None:
        trial: Trial | None = None
        try:
            on_trial = self._trials.find(*pair)
            trial = on_trial.trial
            judgment = self._finish(on_trial, self._of_traffic(pair, on_trial))
        except TurnoutError as error:
            judgment = self._without(told(error))
        except Exception as error:
            log.exception("%s can't be judged", pair[0])
            judgment = self._without(f"a bug: {told(error)}")
        window = self._window(trial) if trial is not None else 0
        with self._turn:
            _keep(self._given, pair, _Made(judgment, trial, window, self._clock()))
            del self._running[pair]
            self._turn.notify_all()
        asked.set_result(judgment)

    def _of_traffic(self, pair: Pair, on_trial: OnTrial) -> Judgment:
        if self._judge is None:
            return self._without("no Prometheus is configured: set TURNOUT_PROMETHEUS_URL")
        made, window = self._made.get(pair), self._window(on_trial.trial)
        if made is not None and made.trial == on_trial.trial and made.window == window:
            return made.judgment
        judgment = finite(self._judge(on_trial.trial, on_trial.gates))
        with self._turn:
            _keep(self._made, pair, _Made(judgment, on_trial.trial, window, self._clock()))
        return judgment

    def _without(self, reason: str) -> Judgment:
        now = self._clock()
        return Judgment(verdict="inconclusive", reason=reason, since=now, until=now, windows=0)


def _keep(known: dict[Pair, _Made], pair: Pair, made: _Made) -> None:
    """Remember the newest of each pair, of the last pairs that were asked for."""
    known.pop(pair, None)
    known[pair] = made
    while len(known) > _KEPT:
        del known[next(iter(known))]


def finite(judgment: Judgment) -> Judgment:
    """The same with figures that JSON can hold: for Argo Rollouts an answer that is no JSON is a success."""
    evidence = tuple(
        msgspec.structs.replace(
            each,
            **{
                name: 0.0 if math.isnan(value) else min(max(value, -1e9), 1e9)
                for name, value in msgspec.structs.asdict(each).items()
                if isinstance(value, float)
            },
        )
        for each in judgment.evidence
    )
    needed_s = judgment.needed_seconds
    if needed_s is not None and not math.isfinite(needed_s):
        needed_s = None
    return msgspec.structs.replace(judgment, evidence=evidence, needed_seconds=needed_s)
