"""Plays faults, several at a time where they don't disturb each other: the alerts that follow, the runbook's commands,
the mending, and the alerts' end. Called by `__main__`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from e2e.waiting import Late
from exercise.faults import Fault
from exercise.faults.fault import Scene
from exercise.monitoring import Rule
from exercise.runbook import Entry
from exercise.shell import Shell
from exercise.watching import Watch

PATIENCE = 2.0
"""An alert is waited for this many times as long as it promises: late is told otherwise than never."""
RESOLVED_S = 1500.0
_POLL_S = 0.5


@dataclass
class Fired:
    """One alert of one fault; seconds from the fault, None if it never came. `resolved` from the mending on.

    One that `outlasts` the exercise isn't waited for.
    """

    alert: str
    fault: str
    promise: float
    outlasts: bool = False
    seconds: float | None = None
    delivered: float | None = None
    resolved: float | None = None

    @property
    def within(self) -> bool:
        """Whether it came in the time that it promises."""
        return self.seconds is not None and self.seconds <= self.promise


@dataclass
class Played:
    """What one fault came to."""

    fault: Fault
    fired: list[Fired]
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0


class Schedule:
    """Plays each fault on a thread of its own, as soon as the parts that it needs are free.

    Args:
        rules: the alerts, for what they promise.
        entries: the runbook.
    """

    def __init__(
        self,
        scene: Callable[[Callable[..., None]], Scene],
        shell: Shell,
        watch: Watch,
        *,
        rules: Mapping[str, Rule],
        entries: Mapping[str, Entry],
        log: Callable[[str], None],
    ) -> None:
        self._scene, self._shell, self._watch = scene, shell, watch
        self._rules, self._entries, self._log = rules, entries, log
        self._turn = threading.Condition()
        self._broken: list[Fault] = []
        self._waiting: list[Fault] = []
        self.played: list[Played] = []

    def play(self, faults: Sequence[Fault]) -> list[Played]:
        """All of them; returns when the last alert is over."""
        self._waiting = list(faults)
        self.played = [Played(fault, [self._expected(fault, alert) for alert in fault.alerts]) for fault in faults]
        threads = [threading.Thread(target=self._play, args=(each,), daemon=True) for each in self.played]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():  # so that Ctrl-C comes through
                thread.join(1.0)
        return self.played

    def _expected(self, fault: Fault, alert: str) -> Fired:
        rule = self._rules[alert]
        promise = round(fault.alerts[alert] + rule.waits_s + 2 * rule.interval_s, 1)
        return Fired(alert, fault.name, promise, outlasts=alert in fault.outlast)

    def _play(self, played: Played) -> None:
        self._take(played.fault)
        began = time.monotonic()
        self._log(f"{played.fault.name}: {played.fault.what}")
        mended = began
        try:
            self._break(played)
        except Exception as error:  # whatever it is, the other faults are played and everything is told
            played.problems.append(f"{type(error).__name__}: {error}"[:1500])
        finally:
            mended = time.monotonic()
            self._free(played.fault)
        played.seconds = round(mended - began, 1)
        self._log(f"{played.fault.name}: mended ({played.seconds:.0f} s) {'; '.join(played.problems)[:300]}")
        for fired in played.fired:
            self._resolved(fired, mended)

    def _break(self, played: Played) -> None:
        fault = played.fault
        scene = self._scene(self._change)
        with fault.breaks(scene) as began:
            for fired in played.fired:
                self._await(fired, began)
            for name in (*fault.alerts, *fault.also):
                for block in self._entries[name].looks():
                    self._shell.run(name, block)
            fault.mends(scene)

    def _change(self, entry: str, words: str, **variables: str) -> None:
        block = self._entries[entry].change(words)
        ran = self._shell.run(entry, block, **variables)
        if ran.failed:
            raise Late(f"{entry}: {'; '.join(ran.failed)}")

    def _await(self, fired: Fired, began: float) -> None:
        end = began + fired.promise * PATIENCE
        while time.monotonic() < end:
            at = self._watch.first(fired.alert, since=began, fires=True)
            if at is not None:
                fired.seconds = round(at - began, 1)
                self._log(f"{fired.alert}: fires {fired.seconds:.0f} s after {fired.fault} ({fired.promise:.0f} s)")
                return
            time.sleep(_POLL_S)
        self._log(f"{fired.alert}: not within {fired.promise * PATIENCE:.0f} s of {fired.fault}")

    def _resolved(self, fired: Fired, mended: float) -> None:
        """Wait until an alert that came is over, and was told to the receiver."""
        if fired.seconds is None or fired.outlasts:
            return
        end = mended + RESOLVED_S
        while time.monotonic() < end and fired.alert in self._watch.firing():
            time.sleep(_POLL_S)
        if fired.alert in self._watch.firing():
            self._log(f"{fired.alert}: not over {RESOLVED_S:.0f} s after the mending")
            return
        fired.resolved = round(time.monotonic() - mended, 1)
        self._log(f"{fired.alert}: over {fired.resolved:.0f} s after the mending")

    def _take(self, fault: Fault) -> None:
        with self._turn:
            while not self._is_free(fault):
                self._turn.wait()
            self._waiting.remove(fault)
            self._broken.append(fault)

    def _is_free(self, fault: Fault) -> bool:
        """Whether no other fault disturbs it, and it doesn't overtake one that waits for the same."""
        before = self._waiting[: self._waiting.index(fault)]
        return not any(disturbs(fault, other) for other in (*self._broken, *before))

    def _free(self, fault: Fault) -> None:
        with self._turn:
            self._broken.remove(fault)
            self._turn.notify_all()


def disturbs(one: Fault, other: Fault) -> bool:
    """Whether either needs for itself what the other needs or relies on."""
    return bool(one.needs & (other.needs | other.uses) or one.uses & other.needs)
