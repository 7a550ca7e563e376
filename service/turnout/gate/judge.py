"""Judge one collection: validate, plan and policy, cost, rehearsal, in this order; then one verdict.

A step that can't be done is a finding like any other, and what was found before it is kept. Called by `gate.check`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from turnout.cost import calibrated, calibration
from turnout.errors import TurnoutError
from turnout.gate import findings as say
from turnout.gate.base import base_release
from turnout.gate.evidence import of_evidence
from turnout.gate.gone import of_arrival, of_deletion, of_links
from turnout.gate.permissions import given, of_base, of_refusals, seen_by, unused_overrides
from turnout.gate.rehearsed import of_rehearsal
from turnout.gate.result import CollectionReport, GateFinding, Step
from turnout.gate.scope import Scope, Subject
from turnout.gate.steps import Began, Costed, Ended, Steps
from turnout.plan import Plan
from turnout.rehearsal.result import Rehearsal
from turnout.release.artifacts import Release
from turnout.release.checking import Checked, artifact_file
from turnout.release.overridable import REHEARSAL

_Value = TypeVar("_Value")
_REPORT = "report this with the report"


def judge(subject: Subject, scope: Scope, root: Path, steps: Steps) -> CollectionReport:
    """Everything that is found out about one collection. Raises nothing but what interrupts a program."""
    judging = _Judging(subject, scope, root, steps)
    judging.run()
    return judging.report()


class _Judging:
    """One collection under way: what is known so far."""

    def __init__(self, subject: Subject, scope: Scope, root: Path, steps: Steps) -> None:
        self._subject, self._scope, self._root, self._steps = subject, scope, root, steps
        self._lock = artifact_file(subject.collection, "release.json")
        self._findings: list[GateFinding] = []
        self._seconds: dict[str, float] = {}
        self._base: Release | None = None
        self._head: Release | None = None
        self._plan: Plan | None = None
        self._costed: Costed | None = None
        self._rehearsal: Rehearsal | None = None

    def run(self) -> None:
        """Go as far as possible. No data never passes: what nothing was found about is not judged."""
        try:
            self._go()
        except Exception as error:
            self._ended("policy", error)
        judged = self._rehearsal is not None or (self._head is not None and self._base == self._head)
        if self._subject.now and not judged and say.worst(each.verdict for each in self._findings) == "pass":
            what = "nothing was found out about the release, and nothing says why"
            self._findings.append(say.unknown("validate", "not-judged", where=self._lock, what=what, remedy=_REPORT))

    def _go(self) -> None:
        base_is_known = self._read_base()
        if not self._subject.now:
            deletions = self._steps.policy.deletions
            self._findings += of_deletion(self._subject, self._scope, self._base, deletions)
            return
        self._findings += of_arrival(self._subject)
        self._findings += of_links(self._subject)
        checked = self._step("validate", lambda: self._steps.validate(self._subject.collection))
        if checked is None:
            return
        self._findings += map(say.of_validation, checked.findings)
        if checked.findings or checked.release is None or not base_is_known:
            return
        self._head = checked.release
        commit, overrides = self._scope.base_commit, given(checked)
        self._findings += of_base(checked, self._head, root=self._root, commit=commit)
        self._findings += of_evidence(self._root, commit, self._base, self._head, overrides=overrides)
        self._reckon(self._head, checked)
        self._rehearse(self._head, checked)

    def report(self) -> CollectionReport:
        """What was found out."""
        return CollectionReport(
            collection=self._subject.collection,
            change=self._change(),
            base_id=self._base.id if self._base else None,
            head_id=self._head.id if self._head else None,
            verdict=say.worst(finding.verdict for finding in self._findings),
            findings=tuple(self._findings),
            plan=self._plan,
            cost=self._costed.cost if self._costed else None,
            rehearsal=self._rehearsal,
            seconds=self._seconds,
        )

    def _change(self) -> str:
        if not self._subject.now:
            return "deleted"
        if self._plan is None:
            return "broken"
        return self._plan.change.value if self._base else "new"

    def _read_base(self) -> bool:
        """Whether the base's release is known, one that isn't there included."""
        try:
            self._base = base_release(self._root, self._scope.base_commit, self._subject.collection)
        except TurnoutError as error:
            what = f"the base's release can't be read, so there is nothing to compare with: {error.what}"
            remedy = "mend release.json on the base first: what is live was made from it"
            self._findings.append(say.unknown("plan", "base-unreadable", where=error.where, what=what, remedy=remedy))
            return False
        if self._base is None and self._subject.before:
            what = "the base has files of this collection but no release.json, so it is judged as a new one"
            self._findings.append(say.note("plan", "base-not-locked", where=self._lock, what=what))
        return True

    def _reckon(self, head: Release, checked: Checked) -> None:
        """Plan, policy and cost: what the change will do, before anything is built."""
        overrides = given(checked)
        names = tuple(override.rule for override in overrides)
        plan = self._step("plan", lambda: self._steps.plan(self._base, head, names))
        if plan is None:
            return
        self._plan = plan
        self._findings += of_refusals("plan", plan.refusals, plan.lifted, overrides, collection=head.collection)
        costed = self._step("cost", lambda: self._steps.cost(self._base, head, plan, names))
        if costed is None:
            return
        self._costed = costed
        self._findings += of_refusals("cost", costed.refusals, costed.lifted, overrides, collection=head.collection)
        used = {refusal.rule for refusal in (*plan.lifted, *costed.lifted)}
        used |= {finding.rule for finding in self._findings if finding.lifted_by}
        self._findings += unused_overrides(checked, used, rules=seen_by(plan))

    def _rehearse(self, head: Release, checked: Checked) -> None:
        if self._base == head:
            what = "the release is that of the base, to the letter: there is nothing to compare"
            self._findings.append(say.note("rehearsal", "same-release", where=self._lock, what=what))
            return
        if any(finding.verdict != "pass" for finding in self._findings):
            what = "the rehearsal was left out: the change is stopped already, and it would cost time and perhaps money"
            remedy = "mend what stands against it, then check again"
            self._findings.append(say.note("rehearsal", "not-rehearsed", where=self._lock, what=what, remedy=remedy))
            return
        self._rehearsal = self._step("rehearsal", lambda: self._steps.rehearse(self._base, head))
        if self._rehearsal is not None:
            overrides = given(checked)
            found = of_rehearsal(self._rehearsal, head.gates, overrides, where=self._lock)
            self._costed = _calibrated(self._costed, self._rehearsal, head)
            used = {finding.rule for finding in found}  # one that wasn't lifted was asked for all the same
            self._findings += (*found, *unused_overrides(checked, used, rules=REHEARSAL))

    def _step(self, step: Step, work: Callable[[], _Value]) -> _Value | None:
        """Do a step and time it; None and a finding if it can't be done."""
        self._steps.listen(Began(self._subject.collection, step))
        began = time.monotonic()
        value: _Value | None = None
        try:
            value = work()
        except Exception as error:
            self._ended(step, error)
        self._seconds[step] = time.monotonic() - began
        self._steps.listen(Ended(self._subject.collection, step, self._seconds[step], _outcome(value)))
        return value

    def _ended(self, step: Step, error: Exception) -> None:
        """What an error in a step says of the change."""
        if isinstance(error, TurnoutError):
            self._findings.append(say.of_error(step, error, where=self._lock))
            return
        self._steps.crashed(error)
        self._findings.append(say.of_crash(step, error, where=self._lock))


def _calibrated(costed: Costed | None, rehearsal: Rehearsal, head: Release) -> Costed | None:
    """What was reckoned, with the disk as the rehearsal's view of the head showed it."""
    side = rehearsal.head
    if costed is None or side is None:
        return costed
    factor = calibration(side.vector_disk_bytes, head, side.passages)
    return replace(costed, cost=calibrated(costed.cost, factor))


def _outcome(value: object) -> str:
    """One line on what a step gave."""
    match value:
        case None:
            return "not done"
        case Checked(findings=findings):
            return "no findings" if not findings else "1 finding" if len(findings) == 1 else f"{len(findings)} findings"
        case Plan(change=change, refusals=refusals):
            return f"{change.value}, {'refused' if refusals else 'not refused'}"
        case Costed(refusals=refusals):
            return "refused" if refusals else "not refused"
        case Rehearsal(verdict=verdict):
            return verdict
        case _:
            return "done"
