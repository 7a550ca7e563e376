"""What the steps say, as findings of the gate: one shape for the report, the annotations and the exit code."""

from __future__ import annotations

from collections.abc import Iterable

from turnout.errors import BadInput, EnvironmentProblem, Refused, TurnoutError
from turnout.gate.result import GateFinding, Step
from turnout.release.findings import Finding
from turnout.verify import Verdict


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """fail before inconclusive before pass; pass for nothing."""
    found = set(verdicts)
    return "fail" if "fail" in found else "inconclusive" if "inconclusive" in found else "pass"


def fail(step: Step, rule: str, *, where: str, what: str, remedy: str) -> GateFinding:
    """A finding that stops the change."""
    return GateFinding(step=step, rule=rule, verdict="fail", where=where, what=what, remedy=remedy)


def unknown(step: Step, rule: str, *, where: str, what: str, remedy: str) -> GateFinding:
    """A finding that stops the change because something could not be found out."""
    return GateFinding(step=step, rule=rule, verdict="inconclusive", where=where, what=what, remedy=remedy)


def note(step: Step, rule: str, *, where: str, what: str, remedy: str = "") -> GateFinding:
    """Something to know that stops nothing."""
    return GateFinding(step=step, rule=rule, verdict="pass", where=where, what=what, remedy=remedy)


def of_validation(finding: Finding) -> GateFinding:
    """A finding of `turnout validate`."""
    where = f"{finding.place} ({finding.pointer})" if finding.pointer else finding.place
    return fail("validate", finding.rule, where=where, what=finding.problem, remedy=finding.remedy)


def of_error(step: Step, error: TurnoutError, *, where: str) -> GateFinding:
    """An error that ended a step. What the environment lacks is nobody's fault in the change, and never a pass."""
    place = error.where or where
    match error:
        case EnvironmentProblem():
            rule = f"{step}-not-done"
            return unknown("environment", rule, where=place, what=error.what, remedy=error.remedy)
        case BadInput() | Refused():
            return fail(step, f"{step}-refused", where=place, what=error.what, remedy=error.remedy)
        case _:
            return unknown(step, f"{step}-not-done", where=place, what=error.what, remedy=error.remedy)


def of_crash(step: Step, error: Exception, *, where: str) -> GateFinding:
    """A mistake in turnout itself. Its message is left out: it could quote a document or a key."""
    what = f"the step ended with {type(error).__name__}, which is a mistake in turnout"
    remedy = "report it with the lines that were printed; the change was not judged"
    return unknown("environment", f"{step}-crashed", where=where, what=what, remedy=remedy)
